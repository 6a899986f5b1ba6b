//! What a format's own example writes: the format is run with one or two examples of what it takes.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use watchpost_config::{Base, Handler, Paths, Switch};
use watchpost_export::{
    Delivery, Format, InstanceInfo, Item, ItemKind, Moment, Outcome, Output, Picture, PictureSink, Receiver,
    Request, Selection, VideoOutput,
};
use watchpost_media::{EncodePace, Encoder};
use watchpost_model::{Frame, Image, PixelFormat, Plane, Size, StreamTime, Timestamp};
use watchpost_schema::{sample, streams::stream_sample};

/// More of a file than this is told and not shown.
const MAX_SHOWN_LINES: usize = 30;
/// A second of work at most; whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of the samples: the `{sys.time}` of the example files.
const TIME_MS: i64 = 1_785_161_453_812;

/// A section's text: the files that the example writes, or where it writes none, what leaves by it.
pub fn output(format: &Format) -> anyhow::Result<String> {
    let example: Value = serde_json::from_str(format.example)?;
    let uri = example["uri"].as_str().unwrap_or_default();
    let folder = Scratch::new(format.name)?;
    let handler = Handler {
        name: "my export".to_owned(),
        uri: uri.to_owned(),
        sink: example["sink"].as_str().filter(|sink| !sink.is_empty()).map(str::to_owned),
        switch: Switch::On,
        config: example["config"].as_object().cloned().unwrap_or_default(),
        path: String::new(),
    };
    let instance = InstanceInfo {
        id: "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867".parse().map_err(|_| anyhow::anyhow!("no id"))?,
        name: "Main gate".to_owned(),
        time_zone: "UTC".to_owned(),
        // Live formats take no file that passes faster than time.
        lossless: uri.starts_with(&format!("{}:///", format.name)),
    };
    let paths = Paths::new(&folder.0, &folder.0.join("instance.json"), Base::DataFolder);
    let plan = watchpost_export::plan(&Request { handler: &handler, paths: &paths, instance: &instance })
        .map_err(|problems| anyhow::anyhow!("the example of {}: {problems:?}", format.name))?;
    let items = items(&plan.selection, plan.common.crops != watchpost_export::Crops::None);
    // Only our own schemes have three slashes and lead into files; the others lead to somebody who is not here.
    if !uri.starts_with(&format!("{}:///", format.name)) {
        return Ok(sent(&items));
    }
    match plan.output {
        Output::Receiver(make) => deliver(make(), items)?,
        Output::Pictures(make) => show(make())?,
        Output::Video(video) => record(&video)?,
    }
    let text = files(&folder.0.join("exports"))?;
    if text.is_empty() {
        bail!("the example of {} writes nothing", format.name);
    }
    Ok(text)
}

/// One of everything that is selected and passes the example's filter.
fn items(selection: &Selection, with_pictures: bool) -> Vec<Item> {
    let item = |kind, json: Vec<u8>| Item { kind, json: json.into() };
    match selection {
        Selection::Records(ids) => {
            let records =
                ids.iter().map(|(id, version)| item(ItemKind::Record(*id, *version), sample(*id, *version)));
            records.collect()
        }
        Selection::Stream(stream) => {
            let object = stream_sample(*stream, with_pictures);
            object.map(|json| item(ItemKind::Object(*stream), json)).into_iter().collect()
        }
    }
}

fn sent(items: &[Item]) -> String {
    let mut text = String::new();
    for item in items {
        let Ok(value) = serde_json::from_slice::<Value>(&item.json) else { continue };
        text.push_str(&format!("```json\n{value:#}\n```\n\n"));
    }
    if text.is_empty() {
        return text;
    }
    format!("What the example sends, one of each:\n\n{text}")
}

fn deliver(mut receiver: Box<dyn Receiver>, items: Vec<Item>) -> anyhow::Result<()> {
    let deliveries: Vec<Delivery> = (0..)
        .zip(items)
        .map(|(position, item)| Delivery { position, time_ms: TIME_MS, items: vec![item] })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let work = async {
        receiver.open(None).await?;
        receiver.send(deliveries).await?;
        receiver.close().await
    };
    let outcomes = runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await })??;
    match outcomes.into_iter().find(|outcome| matches!(outcome, Outcome::Refused { .. })) {
        Some(refused) => bail!("{refused:?}"),
        None => Ok(()),
    }
}

/// Twenty seconds of grey.
fn show(mut sink: Box<dyn PictureSink>) -> anyhow::Result<()> {
    for id in 0..20_u64 {
        let picture = picture(id).context("a picture")?;
        sink.push(&picture)?;
    }
    sink.finish()?;
    Ok(())
}

/// The same as a video.
fn record(video: &VideoOutput) -> anyhow::Result<()> {
    let first = picture(0).context("a picture")?;
    let encoder = Encoder::start(video.video.encoder(first.shown.size, None, EncodePace::Fast))?;
    let mut sink = (video.make)();
    sink.begin(encoder.stream())?;
    for id in 0..20_u64 {
        let Picture { frame, shown, events, .. } = picture(id).context("a picture")?;
        encoder.push(&shown, frame.time)?;
        sink.look(&Moment { time: frame.time, timestamp: frame.timestamp, events })?;
    }
    encoder.finish()?;
    sink.finish()?;
    Ok(())
}

fn picture(id: u64) -> Option<Picture> {
    let size = Size { width: 64, height: 48 };
    let plane = |width: usize, height: usize| {
        Plane::new(Arc::new(vec![128_u8; width * height]), 0, width, height, width)
    };
    let planes = vec![plane(64, 48)?, plane(32, 24)?, plane(32, 24)?];
    let image = Image { format: PixelFormat::I420, size, planes };
    let timestamp = Timestamp(TIME_MS + id as i64 * 1000);
    let frame = Frame {
        id,
        time: StreamTime::from_ms(id as f64 * 1000.0),
        timestamp,
        size: Some(size),
        image: Some(image.clone()),
    };
    let frame_keys = json!({"frame_id": id, "system_timestamp": timestamp.0}).to_string().into();
    Some(Picture { frame, shown: image, frame_keys, events: Vec::new(), again: false })
}

/// Each file below `exports`: text as it is, pictures by name.
fn files(exports: &Path) -> anyhow::Result<String> {
    let mut paths = Vec::new();
    walk(exports, &mut paths)?;
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let shown = path.strip_prefix(exports)?.display().to_string();
        match String::from_utf8(fs::read(&path)?) {
            Ok(content) => {
                let cut = content.lines().count() > MAX_SHOWN_LINES;
                let lines: Vec<_> = content.lines().take(MAX_SHOWN_LINES).collect();
                let more = if cut { "\n..." } else { "" };
                text.push_str(&format!("`exports/{shown}`:\n\n```\n{}{more}\n```\n\n", lines.join("\n")));
            }
            Err(_) => text.push_str(&format!("* `exports/{shown}`\n")),
        }
    }
    Ok(text)
}

fn walk(folder: &Path, paths: &mut Vec<std::path::PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, paths)? } else { paths.push(path) }
    }
    Ok(())
}

/// A folder that is gone when the example is.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> anyhow::Result<Self> {
        let folder = crate::process::target_dir().join(format!("docs-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("exports"))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}
