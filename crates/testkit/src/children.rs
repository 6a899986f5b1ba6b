//! Children of Watchpost that behave, and that do not.

use serde_json::{Value, json};

use crate::Sandbox;

/// Installs an exporter that writes each record to `seen.jsonl` in its folder, syncs, and only then
/// answers `OK`. `events`: schema id to versions, as in a manifest.
pub fn acknowledging_exporter(sandbox: &Sandbox, name: &str, events: Value) {
    let folder = format!("data/exporters/{name}");
    let manifest = json!({
        "name": name,
        "description": "keeps what it is given, for a test",
        "events": events,
        "command": "python3 keep.py",
        "framing": "newline",
        "acknowledge": true,
        "window": 100,
    });
    sandbox.write(&format!("{folder}/manifest.json"), manifest.to_string());
    sandbox.write(
        &format!("{folder}/keep.py"),
        "import os, sys\n\
         out = open('seen.jsonl', 'ab')\n\
         for line in sys.stdin.buffer:\n\
         \x20   out.write(line)\n\
         \x20   out.flush()\n\
         \x20   os.fsync(out.fileno())\n\
         \x20   print('OK', flush=True)\n",
    );
}
