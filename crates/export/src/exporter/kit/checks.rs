//! The checks, in the order in which they are made.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost_process::Exit;
use watchpost_schema::{SchemaId, Version};

use super::{
    Progress, Verdict,
    bench::Bench,
    material::{LARGE_BYTES, UNICODE, group, item, large_crop, record, recorded},
    session::Session,
};
use crate::{exporter::receiver::LAST_ANSWERS, receiver::Item};

/// Records at once: some seconds of a busy instance after an outage.
const BURST: u64 = 2000;
/// How long a slow exporter is fed of them: what it has by then tells its speed, which is no fault.
const BURST_LIMIT: Duration = Duration::from_secs(30);
/// How long to wait for an answer that should not come. A child writes it at once or never.
const QUIET: Duration = Duration::from_millis(300);

/// The first id and version agreed, for checks that need any record.
fn any<F: FnMut(Progress<'_>)>(bench: &Bench<F>) -> (SchemaId, Version) {
    // Nothing agreed does not come here: `prepare` refuses it.
    bench
        .prepared
        .agreed
        .iter()
        .next()
        .map_or((SchemaId::Track, Version::V2), |(id, version)| (*id, *version))
}

fn some((id, version): (SchemaId, Version), numbers: std::ops::Range<u64>) -> Vec<Vec<Item>> {
    numbers.map(|number| vec![item(id, version, &record(id, version, number))]).collect()
}

/// Whether it runs at all.
pub(super) async fn starts<F: FnMut(Progress<'_>)>(bench: &mut Bench<F>) {
    let any = any(bench);
    let start = Instant::now();
    let check = async |session: &mut Session| {
        session.deliver(some(any, 0..1)).await?;
        Ok(format!("{} its first message after {} ms", session.taken(), start.elapsed().as_millis()))
    };
    bench.check("starts", check).await;
    bench.usable = bench.last() == Some(Verdict::Pass);
}

/// The published sample of each id.
pub(super) async fn every_id<F: FnMut(Progress<'_>)>(bench: &mut Bench<F>) {
    for (id, version) in bench.prepared.agreed.clone() {
        let name = format!("{id}:{}", version.number());
        let check = async |session: &mut Session| {
            session.deliver(some((id, version), 1..3)).await?;
            Ok(format!("{} it", session.taken()))
        };
        bench.check(&name, check).await;
    }
}

/// Groups recorded from the demo.
pub(super) async fn recorded_groups<F: FnMut(Progress<'_>)>(bench: &mut Bench<F>) {
    let version = any(bench).1.number();
    let groups = recorded(&bench.prepared.agreed);
    let name = format!("recorded, version {version}");
    if groups.is_empty() {
        return bench.skip(&name, "it subscribes to nothing that was recorded");
    }
    let check = async |session: &mut Session| {
        let count = groups.iter().map(Vec::len).sum::<usize>();
        session.deliver(groups).await?;
        Ok(format!("{} {count} records of a real clip", session.taken()))
    };
    bench.check(&name, check).await;
}

/// Records that are harder than others.
pub(super) async fn contents<F: FnMut(Progress<'_>)>(bench: &mut Bench<F>) {
    let any = any(bench);
    match group(&bench.prepared.agreed, 10) {
        Some(items) => {
            let check = async |session: &mut Session| {
                let count = items.len();
                session.deliver(vec![items]).await?;
                Ok(format!("{} an event with what belongs to it, {count} records", session.taken()))
            };
            bench.check("group", check).await;
        }
        None => bench.skip("group", "it subscribes to no two ids that come together"),
    }
    match bench.prepared.agreed.get(&SchemaId::Crop).copied() {
        Some(version) => {
            let check = async |session: &mut Session| {
                for number in 20..23 {
                    session.deliver(vec![vec![large_crop(version, number, LARGE_BYTES)]]).await?;
                }
                Ok(format!("{} 3 crops of {} MiB", session.taken(), LARGE_BYTES >> 20))
            };
            bench.check("large crops", check).await;
        }
        None => bench.skip("large crops", "it does not subscribe to `crop`"),
    }
    let check = async |session: &mut Session| {
        for (number, (what, text)) in (30..).zip(UNICODE) {
            let mut record = record(any.0, any.1, number);
            fill(&mut record, text);
            let mut sent = vec![item(any.0, any.1, &record)];
            if !text.is_ascii() {
                // The same, as a filter written in Python writes it.
                sent.push(Item { json: escaped(&record).into(), ..sent[0].clone() });
            }
            let groups = sent.into_iter().map(|item| vec![item]).collect();
            session.deliver(groups).await.map_err(|reason| format!("{what}: {reason}"))?;
        }
        Ok(format!("{} {} kinds of text", session.taken(), UNICODE.len()))
    };
    bench.check("unicode", check).await;
    let check = async |session: &mut Session| {
        let mut record = record(any.0, any.1, 50);
        let unknown =
            json!({"x_site": {"name": "north", "tags": ["a", 1, null]}, "new_in_version_9": 1.5, "": true});
        if let (Value::Object(record), Value::Object(unknown)) = (&mut record, unknown) {
            record.extend(unknown);
        }
        session.deliver(vec![vec![item(any.0, any.1, &record)]]).await?;
        Ok(format!("{} keys that no schema has", session.taken()))
    };
    bench.check("unknown keys", check).await;
}

/// Many at once, nothing for a while, one answer for each.
pub(super) async fn pace<F: FnMut(Progress<'_>)>(bench: &mut Bench<F>, pause: Duration) {
    let any = any(bench);
    let check = async |session: &mut Session| {
        let start = Instant::now();
        let done = session.deliver_within(some(any, 1000..1000 + BURST), BURST_LIMIT).await?;
        let per_second = done as f64 / start.elapsed().as_secs_f64();
        Ok(format!("{} {done} at once, {per_second:.0}/s", session.taken()))
    };
    bench.check("burst", check).await;
    let check = async |session: &mut Session| {
        tokio::time::sleep(pause).await;
        session.deliver(some(any, 4000..4001)).await?;
        Ok(format!("is there after {} s without a message", pause.as_secs_f64()))
    };
    bench.check("pause", check).await;
    if !bench.prepared.settings.acknowledge {
        return bench.skip("one answer each", "the manifest has no `\"acknowledge\": true`");
    }
    let check = async |session: &mut Session| {
        for number in 5000..5003 {
            session.deliver(some(any, number..number + 1)).await?;
            tokio::time::sleep(QUIET).await;
            let progress = session.progress();
            if progress.surplus_answers > 0 {
                let surplus = progress.surplus_answers;
                return Err(format!(
                    "gave {surplus} answers more than it was sent messages: one would count for the next"
                ));
            }
            if progress.answered > progress.read {
                return Err("answered a message that it has not read to its end".to_owned());
            }
        }
        Ok("one line for each message, none without".to_owned())
    };
    bench.end_session().await;
    bench.check("one answer each", check).await;
}

/// Kills and ends.
pub(super) async fn ends<F: FnMut(Progress<'_>)>(bench: &mut Bench<F>) {
    let any = any(bench);
    let check = async |session: &mut Session| {
        let done = session.deliver_over_a_kill(some(any, 6000..6200)).await?;
        Ok(format!("killed after {done} of 200, {} all when started again", session.taken()))
    };
    bench.check("restart", check).await;
    let check = async |mut session: Session| {
        // It has started when its end is measured.
        session.deliver(some(any, 6999..7000)).await?;
        let taken = session.taken();
        let (sent, answered, end) = session.send_and_close(some(any, 7000..7010)).await?;
        if !end.by_itself {
            let ms = LAST_ANSWERS.as_millis();
            return Err(format!("did not end by itself within {ms} ms after its STDIN was closed"));
        }
        if answered < sent {
            return Err(format!(
                "{taken} only {answered} of {sent} messages that stood before the end of its input"
            ));
        }
        match end.ended.exit {
            Exit::Code(0) if end.ended.left_behind == 0 => Ok(format!("{taken} what was left and ended")),
            Exit::Code(0) => {
                Err(format!("left {} processes behind, which were killed", end.ended.left_behind))
            }
            exit => Err(format!("{exit} instead of 0 after its STDIN was closed")),
        }
    };
    bench.last_check("end of input", check).await;
    let check = async |session: Session| {
        let end = session.close().await?;
        match (end.by_itself, end.ended.exit) {
            (true, Exit::Code(0)) => Ok("ended without ever having had a message".to_owned()),
            (true, exit) => Err(format!("{exit} instead of 0 when its STDIN was closed at once")),
            (false, _) => Err("does not end when its STDIN is closed before the first message".to_owned()),
        }
    };
    bench.last_check("end without input", check).await;
}

/// Puts `text` where a record has free text.
fn fill(record: &mut Value, text: &str) {
    let Value::Object(record) = record else { return };
    for key in ["area_name", "tripwire_name", "instance_name", "value"] {
        if let Some(value) = record.get_mut(key).filter(|value| value.is_string()) {
            *value = text.into();
        }
    }
    for key in ["area", "line"] {
        if let Some(name) = record.get_mut(key).and_then(|part| part.get_mut("name")) {
            *name = text.into();
        }
    }
    // Whatever the id has, there is text.
    record.insert("note".to_owned(), text.into());
}

/// As JSON in ASCII: everything else as `\u` escapes, outside the basic plane in pairs (RFC 8259 section 7).
fn escaped(record: &Value) -> String {
    let mut ascii = String::new();
    for letter in record.to_string().chars() {
        if letter.is_ascii() {
            ascii.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}
