//! The runtime's operations: what the command line, and later the control socket and the API, ask of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio::runtime::Handle;
use watchpost_config::{self as config, Base, Found, Manifest, Paths, Problem, System};
use watchpost_export::{InstanceInfo, Plan, exporter};
use watchpost_journal::{self as journal, Journal, Options};
use watchpost_process::Guardian;
use watchpost_schema::Version;

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
    #[error("data folder: {} cannot be used: {error}; choose another with --data, or give this user access", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The store in it.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// Its `config.json`.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<Problem>),
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
        let exporters =
            config::discover(&folders).map_err(|(path, error)| OpenError::Folder { path, error })?;
        Ok(Self {
            data: data.to_owned(),
            journal,
            guardian,
            exporters: Arc::new(exporters),
            system: Arc::new(system),
        })
    }

    /// Writes what is left and lets go of the data folder.
    pub fn close(self) {
        self.journal.close();
    }

    /// Starts an instance that was loaded from `file`.
    ///
    /// # Errors
    /// See [`StartError`]. Trouble of a single export is a state of that export.
    pub fn start(&self, loaded: &config::Loaded, file: &Path) -> Result<Instance, StartError> {
        Instance::start(loaded, &self.around(file))
    }

    /// What an instance of `file` finds.
    pub(crate) fn around(&self, file: &Path) -> Surroundings {
        Surroundings {
            journal: self.journal.clone(),
            guardian: self.guardian.clone(),
            tokio: Handle::current(),
            paths: Paths::new(&self.data, file, Base::InstanceFile),
            exporters: self.exporters.clone(),
            system: self.system.clone(),
        }
    }
}

impl Surroundings {
    /// The exporter `name`, ready to be started for an instance.
    pub fn exporter(
        &self,
        name: &str,
        instance: &InstanceInfo,
        available: &[Version],
    ) -> Result<Plan, Vec<Problem>> {
        let found = find_exporter(&self.exporters, name)?;
        let settings = self.system.settings(found.manifest)?;
        let dir = std::path::absolute(found.dir).unwrap_or_else(|_| found.dir.to_owned());
        let setup = exporter::Setup {
            manifest: found.manifest,
            dir: &dir,
            settings: &settings,
            instance,
            exports_dir: &self.paths.exports,
            available,
            guardian: &self.guardian,
        };
        exporter::plan(&setup).map_err(|problem| vec![problem])
    }
}

/// An exporter with a manifest that can be used.
pub(crate) struct Usable<'a> {
    pub dir: &'a Path,
    pub manifest: &'a Manifest,
}

/// Finds an installed exporter by name.
///
/// # Errors
/// There is none of that name (those that there are get named), or its manifest is broken.
pub(crate) fn find_exporter<'a>(exporters: &'a [Found], name: &str) -> Result<Usable<'a>, Vec<Problem>> {
    let mut names = Vec::new();
    for found in exporters {
        match &found.manifest {
            Ok((manifest, _)) if manifest.name == name => return Ok(Usable { dir: &found.dir, manifest }),
            Ok((manifest, _)) => names.push(manifest.name.as_str()),
            // A broken manifest may not even say its name; its folder's is the next best.
            Err(problems) if found.dir.file_name().is_some_and(|dir| dir == name) => {
                return Err(problems.clone());
            }
            Err(_) => {}
        }
    }
    let installed = if names.is_empty() {
        "none is installed".to_owned()
    } else {
        format!("installed: {}", names.join(", "))
    };
    let message = format!("no exporter `{name}` is installed");
    let fix =
        format!("{installed}; put its folder, with a manifest.json, into exporters/ of the data folder");
    Err(vec![Problem::at(format!("/Output/{name}"), message, fix)])
}
