//! PRODUCT 12 after the power went at a bad moment: a journal whose last bytes are cut or flipped is opened,
//! the damage is said aloud, and the rest is delivered.

use std::{fs::File, os::unix::fs::FileExt, path::PathBuf};

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    proof::{keeper, keeper_that_hangs},
    scene::{scene, walkers},
    wait_until,
};

struct World {
    sandbox: Sandbox,
    fed: u64,
}

impl World {
    /// Feeds a first run, which is killed once `ready`.
    fn killed(ready: impl Fn(&Sandbox) -> bool) -> Self {
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        sandbox.instance(&scene("ndjson://-", 2, json!({"Keeper": {"enabled": true}})));
        keeper_that_hangs(&sandbox);
        let mut world = Self { sandbox, fed: 0 };
        let mut watchpost = world.sandbox.spawn(&["run", "instance.json"]);
        for _ in 0..800 {
            assert!(watchpost.feed(walkers(10).line(world.fed).as_bytes()));
            world.fed += 1;
        }
        wait_until("the first run's records", || ready(&world.sandbox));
        watchpost.kill();
        world
    }

    /// The write-ahead file with something in it, and how much.
    fn used_wal(&self) -> (PathBuf, u64) {
        let files = std::fs::read_dir(self.sandbox.data().join("journal")).unwrap();
        let used = |path: &PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
        };
        files
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("wal-"))
            .map(|path| (path.clone(), used(&path)))
            .max_by_key(|(_, used)| *used)
            .unwrap()
    }

    /// A second run to its end; its summary and what it said.
    fn again(&mut self) -> (Option<i32>, Value, String) {
        let mut watchpost = self.sandbox.spawn(&["run", "instance.json", "--json"]);
        for _ in 0..300 {
            assert!(watchpost.feed(walkers(10).line(self.fed).as_bytes()));
            self.fed += 1;
        }
        let code = watchpost.finish().code();
        let read = |name: &str| std::fs::read_to_string(self.sandbox.path().join(name)).unwrap();
        (code, serde_json::from_str(&read("stdout.log")).unwrap_or_default(), read("stderr.log"))
    }
}

fn flip(path: &PathBuf, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}

fn sequences(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn last_bytes_cut_or_flipped_are_cut_off_and_the_rest_goes_on() {
    for cut in [false, true] {
        let mut world = World::killed(|sandbox| sandbox.json_lines_so_far("events.jsonl").len() > 80);
        keeper(&world.sandbox);
        let (wal, used) = world.used_wal();
        if cut {
            File::options().write(true).open(&wal).unwrap().set_len(used - 10).unwrap();
        } else {
            flip(&wal, used - 5);
        }
        let (code, _, said) = world.again();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("bytes of an unfinished write cut off"), "{said}");
        let file = sequences(&world.sandbox.json_lines("events.jsonl"));
        assert_eq!(file, (0..file.len() as u64).collect::<Vec<_>>(), "each number once");
        assert!(file.len() > 100);
        let kept = sequences(&world.sandbox.lines_of_exporter("Keeper"));
        assert_eq!(kept, file, "all that waited came");
    }
}

#[test]
fn a_byte_flipped_in_the_middle_costs_its_entries_which_are_counted_and_nothing_else() {
    let mut world = World::killed(|sandbox| sandbox.json_lines_so_far("events.jsonl").len() > 80);
    keeper(&world.sandbox);
    let (wal, _) = world.used_wal();
    // In the middle of an event: there are groups that hold nothing but state.
    let bytes = std::fs::read(&wal).unwrap();
    let events: Vec<_> = bytes.windows(12).enumerate().filter(|(_, at)| at == b"\"event_id\":\"").collect();
    flip(&wal, events[events.len() / 2].0 as u64);
    let (code, summary, said) = world.again();
    let file = sequences(&world.sandbox.json_lines("events.jsonl"));
    assert_eq!(file, (0..file.len() as u64).collect::<Vec<_>>(), "what had arrived stays");
    let kept = sequences(&world.sandbox.lines_of_exporter("Keeper"));
    let missing = file.len() - kept.len();
    assert!(missing > 0, "the flip hit nothing: {said}");
    assert!(kept.is_sorted_by(|a, b| a < b), "in order, once: {kept:?}");
    assert!(said.contains("are damaged on disk and lost"), "{said}");
    let exports = summary["exports"].as_array().unwrap();
    let keeper = exports.iter().find(|export| export["export"]["name"] == "Keeper").unwrap();
    let dropped = keeper["export"]["dropped"].as_u64().unwrap();
    assert_eq!(dropped as usize, missing, "counted: {summary:#}");
    assert_eq!(code, Some(0), "{said}");
}
