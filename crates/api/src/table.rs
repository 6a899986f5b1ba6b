//! The table of all routes: the router, who may use each, OpenAPI and the tests that try each are made from it.

use axum::{
    http::Method,
    routing::{self as on},
};

use crate::{
    auth::Role::{Admin, Operator, Public, Viewer},
    checks, detections, document, events, exporters, exports, frame, health, instances, live, metrics,
    receivers,
    route::Route,
    schemas, session, system, tables, trials, uploads, users,
};

fn get(path: &'static str, role: crate::Role, id: &'static str, summary: &'static str) -> Route {
    Route::new(Method::GET, path, role, id, summary)
}

fn post(path: &'static str, role: crate::Role, id: &'static str, summary: &'static str) -> Route {
    Route::new(Method::POST, path, role, id, summary)
}

fn put(path: &'static str, role: crate::Role, id: &'static str, summary: &'static str) -> Route {
    Route::new(Method::PUT, path, role, id, summary)
}

fn delete(path: &'static str, role: crate::Role, id: &'static str, summary: &'static str) -> Route {
    Route::new(Method::DELETE, path, role, id, summary)
}

fn patch(path: &'static str, role: crate::Role, id: &'static str, summary: &'static str) -> Route {
    Route::new(Method::PATCH, path, role, id, summary)
}

/// Every route, ours first.
pub(crate) fn routes() -> Vec<Route> {
    [
        process(),
        session(),
        instances(),
        exports(),
        receivers(),
        tables(),
        system(),
        users(),
        reference(),
        securt(),
        hls(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[rustfmt::skip]
fn process() -> Vec<Route> {
    vec![
        get("/healthz", Public, "healthz", "Whether the process answers")
            .gives_bytes(200, "text/plain; charset=utf-8").by(|| on::get(health::healthz)),
        get("/readyz", Public, "readyz", "Whether its instances are loaded and what they deliver can be kept")
            .gives_bytes(200, "text/plain; charset=utf-8").by(|| on::get(health::readyz)),
        get("/metrics", Viewer, "metrics", "Counts and states in Prometheus' text format; docs/metrics.md")
            .gives_bytes(200, "text/plain; version=0.0.4; charset=utf-8").by(|| on::get(metrics::metrics)),
        get("/openapi.json", Public, "openapi", "This description")
            .gives_bytes(200, "application/json").by(|| on::get(crate::openapi::show)),
    ]
}

#[rustfmt::skip]
fn session() -> Vec<Route> {
    vec![
        get("/api/v1/session", Public, "showSession", "Who asks, as what, and whether there is a login")
            .gives::<session::Session>(200).by(|| on::get(session::show)),
        post("/api/v1/session", Public, "login", "Log in; the session is a cookie")
            .takes::<session::Login>().up_to(8 << 10).gives::<session::Session>(200).by(|| on::post(session::begin)),
        delete("/api/v1/session", Public, "logout", "Log out")
            .gives_nothing(204).by(|| on::delete(session::end)),
    ]
}

#[rustfmt::skip]
fn instances() -> Vec<Route> {
    vec![
        get("/api/v1/instances", Viewer, "listInstances", "All instances, how they and their exports are doing")
            .query::<instances::Page>().gives::<instances::Listed>(200).by(|| on::get(instances::list)),
        post("/api/v1/instances", Operator, "addInstance", "Make an instance of a document")
            .takes::<document::Document>().up_to(document::MAX_BYTES)
            .gives::<watchpost_runtime::InstanceSnapshot>(201).by(|| on::post(instances::add)),
        get("/api/v1/instances/{id}", Viewer, "showInstance", "How an instance is doing")
            .gives::<watchpost_runtime::InstanceSnapshot>(200).by(|| on::get(instances::show)),
        delete("/api/v1/instances/{id}", Operator, "deleteInstance", "Delete an instance, its log and what waits")
            .versioned().gives::<instances::Deleted>(200).by(|| on::delete(instances::delete)),
        post("/api/v1/instances/{id}/start", Operator, "startInstance", "Start its source")
            .gives::<watchpost_runtime::InstanceSnapshot>(200).by(|| on::post(instances::start)),
        post("/api/v1/instances/{id}/stop", Operator, "stopInstance", "Stop its source and analytics; deliveries go on")
            .gives::<watchpost_runtime::InstanceSnapshot>(200).by(|| on::post(instances::stop)),
        post("/api/v1/instances/{id}/restart", Operator, "restartInstance", "Stop, then start")
            .gives::<watchpost_runtime::InstanceSnapshot>(200).by(|| on::post(instances::restart)),
        get("/api/v1/instances/{id}/document", Viewer, "showDocument", "The instance's file, passwords hidden")
            .gives::<document::Document>(200).by(|| on::get(document::show)),
        put("/api/v1/instances/{id}/document", Operator, "putDocument", "Bring an instance to a whole new document; only what differs is touched")
            .takes::<document::Document>().up_to(document::MAX_BYTES).versioned()
            .gives::<document::Document>(200).by(|| on::put(document::put)),
        patch("/api/v1/instances/{id}/document", Operator, "patchDocument", "Change parts of the document (RFC 7396: null takes a key out)")
            .takes::<document::Document>().up_to(document::MAX_BYTES).versioned()
            .gives::<document::Document>(200).by(|| on::patch(document::patch)),
        get("/api/v1/instances/{id}/frame.jpg", Viewer, "showFrame", "The last picture")
            .query::<frame::Wanted>().gives_bytes(200, "image/jpeg").gives_nothing(204).by(|| on::get(frame::frame)),
        get("/api/v1/instances/{id}/view", Viewer, "showView", "The last picture and exactly what is in it")
            .query::<frame::Wanted>().gives::<frame::View>(200).gives_nothing(204).by(|| on::get(frame::view)),
        get("/api/v1/instances/{id}/live", Viewer, "live", "Records or a stream's objects as they come, as server-sent events")
            .query::<live::Wanted>().gives_bytes(200, "text/event-stream").by(|| on::get(live::live)),
        get("/api/v1/instances/{id}/samples", Viewer, "samples", "What its objects and records look like: the last ones, or made-up ones")
            .gives::<watchpost_runtime::Samples>(200).by(|| on::get(checks::samples)),
        get("/api/v1/events", Viewer, "listEvents", "The latest events of all instances, newest first, with their pictures")
            .query::<events::Which>().gives::<events::Listed>(200).by(|| on::get(events::list)),
        get("/api/v1/events/live", Viewer, "liveEvents", "The events of all instances as they come, as server-sent events")
            .query::<events::Coming>().gives_bytes(200, "text/event-stream").by(|| on::get(events::follow)),
        post("/api/v1/validate", Viewer, "validate", "Everything that would be said against an instance document")
            .takes::<document::Document>().up_to(document::MAX_BYTES)
            .gives::<watchpost_runtime::Findings>(200).by(|| on::post(checks::validate)),
        post("/api/v1/instances/{id}/analytics-test", Operator, "testAnalytics", "What areas and lines that are not saved would have told in the last minute")
            .takes::<checks::Drawn>().gives::<watchpost_runtime::Rehearsed>(200).by(|| on::post(checks::analytics)),
        post("/api/v1/uploads", Operator, "upload", "Keep a file in uploads/ of the data folder, to be a source")
            .query::<uploads::Named>().takes_bytes("application/octet-stream").up_to(uploads::MAX_BYTES as usize).gives::<uploads::Uploaded>(201).by(|| on::post(uploads::upload)),
        post("/api/v1/source-test", Operator, "testSource", "Open a source, take its first picture, close it; at most 3 s")
            .takes::<checks::Trial>().gives::<watchpost_runtime::Tried>(200).by(|| on::post(checks::source)),
    ]
}

#[rustfmt::skip]
fn exports() -> Vec<Route> {
    vec![
        get("/api/v1/instances/{id}/exports", Viewer, "listExports", "Its custom exports")
            .gives::<exports::Exports>(200).by(|| on::get(exports::list)),
        get("/api/v1/instances/{id}/exports/{name}", Viewer, "showExport", "One of them")
            .gives::<exports::Export>(200).by(|| on::get(exports::show)),
        put("/api/v1/instances/{id}/exports/{name}", Operator, "putExport", "Add an export or change it; nothing else is touched")
            .takes::<exports::NewExport>().gives::<exports::Export>(200).by(|| on::put(exports::put)),
        delete("/api/v1/instances/{id}/exports/{name}", Operator, "deleteExport", "Delete it with what waits for it; dead letters stay 7 days")
            .gives::<exports::Gone>(200).by(|| on::delete(exports::delete)),
        post("/api/v1/instances/{id}/exports/{name}/switch", Operator, "switchExport", "Switch it on, pause it, switch it off")
            .takes::<exports::Switch>().gives::<exports::Export>(200).by(|| on::post(exports::switch)),
        post("/api/v1/instances/{id}/exports/{name}/rename", Operator, "renameExport", "Give it another name; its place in the log moves along")
            .takes::<exports::Name>().gives::<exports::Export>(200).by(|| on::post(exports::rename)),
        post("/api/v1/instances/{id}/exports/{name}/duplicate", Operator, "duplicateExport", "Copy it under another name, switched off")
            .takes::<exports::Name>().gives::<exports::Export>(200).by(|| on::post(exports::duplicate)),
        post("/api/v1/instances/{id}/export-check", Operator, "checkExport", "Whether an export would work; nothing is saved")
            .takes::<exports::Draft>().gives::<watchpost_runtime::Drafted>(200).by(|| on::post(checks::export)),
        post("/api/v1/instances/{id}/exports/{name}/test", Operator, "testExport", "Send one sample through an export; nothing else sees it")
            .gives::<watchpost_runtime::Tested>(200).by(|| on::post(trials::export)),
        post("/api/v1/instances/{id}/export-test", Operator, "testDraft", "Send one sample through an export that is not saved")
            .takes::<exports::Draft>().gives::<watchpost_runtime::Tested>(200).by(|| on::post(trials::draft)),
        post("/api/v1/instances/{id}/preprocess-test", Admin, "testPreprocess", "Run a preprocess command on the last records; nothing enters the log")
            .takes::<trials::Command>().gives::<watchpost_runtime::Preprocessed>(200).by(|| on::post(trials::preprocess)),
        get("/api/v1/instances/{id}/exporters", Viewer, "listExportersOfInstance", "Every exporter and what has become of it in this instance")
            .gives::<exporters::OfInstance>(200).by(|| on::get(exporters::of_instance)),
        post("/api/v1/instances/{id}/exporters/{name}/switch", Operator, "switchExporter", "Switch an exporter on, pause it, switch it off for this instance")
            .takes::<exports::Switch>().gives::<watchpost_runtime::ExporterSeen>(200).by(|| on::post(exporters::switch)),
        get("/api/v1/instances/{id}/exporters/{name}/output", Operator, "exporterOutput", "The last lines its child has written, and of its life; `preprocess` is the preprocess command")
            .gives::<exporters::Output>(200).by(|| on::get(exporters::output)),
        post("/api/v1/instances/{id}/exporters/{name}/restart", Operator, "restartExporter", "End its child in this instance and start another; it goes on where it was")
            .gives::<watchpost_runtime::ExporterSeen>(200).by(|| on::post(exporters::restart)),
        get("/api/v1/exporters", Viewer, "listExporters", "Installed exporters with their settings, secrets left out")
            .gives::<exporters::All>(200).by(|| on::get(exporters::list)),
        get("/api/v1/exporters/{name}", Viewer, "showExporter", "One of them")
            .gives::<watchpost_runtime::Installed>(200).by(|| on::get(exporters::show)),
        put("/api/v1/exporters/{name}/settings", Admin, "putExporterSettings", "Give it its settings, for all instances; only it is restarted")
            .takes::<exporters::Settings>().gives::<watchpost_runtime::Installed>(200).by(|| on::put(exporters::set)),
        post("/api/v1/exporters/{name}/test", Admin, "testExporter", "Run the conformance kit on it, with its settings; at most two minutes, one at a time")
            .gives::<watchpost_runtime::Conformance>(200).by(|| on::post(exporters::test)),
    ]
}

#[rustfmt::skip]
fn receivers() -> Vec<Route> {
    vec![
        get("/api/v1/dead", Viewer, "listDead", "Who has dead letters, and how many")
            .gives::<receivers::Boxes>(200).by(|| on::get(receivers::boxes)),
        get("/api/v1/instances/{id}/receivers/{name}/deliveries", Viewer, "listDeliveries", "The last deliveries and failures of an export, an exporter or `preprocess`")
            .gives::<trials::Deliveries>(200).by(|| on::get(trials::deliveries)),
        get("/api/v1/instances/{id}/receivers/{name}/dead", Viewer, "showDead", "What an export, an exporter or `preprocess` has refused for good")
            .query::<receivers::Which>().gives::<receivers::Letters>(200).by(|| on::get(receivers::dead)),
        post("/api/v1/instances/{id}/receivers/{name}/dead/resend", Operator, "resendDead", "Send dead letters again")
            .takes::<receivers::Chosen>().gives::<receivers::Count>(200).by(|| on::post(receivers::resend)),
        post("/api/v1/instances/{id}/receivers/{name}/dead/drop", Operator, "dropDead", "Throw dead letters away")
            .takes::<receivers::Chosen>().gives::<receivers::Count>(200).by(|| on::post(receivers::throw_away)),
        post("/api/v1/instances/{id}/replay", Operator, "replay", "Deliver logged records again")
            .takes::<receivers::Replay>().gives::<receivers::Count>(200).by(|| on::post(receivers::replay)),
    ]
}

#[rustfmt::skip]
fn tables() -> Vec<Route> {
    vec![
        get("/api/v1/formats", Viewer, "listFormats", "Ways out, their settings and what they take")
            .gives::<tables::Formats>(200).by(|| on::get(tables::formats)),
        get("/api/v1/sources", Viewer, "listSources", "Ways in")
            .gives::<tables::Sources>(200).by(|| on::get(tables::sources)),
        get("/api/v1/streams", Viewer, "listStreams", "What can be exported beside records")
            .gives::<tables::Streams>(200).by(|| on::get(tables::streams)),
        get("/api/v1/schemas", Viewer, "listSchemas", "Records: ids, versions, a sample of each")
            .gives::<schemas::All>(200).by(|| on::get(schemas::list)),
        get("/schema/{file}", Public, "showSchema", "The JSON Schema of one version")
            .gives_bytes(200, "application/schema+json").by(|| on::get(schemas::file)),
        post("/api/v1/records/validate", Viewer, "validateRecord", "Hold a record against its schema")
            .takes::<schemas::Record>().gives::<schemas::Held>(200).by(|| on::post(schemas::hold)),
    ]
}

#[rustfmt::skip]
fn system() -> Vec<Route> {
    vec![
        get("/api/v1/system", Viewer, "showSystem", "How the server as a whole is doing")
            .gives::<system::System>(200).by(|| on::get(system::show)),
        get("/api/v1/system/doctor", Admin, "doctor", "What is missing or wrong on this machine and in the data folder, and how to mend it")
            .gives::<watchpost_runtime::Diagnosis>(200).by(|| on::get(system::doctor)),
        get("/api/v1/system/log", Operator, "showLog", "What the program has logged lately")
            .query::<system::WhichLines>().gives::<system::Lines>(200).by(|| on::get(system::log)),
        get("/api/v1/system/audit", Admin, "showAudit", "Who changed what, newest first")
            .query::<system::HowMany>().gives::<system::Entries>(200).by(|| on::get(system::audit)),
    ]
}

#[rustfmt::skip]
fn users() -> Vec<Route> {
    vec![
        get("/api/v1/users", Admin, "listUsers", "Who may log in")
            .gives::<users::Users>(200).by(|| on::get(users::list)),
        put("/api/v1/users/{name}", Admin, "putUser", "Make a user, or change role or password")
            .takes::<users::NewUser>().up_to(8 << 10).gives::<users::User>(200).by(|| on::put(users::put)),
        delete("/api/v1/users/{name}", Admin, "deleteUser", "Take a user out; open sessions end")
            .gives_nothing(204).by(|| on::delete(users::delete)),
        get("/api/v1/tokens", Admin, "listTokens", "Tokens for programs, but for the tokens themselves")
            .gives::<users::Tokens>(200).by(|| on::get(users::tokens)),
        post("/api/v1/tokens", Admin, "addToken", "Make a token; it is shown this once")
            .takes::<users::NewToken>().gives::<users::MadeToken>(201).by(|| on::post(users::make_token)),
        delete("/api/v1/tokens/{id}", Admin, "deleteToken", "Take a token out")
            .gives_nothing(204).by(|| on::delete(users::delete_token)),
    ]
}

/// The reference system's own (REFERENCE "REST").
#[rustfmt::skip]
fn reference() -> Vec<Route> {
    use crate::reference::{config, events, instances, output, push, system};
    vec![
        post("/v1/core/instance/{id}/detections", Operator, "postDetections", "The user's own detections, one JSON object a line")
            .takes_bytes("application/x-ndjson").up_to(detections::MAX_BODY_BYTES)
            .gives::<detections::Answer>(200).gives_problem::<detections::Refused>(422).gives_problem::<detections::Refused>(503).by(|| on::post(detections::detections)),
        get("/v1/core/instances", Viewer, "coreInstances", "All instances")
            .gives::<instances::All>(200).by(|| on::get(instances::list)),
        post("/v1/core/instance", Operator, "coreAddInstance", "Make an instance")
            .takes::<instances::Wanted>().gives::<instances::Made>(201).by(|| on::post(instances::add)),
        get("/v1/core/instance/{id}", Viewer, "coreInstance", "One instance")
            .gives::<instances::Shown>(200).by(|| on::get(instances::show)),
        put("/v1/core/instance/{id}", Operator, "corePutInstance", "Change an instance; what is absent stays")
            .takes::<instances::Wanted>().gives_nothing(204).by(|| on::put(instances::change)),
        patch("/v1/core/instance/{id}", Operator, "corePatchInstance", "Change an instance; what is absent stays")
            .takes::<instances::Wanted>().gives_nothing(204).by(|| on::patch(instances::change)),
        delete("/v1/core/instance/{id}", Operator, "coreDeleteInstance", "Delete an instance, its log and what waits")
            .gives_nothing(204).by(|| on::delete(instances::delete)),
        post("/v1/core/instance/{id}/load", Operator, "coreLoad", "An instance is loaded as long as it is there")
            .gives_nothing(204).by(|| on::post(instances::load)),
        post("/v1/core/instance/{id}/unload", Operator, "coreUnload", "Stop it; its deliveries go on")
            .gives_nothing(204).by(|| on::post(instances::stop)),
        post("/v1/core/instance/{id}/start", Operator, "coreStart", "Start its source")
            .gives_nothing(204).by(|| on::post(instances::start)),
        post("/v1/core/instance/{id}/stop", Operator, "coreStop", "Stop its source")
            .gives_nothing(204).by(|| on::post(instances::stop)),
        post("/v1/core/instance/{id}/restart", Operator, "coreRestart", "Stop, then start")
            .gives_nothing(204).by(|| on::post(instances::restart)),
        get("/v1/core/instance/{id}/config", Viewer, "coreConfig", "A part of its file")
            .query::<config::Which>().gives::<config::Part>(200).by(|| on::get(config::show)),
        post("/v1/core/instance/{id}/config", Operator, "coreSetConfig", "Set a part of its file; applied at once")
            .takes::<config::Part>().gives_nothing(204).by(|| on::post(config::change)),
        get("/v1/core/instance/{id}/state", Viewer, "coreState", "How it is doing, by path")
            .query::<config::Which>().gives::<config::Part>(200).by(|| on::get(config::state)),
        post("/v1/core/instance/{id}/state", Operator, "coreSetState", "Start or stop it: `state` to \"running\" or \"stopped\"")
            .takes::<config::Part>().gives_nothing(204).by(|| on::post(config::set_state)),
        post("/v1/core/instance/{id}/input", Operator, "coreInput", "Set its source")
            .takes::<output::Input>().gives_nothing(204).by(|| on::post(output::input)),
        post("/v1/core/instance/{id}/output/hls", Operator, "coreHls", "Switch HLS")
            .takes::<output::Hls>().gives::<output::HlsUri>(200).gives_nothing(204).by(|| on::post(output::hls)),
        post("/v1/core/instance/{id}/output/rtsp", Operator, "coreRtsp", "Switch an RTSP output")
            .takes::<output::Rtsp>().gives_nothing(204).by(|| on::post(output::rtsp)),
        post("/v1/core/instance/{id}/output/render_preset", Operator, "corePreset", "What is drawn into exported pictures")
            .takes::<output::Preset>().gives_nothing(204).by(|| on::post(output::preset)),
        get("/v1/core/instance/{id}/frame", Viewer, "coreFrame", "The last picture")
            .gives::<output::Frame>(200).by(|| on::get(output::frame)),
        post("/v1/core/instance/{id}/push/compressed", Operator, "corePush", "A JPEG or PNG picture becomes a frame of an instance whose source is `push://`")
            .query::<push::Taken>().takes_bytes("application/octet-stream").up_to(push::MAX_BYTES)
            .gives_nothing(204).by(|| on::post(push::compressed)),
        post("/v1/core/instance/{id}/push/encoded/{codecId}", Operator, "corePushEncoded", "An H.264 or H.265 access unit for an instance whose source is `push://`")
            .query::<push::Taken>().takes_bytes("application/octet-stream").up_to(push::MAX_BYTES)
            .gives_nothing(204).by(|| on::post(push::encoded)),
        get("/v1/core/instance/{id}/consume_events", Viewer, "coreConsume", "Records since the last poll, at most the newest 500")
            .gives::<events::AllConsumed>(200).gives_nothing(204).by(|| on::get(events::consume)),
        get("/v1/core/instance/{id}/consume_events_sse", Viewer, "coreFollow", "Records as they come, as server-sent events")
            .gives_bytes(200, "text/event-stream").by(|| on::get(events::follow)),
        get("/v1/core/solutions", Viewer, "coreSolutions", "What analytics there are")
            .gives_bytes(200, "application/json").by(|| on::get(system::solutions)),
        get("/v1/core/version", Viewer, "coreVersion", "Of this program")
            .gives_bytes(200, "application/json").by(|| on::get(system::version)),
        get("/v1/core/system/info", Viewer, "coreInfo", "How the server is doing")
            .gives_bytes(200, "application/json").by(|| on::get(system::info)),
        get("/v1/core/system/config", Viewer, "coreSystemConfig", "What it was started with, and the settings of exporters")
            .gives::<system::Config>(200).by(|| on::get(system::config)),
        post("/v1/core/system/shutdown", Admin, "coreShutdown", "Stop the server, as TERM does")
            .gives_nothing(204).by(|| on::post(system::shutdown)),
        post("/v1/core/system/config", Admin, "coreSetSystemConfig", "Change settings of exporters")
            .takes::<system::Change>().gives_nothing(204).by(|| on::post(system::change)),
        put("/v1/core/system/config", Admin, "corePutSystemConfig", "Change settings of exporters; those that are not named stay")
            .takes::<system::Change>().gives_nothing(204).by(|| on::put(system::change)),
        get("/v1/core/log", Operator, "coreLog", "What the program has logged lately")
            .query::<crate::system::WhichLines>().gives::<crate::system::Lines>(200).by(|| on::get(crate::system::log)),
    ]
}

/// Areas and lines by the reference system's paths.
#[rustfmt::skip]
fn securt() -> Vec<Route> {
    use crate::reference::{entities, instances, securt};
    vec![
        post("/v1/securt/instance", Operator, "securtAddInstance", "Make an instance; every one has this solution")
            .takes::<instances::Wanted>().gives::<instances::Made>(201).by(|| on::post(instances::add)),
        get("/v1/securt/instance/{id}", Viewer, "securtInstance", "One instance")
            .gives::<instances::Shown>(200).by(|| on::get(instances::show)),
        put("/v1/securt/instance/{id}", Operator, "securtPutInstance", "Change an instance; what is absent stays")
            .takes::<instances::Wanted>().gives_nothing(204).by(|| on::put(instances::change)),
        patch("/v1/securt/instance/{id}", Operator, "securtPatchInstance", "Change an instance; what is absent stays")
            .takes::<instances::Wanted>().gives_nothing(204).by(|| on::patch(instances::change)),
        delete("/v1/securt/instance/{id}", Operator, "securtDeleteInstance", "Delete an instance, its log and what waits")
            .gives_nothing(204).by(|| on::delete(instances::delete)),
        get("/v1/securt/instance/{id}/analytics_entities", Viewer, "securtEntities", "Its areas and lines, by what they wait for")
            .gives::<entities::Entities>(200).by(|| on::get(entities::entities)),
        get("/v1/securt/instance/{id}/stats", Viewer, "securtStats", "Frames, rate and tracks of its analysis")
            .gives::<entities::Stats>(200).by(|| on::get(entities::stats)),
        post("/v1/securt/instance/{id}/area/{kind}", Operator, "securtAddArea", "Make an area: crossing, intrusion, loitering, crowding, object_left, object_removed")
            .takes::<securt::Area>().gives::<securt::Made>(201).by(|| on::post(securt::add_area)),
        put("/v1/securt/instance/{id}/area/{kind}/{area}", Operator, "securtPutArea", "Make an area with an id, or change it")
            .takes::<securt::Area>().gives_nothing(204).by(|| on::put(securt::put_area)),
        get("/v1/securt/instance/{id}/areas", Viewer, "securtAreas", "Its areas, by id")
            .gives::<securt::Entries>(200).by(|| on::get(securt::areas)),
        delete("/v1/securt/instance/{id}/areas", Operator, "securtDeleteAreas", "Delete all its areas")
            .gives_nothing(204).by(|| on::delete(securt::delete_areas)),
        delete("/v1/securt/instance/{id}/area/{kind}", Operator, "securtDeleteArea", "Delete an area by its id")
            .gives_nothing(204).by(|| on::delete(securt::delete_area)),
        post("/v1/securt/instance/{id}/line/{kind}", Operator, "securtAddLine", "Make a line: crossing, tailgating")
            .takes::<securt::Line>().gives::<securt::Made>(201).by(|| on::post(securt::add_line)),
        put("/v1/securt/instance/{id}/line/{kind}/{line}", Operator, "securtPutLine", "Make a line with an id, or change it")
            .takes::<securt::Line>().gives_nothing(204).by(|| on::put(securt::put_line)),
        get("/v1/securt/instance/{id}/lines", Viewer, "securtLines", "Its lines, by id")
            .gives::<securt::Entries>(200).by(|| on::get(securt::lines)),
        delete("/v1/securt/instance/{id}/lines", Operator, "securtDeleteLines", "Delete all its lines")
            .gives_nothing(204).by(|| on::delete(securt::delete_lines)),
        delete("/v1/securt/instance/{id}/line/{kind}", Operator, "securtDeleteLine", "Delete a line by its id")
            .gives_nothing(204).by(|| on::delete(securt::delete_line)),
    ]
}

/// What players fetch; `hls.rs` puts its routes together itself, for it also serves without the rest.
#[rustfmt::skip]
fn hls() -> Vec<Route> {
    vec![
        get("/hls/{playlist}", Viewer, "hlsFirst", "The playlist of an instance's first HLS export")
            .gives_bytes(200, "application/vnd.apple.mpegurl"),
        get("/hls/{instance}/{playlist}", Viewer, "hlsByName", "The playlist of one of its HLS exports")
            .gives_bytes(200, "application/vnd.apple.mpegurl"),
        get("/hls/{instance}/{name}/{file}", Viewer, "hlsFile", "A piece of it")
            .gives_bytes(200, "video/mp4"),
    ]
}
