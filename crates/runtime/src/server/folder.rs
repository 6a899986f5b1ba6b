//! The files of a data folder that people edit by hand: instances, exporters' manifests, settings. What has
//! changed is looked at, wherever the change came from.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use watchpost_config::{Handler, MANIFEST_FILE, Output};

use super::Server;
use crate::runtime::SETTINGS;

/// Nothing has changed for so long: whoever was writing is done.
pub(super) const QUIET: Duration = Duration::from_millis(150);
/// But with somebody who never stops writing, look at least so often.
const LONGEST: Duration = Duration::from_secs(2);
/// Where the system cannot tell of changes (some network folders), look by ourselves.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// Instances in one folder, at most: a wrong folder must not be read without end.
const MAX_INSTANCES: usize = 10_000;

impl Server {
    /// Picks up changes of files until the server is gone.
    pub(super) async fn watch_files(server: std::sync::Weak<Self>, data: PathBuf) {
        let (tell, mut changes) = mpsc::channel(1);
        // Kept: it tells as long as it lives.
        let data = std::path::absolute(&data).unwrap_or(data);
        let _watcher = match watcher(&data, tell) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                let every = LOOK_ANYWAY.as_secs();
                tracing::warn!("changes of files are seen every {every} s only: {error}");
                None
            }
        };
        let mut anyway = tokio::time::interval(LOOK_ANYWAY);
        loop {
            tokio::select! {
                told = changes.recv() => if told.is_some() { settle(&mut changes).await },
                _ = anyway.tick() => {}
            }
            let Some(server) = server.upgrade() else { return };
            server.look_at_files().await;
        }
    }

    /// Looks at everything that may have been edited.
    pub(super) async fn look_at_files(self: &Arc<Self>) {
        if self.look_at_exporters() {
            self.look_again_everywhere().await;
        }
        if let Err(error) = self.look_at_instances().await {
            tracing::error!("{error}");
        }
    }
}

/// Tells of any change, once until that is taken.
fn watcher(data: &Path, tell: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let exporters = data.join("exporters");
    let (instances, in_exporters) = (data.join(super::INSTANCES), exporters.clone());
    // An exporter's folder is also where it works: what it writes there is none of our concern.
    let concerns = move |path: &PathBuf| {
        let is_named = |name: &str| path.file_name().is_some_and(|found| found == name);
        let is_in = |folder: &Path| path.parent() == Some(folder);
        is_named(MANIFEST_FILE) || is_named(SETTINGS) || is_in(&instances) || is_in(&in_exporters)
    };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Without a path when some were lost.
        let told = event.as_ref().is_ok_and(|event| {
            !event.kind.is_access() && (event.paths.is_empty() || event.paths.iter().any(&concerns))
        });
        if told || event.is_err() {
            // Full: it is told already.
            let _told = tell.try_send(());
        }
    })?;
    watcher.watch(data, RecursiveMode::NonRecursive)?;
    watcher.watch(&data.join(super::INSTANCES), RecursiveMode::NonRecursive)?;
    std::fs::create_dir_all(&exporters)?;
    watcher.watch(&exporters, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Waits until nothing changes any more.
async fn settle(changes: &mut mpsc::Receiver<()>) {
    let longest = tokio::time::Instant::now() + LONGEST;
    while tokio::time::Instant::now() < longest {
        if !matches!(tokio::time::timeout(QUIET, changes.recv()).await, Ok(Some(()))) {
            return;
        }
    }
}

/// The files of a folder of instances. Those whose name begins with a dot are not meant.
pub(crate) fn instance_files(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        if files.len() == MAX_INSTANCES {
            tracing::error!("{}: more than {MAX_INSTANCES} files; the rest is left out", folder.display());
            break;
        }
        files.insert(path);
    }
    Ok(files)
}

/// An export that is gone, beside one that is new and like it to the letter, was renamed.
pub(super) fn renames(old: &Output, new: &Output) -> Vec<(String, String)> {
    let known = |output: &Output, name: &str| output.handlers.iter().any(|handler| handler.name == name);
    let same = |a: &Handler, b: &Handler| (&a.uri, &a.sink, &a.config) == (&b.uri, &b.sink, &b.config);
    let gone = old.handlers.iter().filter(|handler| !known(new, &handler.name));
    gone.filter_map(|gone| {
        let mut like =
            new.handlers.iter().filter(|handler| !known(old, &handler.name) && same(gone, handler));
        let (first, second) = (like.next()?, like.next());
        second.is_none().then(|| (gone.name.clone(), first.name.clone()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use watchpost_config::{Base, load_document};

    use super::*;

    fn output(handlers: Value) -> Output {
        let Value::Object(document) = json!({"Output": {"handlers": handlers}}) else { unreachable!() };
        load_document(document, Path::new("x.json"), Base::DataFolder).unwrap().instance.output
    }

    #[test]
    fn a_hand_edit_that_renames_is_seen_as_one() {
        let export = |file: &str| json!({"uri": format!("json:///{file}"), "sink": "output-tracks"});
        let before = output(json!({"a": export("a"), "b": export("b")}));
        let after = |handlers| renames(&before, &output(handlers));
        assert_eq!(after(json!({"x": export("a"), "b": export("b")})), [("a".to_owned(), "x".to_owned())]);
        assert_eq!(after(json!({"x": export("other"), "b": export("b")})), []);
        assert_eq!(after(json!({"x": export("a"), "y": export("a"), "b": export("b")})), [], "which?");
        assert_eq!(after(json!({"a": export("a"), "x": export("b")})), [("b".to_owned(), "x".to_owned())]);
        assert_eq!(after(json!({"b": export("b")})), []);
    }
}
