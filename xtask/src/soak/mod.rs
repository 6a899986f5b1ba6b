//! `cargo xtask soak`: the delivery promise under hundreds of kills, and memory over time.
//!
//! Two things run beside each other: one Watchpost that is never killed, whose children are, and whose memory
//! is looked at; and one after another that is killed again and again. Both are proven by the same oracle as
//! the short tests (`watchpost_testkit::proof`).

mod memory;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use clap::Args;
use watchpost_testkit::{
    Random,
    proof::{Figures, Preprocess, Rig, Target},
};

use self::memory::{Curve, steady};
use crate::process::{cargo, run, target_dir};

/// Lives of Watchpost in one folder, before everything in it is checked and a new one is begun.
const LIVES: usize = 20;
/// Most frames in a life: from "has hardly started" to "has been running for a while".
const FRAMES: u64 = 2000;
/// What there must have been at least, however long it takes.
const LEAST: [(&[Target], usize); 3] = [
    (&[Target::Watchpost, Target::Group], 200),
    (&[Target::Keeper, Target::Reader], 200),
    (&[Target::Filter], 50),
];

/// Kill Watchpost and its children at random for an hour, prove that nothing is lost, and watch its memory.
#[derive(Args)]
pub struct Soak {
    /// How long, in minutes. It goes on for longer if there were too few kills by then.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Which `watchpost` to run; absent: a debug build of this checkout.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl Soak {
    pub fn run(&self) -> anyhow::Result<()> {
        let program = match &self.program {
            Some(program) => std::path::absolute(program)?,
            None => {
                run(&mut cargo(&["build", "--workspace", "--bins", "--quiet"]))?;
                std::path::absolute(target_dir().join("debug/watchpost"))?
            }
        };
        let began = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let (steady_program, steady_stop) = (program.clone(), stop.clone());
        let steady = std::thread::spawn(move || steady(&steady_program, &steady_stop));
        let mut all = Figures::default();
        let mut random = Random::new();
        let kinds = [Preprocess::None, Preprocess::Acknowledge, Preprocess::Read];
        for round in 0.. {
            let time_is_over = began.elapsed() > Duration::from_secs(self.minutes * 60);
            if (time_is_over && is_enough(&all)) || steady.is_finished() {
                break;
            }
            let preprocess = kinds[round % kinds.len()];
            let figures = kills(&program, preprocess, &mut random);
            let minute = began.elapsed().as_secs() / 60;
            println!("minute {minute}: {preprocess:?}: {figures:?}");
            all.add(&figures);
        }
        stop.store(true, Ordering::Relaxed);
        let (figures, curve) =
            steady.join().map_err(|_| anyhow!("the run without kills broke its promise (above)"))?;
        print(&all, &figures, &curve, began.elapsed());
        if !is_enough(&all) {
            bail!("too few kills");
        }
        curve.check()
    }
}

/// One folder's worth of kills. Panics, with what is wrong, if the promise does not hold.
fn kills(program: &PathBuf, preprocess: Preprocess, random: &mut Random) -> Figures {
    let mut rig = Rig::new(program, preprocess);
    let children: &[Target] = match preprocess {
        Preprocess::None => &[Target::Keeper, Target::Reader],
        _ => &[Target::Filter, Target::Keeper, Target::Reader],
    };
    for life in 0..LIVES {
        let death = if life % 2 == 0 { Target::Watchpost } else { Target::Group };
        rig.live(random, FRAMES, children, death);
    }
    rig.finish(FRAMES)
}

fn is_enough(figures: &Figures) -> bool {
    LEAST.iter().all(|(targets, least)| targets.iter().map(|t| figures.killed(*t)).sum::<usize>() >= *least)
}

fn print(all: &Figures, steady: &Figures, curve: &Curve, took: Duration) {
    println!("── soak, {:.0} minutes", took.as_secs_f64() / 60.0);
    println!("{:58} {:>10}", "records proven", all.records + steady.records);
    for (target, count) in &all.kills {
        println!("{:58} {count:>10}", format!("kills: {target}"));
    }
    for (target, count) in &steady.kills {
        println!("{:58} {count:>10}", format!("kills beside the one that lives: {target}"));
    }
    let lines = [
        ("doubles, acknowledging exporter, all in all", all.keeper_doubles.0),
        ("doubles, acknowledging exporter, most at one kill", all.keeper_doubles.1),
        ("doubles, exporter that only reads, all in all", all.reader_doubles.0),
        ("doubles, exporter that only reads, most at one kill", all.reader_doubles.1),
        ("doubles, file", 0),
        ("doubles behind a preprocess command without acknowledge", all.filter_doubles),
        ("lost that a preprocess command without acknowledge had read", all.filter_lost),
        ("lost otherwise", 0),
    ];
    for (what, count) in lines {
        println!("{what:58} {count:>10}");
    }
    println!("memory of the one that lives: {curve}");
}
