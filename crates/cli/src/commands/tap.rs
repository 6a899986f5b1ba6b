use std::io::Write;

use clap::Args;
use watchpost_runtime::{ClientError, Filter, Tapped};

use crate::{Global, ask, exit::Exit, logging};

/// Print live records of a running instance, one JSON object a line, until Ctrl-C
///
/// Nothing is taken away from the exports, and nothing waits for this: what comes faster than it is printed,
/// and is no longer kept, is counted on standard error.
#[derive(Args)]
pub(crate) struct Tap {
    /// The instance's id, name, or file.
    instance: String,
    /// A stream's objects instead of records, for example `output-tracks`.
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Let only these pass: `type=event-*`, `class=Person`, `zone=Gate`, `min_confidence=0.5`. Of several with
    /// the same key any, of different keys all must fit.
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
}

impl Tap {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        logging::start(global.log, global.verbose, "warn", None);
        let filter = match self.parse() {
            Ok(filter) => filter,
            Err(wrong) => {
                eprintln!("watchpost: --filter: {wrong}");
                return Ok(Exit::Usage);
            }
        };
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio.block_on(async {
            let Some(mut client) = ask::connect(global)? else {
                return Ok(ask::refused(&ask::no_server(&global.data)));
            };
            match client.tap(&ask::instance(&self.instance), &filter).await {
                Err(ClientError::Refused(error)) => return Ok(ask::refused(&error)),
                other => other?,
            }
            let mut out = std::io::stdout().lock();
            loop {
                match client.tapped().await? {
                    None => return Ok(Exit::Done),
                    Some(Tapped::Lost(lost)) => {
                        eprintln!("watchpost: {lost} log entries were not kept long enough")
                    }
                    Some(Tapped::Json(json)) => {
                        // Whoever read along has gone, as `head` does: that is an end, too.
                        if out.write_all(&json).and_then(|()| out.write_all(b"\n")).is_err()
                            || out.flush().is_err()
                        {
                            return Ok(Exit::Done);
                        }
                    }
                }
            }
        })
    }

    fn parse(&self) -> Result<Filter, String> {
        let mut filter = Filter { stream: self.stream.clone(), ..Filter::default() };
        for given in &self.filter {
            let Some((key, value)) = given.split_once('=') else {
                return Err(format!("`{given}`; expected KEY=VALUE, for example type=event-intrusion"));
            };
            match key {
                "type" => filter.types.push(value.to_owned()),
                "class" => filter.classes.push(value.to_owned()),
                "zone" => filter.zones.push(value.to_owned()),
                "min_confidence" => {
                    let least = value.parse().ok().filter(|least| (0.0..=1.0).contains(least));
                    let wrong = || format!("min_confidence is `{value}`; expected a number from 0 to 1");
                    filter.min_confidence = Some(least.ok_or_else(wrong)?);
                }
                _ => {
                    let keys = "expected type, class, zone or min_confidence";
                    return Err(format!("no key `{key}`; {keys}"));
                }
            }
        }
        Ok(filter)
    }
}
