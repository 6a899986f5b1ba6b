//! Writes one file per object: complete under its name, or not there.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::receiver::ReceiverError;

use super::{
    batch::Chunk,
    fault::fault,
    folder,
    house::House,
    mark::{self, Kind},
    receiver::Store,
    resume::FileEnd,
    written::WrittenFiles,
};

/// See the module.
pub(crate) struct Replacer {
    /// Of this export, so that two exports into one folder do not share temporary names.
    key: u64,
    written: WrittenFiles,
    house: Option<House>,
}

impl Replacer {
    pub(crate) fn new(key: u64, written: WrittenFiles) -> Self {
        Self { key, written, house: None }
    }

    /// With retention.
    pub(crate) fn with(self, house: Option<House>) -> Self {
        Self { house, ..self }
    }

    /// The same for the same file, so that what a crash left is written over by the resend.
    fn temporary(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default();
        path.with_file_name(format!(
            ".{:016x}.part",
            key_of(&[&self.key.to_le_bytes(), name.as_encoded_bytes()])
        ))
    }
}

impl Store for Replacer {
    fn write(&mut self, chunks: &[Chunk]) -> Result<(), ReceiverError> {
        let chunks = || chunks.iter().filter(|chunk| !chunk.data.is_empty());
        let mut folders = BTreeSet::new();
        let mut parts = Vec::new();
        // All are written before the first is synced: the file system then commits them together.
        for chunk in chunks() {
            let folder = chunk.path.parent().unwrap_or_else(|| Path::new(""));
            if folders.insert(folder) {
                folder::make(folder)?;
            }
            let part = self.temporary(&chunk.path);
            let written = File::create(&part).and_then(|mut file| {
                file.write_all(chunk.head.line.as_bytes())?;
                file.write_all(&chunk.data)?;
                mark::put(&file, self.key, Kind::Written);
                Ok(file)
            });
            parts.push((written.map_err(|error| fault("write", &chunk.path, &error))?, part));
        }
        for (chunk, (file, part)) in chunks().zip(parts) {
            file.sync_data().map_err(|error| fault("sync", &chunk.path, &error))?;
            let is_new = !chunk.path.exists();
            fs::rename(&part, &chunk.path).map_err(|error| {
                let _left = fs::remove_file(&part);
                fault("write", &chunk.path, &error)
            })?;
            self.written.replaced(&chunk.path, is_new, chunk.data.len() as u64);
            if let Some(house) = &self.house {
                house.wrote(u64::from(is_new), chunk.data.len() as u64);
            }
        }
        if let (Some(house), Some(last)) = (&self.house, chunks().next_back()) {
            house.active(vec![last.path.clone()]);
        }
        folders.into_iter().try_for_each(folder::sync)
    }

    fn ends(&self) -> Vec<FileEnd> {
        Vec::new()
    }

    fn close(&mut self) {}

    fn written(&self) -> &WrittenFiles {
        &self.written
    }
}

/// FNV-1a over all parts: stable over releases, which the standard library's hasher is not.
pub(crate) fn key_of(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0xFF]));
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}
