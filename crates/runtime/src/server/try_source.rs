//! Whether a source would work: it is opened, its first picture taken, and it is closed again.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use watchpost_config::{self as config, Base, Input, Paths};
use watchpost_source::{Host, Next, Source, Yields};

use super::{
    OperationError, Server,
    look::{data_url, encode},
};

/// From the question to the answer, whatever it is (PRODUCT 13).
const PATIENCE: Duration = Duration::from_millis(2900);
/// Sources tried at the same time; each may decode 4K on a busy machine.
static TRYING: Semaphore = Semaphore::const_new(2);
/// Wide enough to see whether it is the right camera.
const PICTURE_WIDTH: u32 = 640;

/// What a source that works is.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"kind": "rtsp", "live": true, "picture": "data:image/jpeg;base64,", "width": 1920, "height": 1080, "codec": "H.264", "fps": 25.0, "took_ms": 812}]))]
pub struct Tried {
    /// Its name in the table of sources.
    pub kind: String,
    /// It does not wait for anybody: a camera.
    pub live: bool,
    /// The first picture, as a `data:` URL of a JPEG file; absent where it gives detections only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Pixels in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// How it is encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Nominal frames per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// Length of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// How long it took to know.
    pub took_ms: u64,
}

impl Server {
    /// Opens the source that `input` (an instance's `Input`) describes and says what it is. Takes at most 3 s.
    ///
    /// # Errors
    /// Why it would not work, as far as that is known by then.
    pub async fn try_source(&self, input: Map<String, Value>) -> Result<Tried, OperationError> {
        let began = Instant::now();
        let late = || {
            let message = format!("no picture within {} s", PATIENCE.as_secs() + 1);
            let fix = "check address, user and password, and that the camera is on";
            OperationError::problems(&[config::Problem::at("/Input/uri", message, fix)])
        };
        let document = json!({"DisplayName": "source test", "Input": input});
        let Value::Object(document) = document else { return Err(late()) };
        let file = self.folder.join("source-test.json");
        let loaded = config::load_document(document, &file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        let paths = Paths::new(self.runtime.data(), &file, Base::DataFolder);
        // The detector is not what is asked about.
        let input = Input { detector: None, frame_rate_limit: None, ..loaded.instance.input };
        let trial = async {
            let turn = TRYING.acquire().await.map_err(OperationError::failed)?;
            // Goes on by itself when nobody waits any more: what hangs in the system may take longer.
            let work = tokio::task::spawn_blocking(move || (first(&input, &paths, began), turn));
            work.await.map_err(OperationError::failed)?.0
        };
        let tried = tokio::time::timeout(PATIENCE, trial).await.unwrap_or_else(|_| Err(late()))?;
        Ok(Tried { took_ms: began.elapsed().as_millis() as u64, ..tried })
    }
}

fn first(input: &Input, paths: &Paths, began: Instant) -> Result<Tried, OperationError> {
    let refused = |error: watchpost_source::SourceError| {
        OperationError::problems(&[config::Problem::at(error.path, error.message, "")])
    };
    let kind = watchpost_source::find(&input.uri, "/Input/uri").map_err(refused)?;
    if kind.yields == Yields::Detections || kind.name == "push" {
        // Opening it would take the place of whoever listens there already, and nobody pushes anything to a test.
        watchpost_source::check(input, paths).map_err(refused)?;
        return Ok(Tried { kind: kind.name.to_owned(), ..Tried::default() });
    }
    let mut source = watchpost_source::open(input, paths, &Host::default()).map_err(refused)?;
    let mut last_notice = None;
    while began.elapsed() < PATIENCE {
        match source.next(Duration::from_millis(50)).map_err(refused)? {
            Next::Item(item) => {
                let Some(image) = &item.frame.image else { continue };
                let jpeg = encode(image, Some(PICTURE_WIDTH)).map_err(OperationError::failed)?;
                return Ok(told(&*source, image.size, &jpeg));
            }
            Next::Idle => {}
            Next::Notice(notice) => last_notice = Some(format!("{}: {}", notice.title, notice.message)),
            Next::Ended { early } => {
                let why = early.unwrap_or_else(|| "it ended before its first picture".to_owned());
                return Err(OperationError::problems(&[config::Problem::at("/Input/uri", why, "")]));
            }
        }
    }
    let why = last_notice.unwrap_or_else(|| "no picture came in time".to_owned());
    let fix = "check address, user and password, and that the camera is on";
    Err(OperationError::problems(&[config::Problem::at("/Input/uri", why, fix)]))
}

fn told(source: &dyn Source, size: watchpost_model::Size, jpeg: &[u8]) -> Tried {
    let info = source.info();
    Tried {
        kind: info.kind.to_owned(),
        live: info.live,
        picture: Some(data_url(jpeg)),
        width: Some(size.width),
        height: Some(size.height),
        codec: info.codec,
        fps: info.fps,
        duration_s: info.duration.map(|duration| duration.as_secs()),
        took_ms: 0,
    }
}
