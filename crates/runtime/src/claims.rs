//! Which file each export writes to: no two may write to one, also not of two instances.

use std::{collections::BTreeMap, path::PathBuf};

use parking_lot::Mutex;
use watchpost_config::Problem;
use watchpost_model::Id;

/// The files of all exports of a data folder, dynamic strings as they are written.
#[derive(Debug, Default)]
pub struct Claims(Mutex<Files>);

type Files = BTreeMap<PathBuf, Owner>;

/// An export that writes to a file.
#[derive(Clone, Debug)]
struct Owner {
    instance: Id,
    instance_name: String,
    export: String,
}

/// A file that an export wants, and where the export stands in its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub export: String,
    pub file: PathBuf,
    /// JSON pointer.
    pub path: String,
}

impl Claims {
    /// From now on an instance writes to `wanted` and to nothing else. Answers with the exports whose file is
    /// somebody's already, each with why; of two in the same instance the first one has it.
    pub(crate) fn set(&self, instance: Id, name: &str, wanted: &[Wanted]) -> Vec<(String, Problem)> {
        claim(&mut self.0.lock(), instance, name, wanted)
    }

    /// The same as of now, to be tried on.
    pub(crate) fn copy(&self) -> Self {
        Self(Mutex::new(self.0.lock().clone()))
    }

    /// Why an export cannot have its file; `None` if it can.
    pub(crate) fn conflict(&self, instance: Id, wanted: &Wanted) -> Option<Problem> {
        let files = self.0.lock();
        let owner = files.get(&wanted.file)?;
        let is_itself = owner.instance == instance && owner.export == wanted.export;
        (!is_itself).then(|| taken(owner, instance, &wanted.export, &wanted.path))
    }

    /// What [`Self::set`] would answer, with nothing changed.
    pub(crate) fn conflicts(&self, instance: Id, name: &str, wanted: &[Wanted]) -> Vec<(String, Problem)> {
        claim(&mut self.0.lock().clone(), instance, name, wanted)
    }
}

fn claim(files: &mut Files, instance: Id, name: &str, wanted: &[Wanted]) -> Vec<(String, Problem)> {
    files.retain(|_, owner| owner.instance != instance);
    let mut refused = Vec::new();
    for Wanted { export, file, path } in wanted {
        match files.get(file) {
            Some(owner) => refused.push((export.clone(), taken(owner, instance, export, path))),
            None => {
                let (export, instance_name) = (export.clone(), name.to_owned());
                files.insert(file.clone(), Owner { instance, instance_name, export });
            }
        }
    }
    refused
}

/// Names both.
fn taken(owner: &Owner, instance: Id, export: &str, path: &str) -> Problem {
    let of = if owner.instance == instance { String::new() } else { format!(" of {}", owner.instance_name) };
    let message = format!("`{export}` would write to the same file as the export `{}`{of}", owner.export);
    Problem::at(
        format!("{path}/uri"),
        message,
        "choose another name; {instance.name} or {instance.id} may be a part of it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(export: &str, file: &str) -> Wanted {
        Wanted { export: export.into(), file: file.into(), path: format!("/Output/handlers/{export}") }
    }

    #[test]
    fn a_file_has_one_export_at_a_time() {
        let (claims, one, two) = (Claims::default(), Id::from_u128(1), Id::from_u128(2));
        let refused = claims.set(one, "gate", &[wanted("a", "/x"), wanted("b", "/x"), wanted("c", "/y")]);
        assert_eq!(refused.len(), 1);
        let (name, problem) = &refused[0];
        assert_eq!((name.as_str(), problem.path.as_str()), ("b", "/Output/handlers/b/uri"));
        assert!(problem.message.contains("`b` would write to the same file as the export `a`"), "{problem}");
        assert!(claims.conflict(one, &wanted("a", "/x")).is_none(), "it has it");
        assert_eq!(
            claims.conflicts(one, "gate", &[wanted("b", "/x")]),
            [],
            "it gives it to another of its own"
        );
        assert_eq!(claims.conflicts(two, "door", &[wanted("a", "/x"), wanted("b", "/z")]).len(), 1);
        let problem = claims.conflict(two, &wanted("a", "/x")).unwrap();
        assert!(problem.message.ends_with("the export `a` of gate"), "{problem}");
        // Exchanged in one change.
        assert_eq!(claims.set(one, "gate", &[wanted("a", "/y"), wanted("c", "/x")]), []);
        assert_eq!(claims.set(one, "gate", &[]), []);
        assert_eq!(claims.set(two, "door", &[wanted("a", "/x")]), []);
    }
}
