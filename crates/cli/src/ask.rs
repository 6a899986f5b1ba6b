//! Operations: handed to the server of the data folder, or done in the store where none runs.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use watchpost_config::{self as config, Base};
use watchpost_runtime::{Client, ClientError, ErrorKind, Guardian, Operation, OperationError, Runtime};

use crate::{Global, exit::Exit, load, logging};

/// What an operation came to.
pub(crate) enum Answer {
    /// The JSON of a `Reply`.
    Done(Value),
    /// It was refused, and that is said already.
    Refused(Exit),
}

/// Has an operation done by the server, or, where none runs and that is enough, in the store.
pub(crate) fn perform(global: &Global, operation: Operation) -> anyhow::Result<Answer> {
    // Before any thread exists: the guardian is a fork of this process (see `watchpost_process`).
    let guardian = Guardian::start().context("starting the guardian of child processes")?;
    logging::start(global.log, global.verbose, "warn", None);
    let tokio = tokio::runtime::Runtime::new()?;
    let answer = tokio.block_on(async {
        match connect(global)? {
            Some(mut client) => match client.perform(&operation).await {
                Err(ClientError::Refused(error)) => Ok(Err(error)),
                other => Ok(Ok(other?)),
            },
            // Settings may come before the first start.
            None if !global.data.join("journal").is_dir()
                && !matches!(operation, Operation::SetExporter { .. }) =>
            {
                Ok(Err(no_server(&global.data)))
            }
            None => {
                let runtime = Runtime::open(&global.data, load::shipped_exporters(global), guardian)?;
                let reply = runtime.perform_offline(operation);
                runtime.close();
                anyhow::Ok(reply.map(|reply| serde_json::to_value(&reply).unwrap_or_default()))
            }
        }
    })?;
    Ok(match answer {
        Ok(reply) => Answer::Done(reply),
        Err(error) => Answer::Refused(refused(&error)),
    })
}

/// As [`perform`], and shows the reply: as JSON where that is wanted, else by `print`.
pub(crate) fn report(
    global: &Global,
    operation: Operation,
    print: impl FnOnce(&Value),
) -> anyhow::Result<Exit> {
    let reply = match perform(global, operation)? {
        Answer::Done(reply) => reply,
        Answer::Refused(exit) => return Ok(exit),
    };
    if global.json {
        println!("{reply:#}");
    } else {
        print(&reply);
    }
    Ok(Exit::Done)
}

/// The server of the data folder; `None` if there is none. Must be called within a tokio runtime.
pub(crate) fn connect(global: &Global) -> anyhow::Result<Option<Client>> {
    let path = global.data.display().to_string();
    Client::connect(&global.data).with_context(|| format!("talking to the server of {path}"))
}

/// Says why, and what that means for the exit code.
pub(crate) fn refused(error: &OperationError) -> Exit {
    eprintln!("watchpost: {error}");
    match error.kind {
        ErrorKind::Invalid => Exit::Refused,
        ErrorKind::Unknown | ErrorKind::Failed | ErrorKind::Busy => Exit::Failed,
    }
}

pub(crate) fn no_server(data: &Path) -> OperationError {
    let message = format!("no server runs on {}; start one with `watchpost serve`", data.display());
    OperationError { kind: ErrorKind::Failed, message, problems: Vec::new() }
}

/// What the user calls an instance: its id, its name, or its file.
pub(crate) fn instance(given: &str) -> String {
    let file = Path::new(given);
    let loaded = file.is_file().then(|| config::load_file(file, Base::InstanceFile).ok()).flatten();
    loaded.map_or_else(|| given.to_owned(), |loaded| loaded.instance.id.to_string())
}
