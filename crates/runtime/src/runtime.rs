//! The runtime's operations: what the command line, and later the control socket and the API, ask of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio::runtime::Handle;
use watchpost_config::{self as config, Base, Found, Paths, Problem, System};
use watchpost_export::{Plan, exporter, format::InstanceInfo};
use watchpost_journal::{self as journal, Journal, Options};
use watchpost_process::Guardian;

use crate::instance::{Instance, StartError};

/// The folder of the store in the data folder.
const JOURNAL: &str = "journal";
/// System and exporter settings in the data folder.
const SETTINGS: &str = "config.json";

/// Everything that instances share: the store, the guardian of children, installed exporters.
pub struct Runtime {
    data: PathBuf,
    journal: Journal,
    guardian: Guardian,
    exporters: Arc<Vec<Found>>,
    system: Arc<System>,
}

/// Why a data folder cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be made.
    #[error("data folder {}: {error}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The store in it.
    #[error("journal: {0}")]
    Journal(#[from] journal::Error),
    /// Its `config.json`.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<Problem>),
    /// GStreamer.
    #[error("{0}")]
    Media(#[from] watchpost_source::MediaError),
}

/// What an instance finds around it.
pub(crate) struct Surroundings {
    pub journal: Journal,
    pub guardian: Guardian,
    pub tokio: Handle,
    pub paths: Paths,
    exporters: Arc<Vec<Found>>,
    system: Arc<System>,
}

impl Runtime {
    /// Opens the data folder `data`, making it where it is missing. `shipped`: folders of exporters beside
    /// the user's own. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`OpenError`]; a second process on the same folder is told who holds it.
    pub fn open(data: &Path, shipped: Vec<PathBuf>, guardian: Guardian) -> Result<Self, OpenError> {
        let folder = |path: &Path| {
            std::fs::create_dir_all(path).map_err(|error| OpenError::Folder { path: path.to_owned(), error })
        };
        folder(data)?;
        folder(&data.join("exports"))?;
        let system = System::load(&data.join(SETTINGS)).map_err(OpenError::Settings)?;
        let (journal, repairs) = Journal::open(&data.join(JOURNAL), Options::default())?;
        for repair in repairs {
            tracing::warn!("journal: {repair}");
        }
        let mut folders = vec![data.join("exporters")];
        folders.extend(shipped);
        let exporters = config::discover(&folders)
            .map_err(|(path, error)| OpenError::Folder { path, error })?;
        Ok(Self {
            data: data.to_owned(),
            journal,
            guardian,
            exporters: Arc::new(exporters),
            system: Arc::new(system),
        })
    }

    /// Starts an instance that was loaded from `file`.
    ///
    /// # Errors
    /// See [`StartError`]. Trouble of a single export is a state of that export.
    pub fn start(&self, loaded: &config::Loaded, file: &Path) -> Result<Instance, StartError> {
        let around = Surroundings {
            journal: self.journal.clone(),
            guardian: self.guardian.clone(),
            tokio: Handle::current(),
            paths: Paths::new(&self.data, file, Base::InstanceFile),
            exporters: self.exporters.clone(),
            system: self.system.clone(),
        };
        Instance::start(loaded, &around)
    }
}

impl Surroundings {
    /// The exporter `name`, ready to be started for an instance.
    pub fn exporter(&self, name: &str, instance: &InstanceInfo) -> Result<Plan, Problem> {
        let _ = (name, instance, exporter::NAME);
        unimplemented!()
    }
}
