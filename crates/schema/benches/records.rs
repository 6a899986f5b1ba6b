//! How fast records are written, told, converted and made into rows. One element = one record or
//! one row; targets in ARCHITECTURE.md "How fast, how small".
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watchpost_model::Id;
use watchpost_schema::{
    Context, SchemaId, Stamp, Unnumbered, Version, convert, encode, identify, sample, samples, tables::Table,
    validate,
};

const CONTEXT: Context<'static> = Context { instance_id: Id::from_u128(7), instance_name: "Main gate" };
const STAMP: Stamp = Stamp { record_id: Id::from_u128(1), log_id: Id::from_u128(2), sequence: 1042 };

/// The commonest event.
const EVENT: SchemaId = SchemaId::EventLineCrossing;

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("records");
    group.throughput(Throughput::Elements(1));
    let it = &samples()[EVENT as usize];
    for version in Version::ALL {
        let mut out = Vec::with_capacity(1024);
        group.bench_function(format!("encode v{version}"), |bench| {
            bench.iter(|| {
                out.clear();
                encode(version, &it.record, &it.at, &CONTEXT, Some(&STAMP), &mut out);
                out.len()
            });
        });
        let bytes = sample(EVENT, version);
        group
            .bench_function(format!("identify v{version}"), |bench| bench.iter(|| identify(&bytes).unwrap()));
        let to = if version == Version::V1 { Version::V2 } else { Version::V1 };
        group.bench_function(format!("convert v{version} to v{to}"), |bench| {
            bench.iter(|| convert(&bytes, version, to).unwrap());
        });
        group.bench_function(format!("rows v{version}"), |bench| {
            bench.iter(|| {
                Table::Events
                    .for_each_row(&bytes, |cells| {
                        std::hint::black_box(cells);
                    })
                    .unwrap()
            });
        });
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        group.bench_function(format!("validate v{version}"), |bench| bench.iter(|| validate(&value).len()));
    }
    let written = String::from_utf8(sample(EVENT, Version::V2)).unwrap();
    group.bench_function("number what was written v2", |bench| {
        let mut out = Vec::with_capacity(1024);
        bench.iter(|| {
            out.clear();
            Unnumbered::parse(&written).unwrap().write(&STAMP, &mut out);
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, records);
criterion_main!(benches);
