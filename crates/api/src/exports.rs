//! Custom exports of an instance: read, added, changed, switched, renamed, duplicated, deleted.

use axum::{Extension, Json, extract::State};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_export::format_for;
use watchpost_runtime::{
    ExportSeen, InstanceSnapshot, Operation, ReceiverSnapshot, Removed, Reply, SwitchTo,
};

use crate::{
    App, Problem,
    auth::Caller,
    document::current,
    extract::{At, Body},
    instances::{instance, odd},
    privilege, secrets,
};

/// A custom export.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{
    "name": "events", "uri": "json:///events.jsonl", "sink": "", "switch": "on", "format": "json",
    "config": {"schema_events": ["event-area-enter:2"]},
}]))]
pub(crate) struct Export {
    /// Its name.
    name: String,
    /// Where it leads; passwords hidden.
    uri: String,
    /// The stream it takes; empty: records.
    sink: String,
    /// On, paused or off.
    switch: SwitchTo,
    /// Its settings; passwords hidden.
    #[schemars(schema_with = "any_object")]
    config: Value,
    /// Its format's name, as far as its address tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    /// How it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ReceiverSnapshot>,
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    json_schema!({"type": "object"})
}

/// All of an instance.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"exports": []}]))]
pub(crate) struct Exports {
    /// In the order of its file.
    exports: Vec<Export>,
}

/// An export as it is to be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{
    "uri": "json:///events.jsonl", "sink": "", "config": {"schema_events": ["event-area-enter:2"], "append_only": true},
}]))]
pub(crate) struct NewExport {
    /// Where it leads.
    uri: String,
    /// The stream it takes; empty or absent: records, chosen by `config.schema_events`.
    #[serde(default)]
    sink: String,
    /// On, paused or off; absent: as it is, on if it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    switch: Option<SwitchTo>,
    /// Its settings.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    config: Map<String, Value>,
}

/// An export that is not saved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"name": "tracks", "export": {"uri": "csv:///tracks.csv", "sink": "output-tracks"}}]))]
pub(crate) struct Draft {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What it would be.
    pub export: NewExport,
}

/// What to switch to.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"to": "paused"}]))]
pub(crate) struct Switch {
    /// On, paused (its place stays, records wait) or off (its place goes).
    pub to: SwitchTo,
}

/// Another name.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"to": "events-2"}]))]
pub(crate) struct Name {
    /// The new name.
    #[schemars(length(min = 1))]
    to: String,
}

/// What a change took along.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"removed": [{"name": "events", "waiting": 12}]}]))]
pub(crate) struct Gone {
    /// What is gone, and the log entries that waited for it.
    removed: Vec<Removed>,
}

impl NewExport {
    /// As an entry of the instance file.
    pub fn entry(&self) -> Map<String, Value> {
        let mut entry = Map::new();
        entry.insert("uri".to_owned(), self.uri.clone().into());
        entry.insert("sink".to_owned(), self.sink.clone().into());
        if let Some(to) = self.switch {
            entry.insert("enabled".to_owned(), (to != SwitchTo::Off).into());
            entry.insert("paused".to_owned(), (to == SwitchTo::Paused).into());
        }
        entry.insert("config".to_owned(), self.config.clone().into());
        entry
    }
}

fn shown(export: ExportSeen) -> Export {
    let ExportSeen { name, entry, switch, status } = export;
    let entry = secrets::hidden(&entry);
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let config = entry.get("config").filter(|config| config.is_object()).cloned();
    let uri = text("uri");
    let format = format_for(&uri).map(|format| format.name);
    let config = config.unwrap_or_else(|| Map::new().into());
    Export { sink: text("sink"), config, format, name, uri, switch, status }
}

pub(crate) async fn list(State(app): State<App>, At(id): At<String>) -> Result<Json<Exports>, Problem> {
    let exports = app.server.exports(&id).await?.into_iter().map(shown).collect();
    Ok(Json(Exports { exports }))
}

pub(crate) async fn show(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
) -> Result<Json<Export>, Problem> {
    Ok(Json(shown(app.server.export(&id, &name).await?)))
}

pub(crate) async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((id, name)): At<(String, String)>,
    Body(new): Body<NewExport>,
) -> Result<Json<Export>, Problem> {
    set(&app, &caller, &id, &name, new.entry()).await?;
    show(State(app), At((id, name))).await
}

/// An entry with its passwords filled in, if `caller` may have it so.
pub(crate) async fn allowed(
    app: &App,
    caller: &Caller,
    id: &str,
    name: &str,
    entry: Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let old = current(app, id).await?;
    let before = app.server.exports(id).await?.into_iter().find(|export| export.name == name);
    let before = before.map(|before| before.entry).unwrap_or_default();
    let mut entry = Value::Object(entry);
    // What is hidden in it is its own, or an address of another one.
    let mut around = Value::Object(before.clone());
    around["others"] = old.into();
    secrets::restore(&mut entry, &around)?;
    let entry = entry.as_object().cloned().unwrap_or_default();
    let output = |entry: &Map<String, Value>| {
        let handler = Map::from_iter([("handler".to_owned(), Value::Object(entry.clone()))]);
        Map::from_iter([("Output".to_owned(), Value::Object(handler))])
    };
    privilege::check(caller, &output(&before), &output(&entry))?;
    Ok(entry)
}

async fn set(
    app: &App,
    caller: &Caller,
    id: &str,
    name: &str,
    entry: Map<String, Value>,
) -> Result<InstanceSnapshot, Problem> {
    let export = allowed(app, caller, id, name, entry).await?;
    let operation = Operation::SetExport { instance: id.to_owned(), name: name.to_owned(), export };
    instance(app.server.perform(operation).await?)
}

pub(crate) async fn switch(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
    Body(Switch { to }): Body<Switch>,
) -> Result<Json<Export>, Problem> {
    app.server.export(&id, &name).await?;
    let operation = Operation::SwitchExport { instance: id.clone(), name: name.clone(), to };
    app.server.perform(operation).await?;
    show(State(app), At((id, name))).await
}

pub(crate) async fn rename(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
    Body(Name { to }): Body<Name>,
) -> Result<Json<Export>, Problem> {
    let operation = Operation::RenameExport { instance: id.clone(), name, to: to.clone() };
    app.server.perform(operation).await?;
    show(State(app), At((id, to))).await
}

/// The copy is off: two exports to one file are refused, and its address is the first thing to change.
pub(crate) async fn duplicate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((id, name)): At<(String, String)>,
    Body(Name { to }): Body<Name>,
) -> Result<Json<Export>, Problem> {
    let mut entry = app.server.export(&id, &name).await?.entry;
    if app.server.exports(&id).await?.iter().any(|export| export.name == to) {
        return Err(Problem::invalid(format!("/to: there is an export `{to}` already: choose another name")));
    }
    for key in ["name", "paused"] {
        entry.shift_remove(key);
    }
    entry.insert("enabled".to_owned(), false.into());
    // Nothing in it is new; but whoever copies an open address opens another.
    privilege::check(&Caller { role: crate::auth::Role::Admin, ..caller }, &Map::new(), &{
        let handlers = Map::from_iter([(to.clone(), Value::Object(entry.clone()))]);
        Map::from_iter([("Output".to_owned(), Value::Object(handlers))])
    })?;
    let operation = Operation::SetExport { instance: id.clone(), name: to.clone(), export: entry };
    app.server.perform(operation).await?;
    show(State(app), At((id, to))).await
}

pub(crate) async fn delete(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
) -> Result<Json<Gone>, Problem> {
    app.server.export(&id, &name).await?;
    let removed = match app.server.perform(Operation::DeleteExport { instance: id, name }).await? {
        Reply::Removed { removed, .. } => removed,
        Reply::Instance(_) => Vec::new(),
        _ => return Err(odd()),
    };
    Ok(Json(Gone { removed }))
}
