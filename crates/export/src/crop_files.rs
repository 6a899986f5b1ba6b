//! What becomes of the pictures in a stream's objects: left out, left in, or made files that the objects name.
//!
//! Stands before the receiver of any format. With `crops: disk` a picture is on disk, synced, before the object that names it is handed
//! on. Files lie in `exports/<export>-crops/`; an object has the path below `exports/` in the picture's place. A name
//! is made of what is shown and of the picture itself, so what comes again has the same name, and the same picture in
//! many objects is one file.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Instant};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use watchpost_schema::streams::{StreamName, replace_pictures_of};

use crate::{
    common::{Common, Crops},
    crops::has_pictures,
    files::{Chunk, Head, House, Replacer, Retention, Store, WrittenFiles, key_of},
    format::Request,
    picture::Written,
    receiver::{Delivery, Item, ItemKind, Outcome, Receiver, ReceiverError},
};

/// Names of pictures that are on disk already and need not be written again: the tracks in view, many times over.
const MAX_KNOWN: usize = 4096;
/// Longest beginning of a name: an id, or the user's own word for a track.
const MAX_SUBJECT: usize = 64;

/// What an export's objects keep of their pictures.
#[derive(Clone)]
pub(crate) struct Pictures {
    crops: Crops,
    /// The frame's own picture, in `output-detections`.
    whole: bool,
    /// With `crops: disk`.
    folder: Option<Folder>,
}

/// Where the crops of an export go.
#[derive(Clone)]
struct Folder {
    /// `exports/`.
    base: PathBuf,
    /// Below it.
    name: String,
    key: u64,
    retention: Option<Retention>,
}

impl Pictures {
    /// Of the export `name` of an instance; `None` where no object of `stream` needs a look.
    pub(crate) fn new(common: &Common, stream: StreamName, request: &Request<'_>) -> Option<Self> {
        stream.list()?;
        let keeps_all =
            common.crops == Crops::Inline && (common.output_image || stream != StreamName::Detections);
        if keeps_all {
            return None;
        }
        let (base, export) = (&request.paths.exports, &request.handler.name);
        let key = key_of(&[
            base.as_os_str().as_encoded_bytes(),
            request.instance.id.as_bytes(),
            export.as_bytes(),
            b"crops",
        ]);
        let name = format!("{}-crops", safe(export));
        let folder = Folder { base: base.clone(), name, key, retention: common.retention };
        let folder = (common.crops == Crops::Disk).then_some(folder);
        Some(Self { crops: common.crops, whole: common.output_image, folder })
    }

    /// A receiver that sees to the pictures, and hands on to `inner` what is left.
    pub(crate) fn before(&self, inner: Box<dyn Receiver>) -> Box<dyn Receiver> {
        let files = self.folder.as_ref().map(|folder| {
            let root = folder.base.join(&folder.name);
            let house = House::new(root.clone(), folder.key, folder.retention, None);
            if let Some(house) = &house {
                house.opened(0);
            }
            let store = Replacer::new(folder.key, WrittenFiles::new(root)).with(house);
            CropFiles { folder: folder.clone(), store: Arc::new(Mutex::new(store)), known: VecDeque::new() }
        });
        Box::new(Gate { crops: self.crops, whole: self.whole, inner, files })
    }
}

/// See the module.
struct Gate {
    crops: Crops,
    whole: bool,
    inner: Box<dyn Receiver>,
    files: Option<CropFiles>,
}

struct CropFiles {
    folder: Folder,
    store: Arc<Mutex<Replacer>>,
    /// Names of what is on disk, the most recent last.
    known: VecDeque<String>,
}

impl Gate {
    /// The item as it is to be; what goes into files is added to `pictures`. `None` if it has no picture.
    fn take(&mut self, item: &Item, pictures: &mut Vec<Chunk>) -> Option<Item> {
        if !matches!(item.kind, ItemKind::Object(_)) || !has_pictures(&item.json) {
            return None;
        }
        let mut object: Value = serde_json::from_slice(&item.json).ok()?;
        let frame = object.get("frame_id").map_or_else(|| "frame".to_owned(), |id| format!("frame-{id}"));
        replace_pictures_of(&mut object, |holder, text| {
            let is_whole = holder.contains_key("detections");
            let stays = if is_whole { self.whole } else { self.crops != Crops::None };
            match &mut self.files {
                _ if !stays => None,
                Some(files) => Some(files.name(holder, &frame, text, pictures)),
                None => Some(text.to_owned()),
            }
        });
        Some(Item { kind: item.kind, json: object.to_string().into() })
    }
}

impl CropFiles {
    /// What takes the place of a picture, base64: the path of its file, below `exports/`. What is no base64 stays.
    fn name(
        &mut self,
        holder: &Map<String, Value>,
        frame: &str,
        text: &str,
        pictures: &mut Vec<Chunk>,
    ) -> String {
        let Ok(data) = STANDARD.decode(text) else { return text.to_owned() };
        let name = format!("{}-{:016x}.{}", subject(holder, frame), key_of(&[&data]), kind(&data));
        let path = format!("{}/{name}", self.folder.name);
        if !self.known.contains(&name) {
            self.known.push_back(name);
            if self.known.len() > MAX_KNOWN {
                self.known.pop_front();
            }
            let (name, at) = (path.as_str().into(), self.folder.base.join(&path));
            let head = Arc::new(Head::default());
            pictures.push(Chunk { name, path: at, head, data, rows: 1, position: 0, lines: vec![] });
        }
        path
    }

    async fn write(&mut self, pictures: Vec<Chunk>) -> Result<(), ReceiverError> {
        let store = self.store.clone();
        let span = tracing::Span::current();
        let written = spawn_blocking(move || span.in_scope(|| store.lock().write(&pictures))).await;
        let written = written.map_err(|error| ReceiverError::Retry(format!("writing crops: {error}")));
        let written = written.and_then(|written| written);
        if written.is_err() {
            self.known.clear();
        }
        written
    }
}

/// What a picture shows, for its name: the event, the track, or the frame.
fn subject(holder: &Map<String, Value>, frame: &str) -> String {
    let text = |key: &str| holder.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    safe(text("track_id").or(text("id")).unwrap_or(frame))
}

/// Letters, digits and dashes, so that it leads nowhere else.
fn safe(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let safe: String = text.chars().map(plain).take(MAX_SUBJECT).collect();
    if safe.is_empty() || safe.starts_with('.') { format!("_{safe}") } else { safe }
}

/// Its file name's ending.
fn kind(picture: &[u8]) -> &'static str {
    match picture {
        [0xFF, 0xD8, ..] => "jpg",
        [0x89, b'P', b'N', b'G', ..] => "png",
        _ => "bin",
    }
}

#[async_trait]
impl Receiver for Gate {
    async fn open(&mut self, resume: Option<&[u8]>) -> Result<(), ReceiverError> {
        // Somebody may have deleted them, or the last write failed.
        if let Some(files) = &mut self.files {
            files.known.clear();
        }
        self.inner.open(resume).await
    }

    async fn send(&mut self, mut batch: Vec<Delivery>) -> Result<(), ReceiverError> {
        let mut pictures = Vec::new();
        for item in batch.iter_mut().flat_map(|delivery| &mut delivery.items) {
            if let Some(taken) = self.take(item, &mut pictures) {
                *item = taken;
            }
        }
        if let Some(files) = self.files.as_mut().filter(|_| !pictures.is_empty()) {
            files.write(pictures).await?;
        }
        self.inner.send(batch).await
    }

    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        self.inner.outcomes().await
    }

    fn window(&self) -> usize {
        self.inner.window()
    }

    fn rests_until(&self) -> Option<Instant> {
        self.inner.rests_until()
    }

    fn kept(&mut self, position: u64) {
        self.inner.kept(position);
    }

    fn awaits_kept(&self) -> bool {
        self.inner.awaits_kept()
    }

    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        self.inner.close().await
    }

    fn written(&self) -> Vec<Written> {
        let mut written = self.inner.written();
        written.extend(self.files.iter().flat_map(|files| files.store.lock().written().list()));
        written
    }
}
