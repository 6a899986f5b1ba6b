//! The runtime's operations: what the command line, and later the control socket and the API, ask of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use serde_json::{Map, Value};
use thiserror::Error;
use tokio::runtime::Handle;
use tracing::Instrument;
use watchpost_config::{self as config, Base, Found, Manifest, Paths, Problem, System};
use watchpost_export::{InstanceInfo, Plan, exporter};
use watchpost_journal::{self as journal, Journal, Options};
use watchpost_media::Feed;
use watchpost_process::Guardian;
use watchpost_schema::Version;
use watchpost_source::{Children, Host, Inlet, Source};

use crate::{
    claims::Claims,
    instance::{Instance, StartError},
    plans::ExporterOrigin,
    whose,
};

/// The folder of the store in the data folder.
const JOURNAL: &str = "journal";
/// System and exporter settings in the data folder.
pub(crate) const SETTINGS: &str = "config.json";

/// What all instances of a data folder share: the store, the guardian of children, installed exporters.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    data: PathBuf,
    journal: Journal,
    guardian: Guardian,
    /// Where exporters are looked for: the user's folder first.
    folders: Vec<PathBuf>,
    exporters: RwLock<Arc<Vec<Found>>>,
    system: RwLock<Arc<System>>,
    claims: Claims,
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
    /// Where detections are handed in, under a server.
    pub inlet: Option<Inlet>,
    /// Where video is pushed, under a server.
    pub feed: Option<Feed>,
    shared: Arc<Shared>,
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
        let exporters = config::discover(&folders).map_err(cannot_list)?;
        let (exporters, system) = (RwLock::new(Arc::new(exporters)), RwLock::new(Arc::new(system)));
        let shared = Shared {
            data: data.to_owned(),
            journal,
            guardian,
            folders,
            exporters,
            system,
            claims: Claims::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Writes what is left and lets go of the data folder.
    pub fn close(self) {
        self.shared.journal.close();
    }

    /// Loads an instance from `file` and starts it, source and all, as `run` does.
    ///
    /// # Errors
    /// See [`StartError`]. Trouble of a single export is a state of that export.
    pub async fn start(&self, loaded: &config::Loaded, file: &Path) -> Result<Instance, StartError> {
        let around = Arc::new(self.surroundings(file, Base::InstanceFile));
        let span = whose::instance(&loaded.instance.name);
        let source = open_source(&loaded.instance, &around).instrument(span).await?;
        let mut instance = Instance::open(loaded, around).await?;
        instance.begin(source).await?;
        Ok(instance)
    }

    pub(crate) fn surroundings(&self, file: &Path, base: Base) -> Surroundings {
        Surroundings {
            journal: self.shared.journal.clone(),
            guardian: self.shared.guardian.clone(),
            tokio: Handle::current(),
            paths: Paths::new(&self.shared.data, file, base),
            inlet: (base == Base::DataFolder).then(Inlet::default),
            feed: (base == Base::DataFolder).then(Feed::default),
            shared: self.shared.clone(),
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.shared.data
    }

    /// Folders of exporters beside the user's own.
    pub(crate) fn shipped(&self) -> &[PathBuf] {
        self.shared.folders.get(1..).unwrap_or_default()
    }

    pub(crate) fn guardian(&self) -> &Guardian {
        &self.shared.guardian
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The exporters that are installed, as of the last look.
    pub fn exporters(&self) -> Arc<Vec<Found>> {
        self.shared.exporters.read().clone()
    }

    /// Looks for exporters again. A manifest that has become invalid while an older one is in use is left out
    /// of account, but for saying so: what runs goes on as it was.
    pub(crate) fn rediscover(&self) -> Result<(), OpenError> {
        let found = config::discover(&self.shared.folders).map_err(cannot_list)?;
        *self.shared.exporters.write() = Arc::new(found);
        Ok(())
    }

    /// Reads `config.json` again; says whether it is another.
    pub(crate) fn reload_settings(&self) -> Result<bool, Vec<Problem>> {
        let mut slot = self.shared.system.write();
        let system = Arc::new(System::load(&self.shared.data.join(SETTINGS))?);
        let changed = *slot != system;
        *slot = system;
        Ok(changed)
    }

    /// The values of an exporter's settings; the defaults where they cannot be used.
    pub(crate) fn settings(
        &self,
        manifest: &Manifest,
    ) -> std::collections::BTreeMap<String, config::SettingValue> {
        self.shared.system.read().settings(manifest).unwrap_or_default()
    }

    /// What was set of an exporter's settings, as it is: it may hold secrets.
    pub fn exporter_values(&self, exporter: &str) -> Map<String, Value> {
        self.shared.system.read().values(exporter)
    }

    /// Checks the settings of an exporter, saves and uses them from now on. Instances that use it are for the
    /// caller to tell.
    pub(crate) fn set_exporter(
        &self,
        exporter: &str,
        values: Map<String, Value>,
    ) -> Result<(), Vec<Problem>> {
        let exporters = self.exporters();
        let manifest = find_exporter(&exporters, exporter, "")?.manifest;
        let file = self.shared.data.join(SETTINGS);
        let mut slot = self.shared.system.write();
        let mut system = System::clone(&slot);
        system.set(&manifest.name, values);
        system.settings(manifest)?;
        let unsaved = |error: std::io::Error| {
            let message = format!("{} cannot be written: {error}", file.display());
            vec![Problem::at("", message, "nothing was changed; give room or access and try again")]
        };
        system.save(&file).map_err(unsaved)?;
        *slot = Arc::new(system);
        Ok(())
    }
}

fn cannot_list((path, error): (PathBuf, std::io::Error)) -> OpenError {
    OpenError::Folder { path, error }
}

/// Opens the source of an instance; may wait for a file, never for a camera.
pub(crate) async fn open_source(
    wishes: &config::Instance,
    around: &Surroundings,
) -> Result<Box<dyn Source>, StartError> {
    let (input, paths) = (wishes.input.clone(), around.paths.clone());
    let host = Host {
        instance: Some((wishes.id, wishes.name.clone())),
        inlet: around.inlet.clone(),
        feed: around.feed.clone(),
        children: Some(Children { guardian: around.guardian.clone(), tokio: around.tokio.clone() }),
    };
    let span = tracing::Span::current();
    let open = move || span.in_scope(|| watchpost_source::open(&input, &paths, &host));
    let opened = tokio::task::spawn_blocking(open).await;
    Ok(opened.map_err(|panic| StartError::Record(format!("opening the source: {panic}")))??)
}

impl Surroundings {
    /// Who writes to which file.
    pub fn claims(&self) -> &Claims {
        &self.shared.claims
    }

    /// The exporter `name`, which the entry at `path` of the instance's document switches on: ready to be started,
    /// and what that was planned from.
    pub fn exporter(
        &self,
        name: &str,
        path: &str,
        instance: &InstanceInfo,
        available: &[Version],
    ) -> Result<(Plan, ExporterOrigin), Vec<Problem>> {
        let exporters = self.shared.exporters.read().clone();
        let found = find_exporter(&exporters, name, path)?;
        let settings = self.shared.system.read().settings(found.manifest)?;
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
        let plan = exporter::plan(&setup).map_err(|problem| vec![problem])?;
        let (manifest, info, available) = (found.manifest.clone(), instance.clone(), available.to_vec());
        Ok((plan, ExporterOrigin { manifest, dir, settings, info, available }))
    }
}

/// An exporter with a manifest that can be used.
pub(crate) struct Usable<'a> {
    pub dir: &'a Path,
    pub manifest: &'a Manifest,
}

/// Finds an installed exporter by name; the entry at `path` of a document asks for it.
///
/// # Errors
/// There is none of that name (those that there are get named), or its manifest is broken.
pub(crate) fn find_exporter<'a>(
    exporters: &'a [Found],
    name: &str,
    path: &str,
) -> Result<Usable<'a>, Vec<Problem>> {
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
    Err(vec![Problem::at(path, message, fix)])
}
