//! `config.json` of the data folder: what holds for all instances.

use std::{collections::BTreeMap, io, path::Path};

use serde_json::{Map, Value};

use crate::{
    Manifest, Problem, SettingValue,
    lines::escape,
    object::Object,
    problem::Check,
    save::save_private,
    text::{parse, read},
};

/// System settings. For now the settings of exporters, by exporter and setting; every other key is
/// kept as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    document: Map<String, Value>,
}

impl System {
    /// Reads the file at `path`; one that does not exist is empty.
    ///
    /// # Errors
    /// What is wrong with its JSON, or why it cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        if !path.try_exists().unwrap_or(true) {
            return Ok(Self::default());
        }
        Self::parse(&read(path)?, path)
    }

    /// Reads a file's `text`; `origin` is its path, for errors.
    ///
    /// # Errors
    /// What is wrong with its JSON.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, Vec<Problem>> {
        let (document, lines) = parse(text, origin)?;
        let mut check = Check::new(origin, lines);
        let mut root = Object::new(&document, "");
        if let Some(exporters) = root.object(&mut check, "exporters") {
            for (name, value) in exporters.map {
                crate::object::as_object(&mut check, value, exporters.at(name));
            }
        }
        if check.errors.is_empty() { Ok(Self { document }) } else { Err(check.errors) }
    }

    /// The values of every setting of `manifest`: what the file says, else the default.
    ///
    /// # Errors
    /// Values that the manifest does not allow.
    pub fn settings(&self, manifest: &Manifest) -> Result<BTreeMap<String, SettingValue>, Vec<Problem>> {
        let path = format!("/exporters/{}", escape(&manifest.name));
        manifest.settings_from(&self.values(&manifest.name), Path::new("config.json"), &path)
    }

    /// What the file says of an exporter's settings; empty where it says nothing.
    pub fn values(&self, exporter: &str) -> Map<String, Value> {
        let values = self.document.get("exporters").and_then(|exporters| exporters.get(exporter));
        values.and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Sets the values of an exporter's settings, after they were checked with
    /// [`Manifest::settings_from`].
    pub fn set(&mut self, exporter: &str, values: Map<String, Value>) {
        let exporters = self.document.entry("exporters").or_insert_with(|| Map::new().into());
        if let Some(exporters) = exporters.as_object_mut() {
            exporters.insert(exporter.to_owned(), values.into());
        }
    }

    /// Writes the file, atomically, for its owner's eyes only: it holds secrets.
    ///
    /// # Errors
    /// As [`save`].
    pub fn save(&self, path: &Path) -> io::Result<()> {
        save_private(path, &self.document)
    }
}
