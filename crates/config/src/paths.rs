//! What paths and URIs in files are relative to (PRODUCT section 4).

use std::path::{Component, Path, PathBuf};

use crate::{Base, problem::Check};

/// The folders that relative paths begin at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The data folder, absolute.
    pub data: PathBuf,
    /// Its `exports/`.
    pub exports: PathBuf,
    /// The folder of the instance file, absolute.
    pub instance_dir: PathBuf,
    /// Which of them bare paths and relative commands begin at.
    pub base: Base,
}

/// What three slashes are relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The data folder: sources.
    Data,
    /// Its `exports/`: exports.
    Exports,
}

/// Where a URI leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Absolute if the folders of [`Paths`] are; `.` and `..` taken out without following links.
    pub path: PathBuf,
    /// Not within the data folder: through page and API only an admin may set it (PRODUCT section 14).
    pub outside: bool,
}

/// A URI that names no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Two slashes: the first part of the path would be a host.
    #[error(
        "`{uri}` has two slashes; write {scheme}:///{rest} (relative to the {folder}) or {scheme}:////{rest} (absolute)"
    )]
    TwoSlashes {
        /// As written.
        uri: String,
        /// What stands before `://`.
        scheme: String,
        /// What stands behind it.
        rest: String,
        /// What three slashes are relative to.
        folder: &'static str,
    },
    /// Nothing behind the slashes.
    #[error("`{0}` names no file; write for example {0}name")]
    Empty(String),
}

impl Paths {
    /// The folders for the instance file `instance_file` and the data folder `data`. Relative ones
    /// are made absolute by the working directory, here and only here.
    pub fn new(data: &Path, instance_file: &Path, base: Base) -> Self {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let data = absolute(data);
        let instance_dir = absolute(instance_file).parent().map_or_else(|| data.clone(), Path::to_owned);
        Self { exports: data.join("exports"), data, instance_dir, base }
    }

    /// The folder of bare paths and of a relative `preprocess_cmd`.
    pub fn bare_dir(&self) -> &Path {
        match self.base {
            Base::InstanceFile => &self.instance_dir,
            Base::DataFolder => &self.data,
        }
    }

    /// A path without a scheme.
    pub fn bare(&self, path: &str) -> Resolved {
        self.resolved(self.bare_dir().join(path))
    }

    /// A URI of one of our own schemes: three slashes are followed by a path relative to `root`,
    /// four by an absolute one. Nothing is decoded: a `%` may belong to a dynamic string.
    ///
    /// # Errors
    /// Two slashes, or no path at all.
    pub fn own(&self, uri: &str, root: Root) -> Result<Resolved, PathError> {
        let (scheme, rest) = split_scheme(uri).unwrap_or_else(|| (String::new(), uri));
        let (folder, dir) = match root {
            Root::Data => ("data folder", &self.data),
            Root::Exports => ("data folder's exports/", &self.exports),
        };
        match rest.strip_prefix('/') {
            Some("" | "/") => Err(PathError::Empty(uri.to_owned())),
            // `join` takes an absolute path as it is.
            Some(path) => Ok(self.resolved(dir.join(path))),
            None if rest.is_empty() => Err(PathError::Empty(format!("{uri}/"))),
            None => {
                let (uri, rest) = (uri.to_owned(), rest.to_owned());
                Err(PathError::TwoSlashes { uri, scheme, rest, folder })
            }
        }
    }

    fn resolved(&self, path: PathBuf) -> Resolved {
        let path = normal(&path);
        let outside = !path.starts_with(normal(&self.data));
        Resolved { path, outside }
    }
}

/// Scheme, in lower case, and what stands behind `://`; `None` for a bare path.
pub fn split_scheme(uri: &str) -> Option<(String, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    let letters = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let good = letters && scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    good.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Where `uri` has three slashes but its path begins with a folder that stands at the root of this
/// machine: the same URI with four.
pub fn looks_absolute(uri: &str) -> Option<String> {
    /// Schemes in which three slashes are absolute already, or in which no file is named.
    const NOT_OURS: [&str; 11] =
        ["file", "v4l2", "gstreamer", "rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "mqtt", "mqtts"];
    const ROOTS: [&str; 14] = [
        "home", "tmp", "var", "mnt", "srv", "opt", "data", "media", "root", "run", "etc", "usr", "dev", "nfs",
    ];
    let (scheme, rest) = split_scheme(uri)?;
    let path = rest.strip_prefix('/')?;
    let (first, _) = path.split_once('/')?;
    let probably =
        !NOT_OURS.contains(&scheme.as_str()) && ROOTS.contains(&first) && Path::new("/").join(first).is_dir();
    probably.then(|| format!("{scheme}:////{path}"))
}

pub(crate) fn warn_if_meant_absolute(check: &mut Check<'_>, path: &str, uri: &str) {
    if let Some(absolute) = looks_absolute(uri) {
        let message = format!("three slashes are followed by a path relative to the data folder: `{uri}`");
        check.warn(path, message, format!("write `{absolute}` if the path is absolute"));
    }
}

/// `path` without `.` and `..`, as text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(uri: &str) -> Result<(String, bool), String> {
        let paths = Paths::new(Path::new("/wp"), Path::new("/cams/a.json"), Base::InstanceFile);
        let resolved = paths.own(uri, Root::Exports).map_err(|error| error.to_string())?;
        Ok((resolved.path.display().to_string(), resolved.outside))
    }

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(own("json:///a/b.json"), Ok(("/wp/exports/a/b.json".into(), false)));
        assert_eq!(own("json:////a/b.json"), Ok(("/a/b.json".into(), true)));
        assert_eq!(own("json:////wp/exports/x"), Ok(("/wp/exports/x".into(), false)));
        assert_eq!(own("json:///../../etc/x"), Ok(("/etc/x".into(), true)));
    }

    #[test]
    fn messages() {
        assert_eq!(
            own("json://a.json").unwrap_err(),
            "`json://a.json` has two slashes; write json:///a.json (relative to the data folder's exports/) \
             or json:////a.json (absolute)"
        );
        assert_eq!(own("csv://").unwrap_err(), "`csv:///` names no file; write for example csv:///name");
        assert_eq!(own("csv:///").unwrap_err(), "`csv:///` names no file; write for example csv:///name");
    }

    #[test]
    fn bare_paths_begin_at_the_file_under_run_and_at_the_data_folder_under_serve() {
        let at = |base| Paths::new(Path::new("/wp"), Path::new("/cams/a.json"), base).bare("x/y.mp4").path;
        assert_eq!(at(Base::InstanceFile), Path::new("/cams/x/y.mp4"));
        assert_eq!(at(Base::DataFolder), Path::new("/wp/x/y.mp4"));
    }

    #[test]
    fn probably_absolute() {
        assert_eq!(looks_absolute("json:///tmp/x.json").as_deref(), Some("json:////tmp/x.json"));
        for fine in ["json:///tmp", "json:////tmp/x", "file:///tmp/x", "json:///out/x", "tmp/x", "hls://"] {
            assert_eq!(looks_absolute(fine), None, "{fine}");
        }
    }
}
