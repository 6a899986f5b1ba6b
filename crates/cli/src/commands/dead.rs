use clap::{Args, Subcommand};
use serde_json::Value;
use watchpost_runtime::Operation;

use crate::{
    Global, ask,
    commands::instance::text,
    exit::Exit,
    output::{Table, bytes},
};

/// How many letters `show` prints unless told otherwise.
const SHOWN: usize = 100;

/// Dead letters: what a receiver has refused for good
#[derive(Subcommand)]
pub(crate) enum Dead {
    /// Count them, by receiver
    List {
        /// Of one instance only: its id, name, or file.
        instance: Option<String>,
    },
    /// Print them, oldest first, one JSON object a line: the reason and the records
    Show {
        #[command(flatten)]
        one: One,
        /// Begin with this number.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        from: u64,
        /// Print at most so many.
        #[arg(long, value_name = "COUNT", default_value_t = SHOWN)]
        limit: usize,
    },
    /// Send them to their receiver again, before anything newer; without a running server with its next start
    Resend {
        #[command(flatten)]
        one: One,
        /// Their numbers, as `show` prints them; none: all.
        letters: Vec<u64>,
    },
    /// Throw them away
    Drop {
        #[command(flatten)]
        one: One,
        /// Their numbers, as `show` prints them; none: all.
        letters: Vec<u64>,
    },
}

#[derive(Args)]
pub(crate) struct One {
    /// The instance's id, name, or file; of one that is deleted its id.
    instance: String,
    /// The export's or exporter's name, or `preprocess`.
    receiver: String,
}

impl Dead {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let (operation, print): (_, fn(&Value)) = match self {
            Self::List { instance } => {
                (Operation::DeadList { instance: instance.map(|one| ask::instance(&one)) }, list)
            }
            Self::Show { one: One { instance, receiver }, from, limit } => {
                let instance = ask::instance(&instance);
                (Operation::DeadShow { instance, receiver, from, limit }, show)
            }
            Self::Resend { one: One { instance, receiver }, letters } => {
                let instance = ask::instance(&instance);
                (Operation::DeadResend { instance, receiver, letters }, |reply| {
                    println!("{} dead letters are sent again", reply["count"]);
                })
            }
            Self::Drop { one: One { instance, receiver }, letters } => {
                let instance = ask::instance(&instance);
                (Operation::DeadDrop { instance, receiver, letters }, |reply| {
                    println!("{} dead letters are gone", reply["count"]);
                })
            }
        };
        ask::report(global, operation, print)
    }
}

fn list(reply: &Value) {
    let boxes = reply.as_array().map_or(&[][..], Vec::as_slice);
    if boxes.is_empty() {
        println!("no dead letters");
    }
    let mut table = Table::new(&["instance", "receiver", "letters>", "size>", "deleted"]);
    for one in boxes {
        let deleted = if one["deleted"] == true { "yes" } else { "" };
        let size = bytes(one["bytes"].as_u64().unwrap_or(0));
        table.row([
            text(&one["instance"]),
            text(&one["receiver"]),
            text(&one["letters"]),
            size,
            deleted.into(),
        ]);
    }
    print!("{}", table.render());
}

fn show(reply: &Value) {
    for letter in reply.as_array().into_iter().flatten() {
        println!("{letter}");
    }
}
