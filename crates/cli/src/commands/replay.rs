use clap::Args;
use watchpost_runtime::Operation;

use crate::{
    Global,
    ask::{self, Answer},
    exit::Exit,
};

/// Deliver logged records again, to one export or exporter
///
/// Its place in the log moves back; everything from there on that it selects comes again, in order, and then
/// what is new. What was delivered is kept 24 hours or 256 MiB (`journal.keep` of the instance file).
#[derive(Args)]
pub(crate) struct Replay {
    /// The instance's id, name, or file.
    instance: String,
    /// `sequence` of the first record; without it, the oldest that is kept.
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// The export's or exporter's name.
    #[arg(long, value_name = "RECEIVER")]
    to: String,
}

impl Replay {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let instance = ask::instance(&self.instance);
        let operation = Operation::Replay { instance, from: self.from, receiver: self.to };
        Ok(match ask::perform(global, operation)? {
            Answer::Refused(exit) => exit,
            Answer::Done(reply) if global.json => {
                println!("{reply}");
                Exit::Done
            }
            Answer::Done(reply) => {
                println!(
                    "{} records of the log are delivered again, as far as it selects them",
                    reply["count"]
                );
                Exit::Done
            }
        })
    }
}
