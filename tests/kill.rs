//! PRODUCT 12: "Once a record is in the log it reaches every receiver that selected it at least once, in
//! order per receiver, through kill -9."
//!
//! Short proofs; the long one is `cargo xtask soak`. What is checked, and how it is known what must arrive, is
//! in `watchpost_testkit::proof`.

use watchpost_testkit::{
    Random,
    proof::{Figures, Preprocess, Rig, Target},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_watchpost");

/// So many lives of Watchpost, of so many frames at most, in each of which every one of `children` is killed once.
fn proof(preprocess: Preprocess, (lives, frames): (u32, u64), children: &[Target]) -> Figures {
    let mut random = Random::new();
    let mut rig = Rig::new(PROGRAM, preprocess);
    for life in 0..lives {
        let death = if life % 2 == 0 { Target::Watchpost } else { Target::Group };
        rig.live(&mut random, frames, children, death);
    }
    let figures = rig.finish(1000);
    eprintln!("{figures:#?}");
    assert!(figures.records > 200, "only {} records: this proves nothing", figures.records);
    figures
}

#[test]
fn twenty_kills_of_watchpost_alone_and_with_its_group_lose_nothing() {
    proof(Preprocess::None, (20, 300), &[]);
}

#[test]
fn kills_of_exporters_lose_nothing_they_had_not_read() {
    proof(Preprocess::None, (3, 1000), &[Target::Keeper, Target::Reader]);
}

#[test]
fn kills_of_a_preprocess_command_that_acknowledges_lose_and_double_nothing() {
    let figures = proof(Preprocess::Acknowledge, (3, 1000), &[Target::Filter]);
    assert_eq!((figures.filter_lost, figures.filter_doubles), (0, 0));
}

#[test]
fn kills_of_a_preprocess_command_lose_nothing_it_had_not_read() {
    proof(Preprocess::Read, (3, 1000), &[Target::Filter]);
}
