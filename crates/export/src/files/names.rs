//! Which file an object goes to.

use std::{path::PathBuf, sync::Arc};

use serde_json::Value;
use watchpost_template::{Counts, Template};

use crate::{
    format::InstanceInfo,
    tags::{self, Tags},
};

/// Renders file names. Cheap to clone; one clone per run of a receiver.
#[derive(Clone)]
pub(crate) struct Names {
    template: Arc<Template>,
    /// Relative names begin here.
    base: Arc<PathBuf>,
    tags: Tags,
    /// The only name of a template without tags.
    constant: Option<Arc<str>>,
}

/// A rendered name.
pub(crate) struct Name {
    /// Relative to the base.
    pub text: Arc<str>,
    /// Whether a value in it was missing.
    pub missing: bool,
}

impl Names {
    /// `template` comes from [`Template::parse_path`], so rendering cannot fail.
    pub(crate) fn new(template: Template, base: PathBuf, instance: &InstanceInfo) -> Self {
        let names = Self {
            template: Arc::new(template),
            base: Arc::new(base),
            tags: Tags::new(instance),
            constant: None,
        };
        let constant = names
            .template
            .is_constant()
            .then(|| names.rendered(&Value::Null, 0, &mut Counts::default()).text);
        Self { constant, ..names }
    }

    /// The name for the object `json`, relative to the base.
    pub(crate) fn name(&self, json: &[u8], time_ms: i64, counts: &mut Counts) -> Name {
        if let Some(constant) = &self.constant {
            return Name { text: constant.clone(), missing: false };
        }
        self.rendered(&tags::object(&self.template, json), time_ms, counts)
    }

    /// Where a name leads.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// Whether every name holds a count, so that none needs to come twice.
    pub(crate) fn has_counts(&self) -> bool {
        self.template.has_counts()
    }

    /// The folder that all names lie in.
    pub(crate) fn root(&self) -> PathBuf {
        self.base.join(self.template.literal_root())
    }

    fn rendered(&self, object: &Value, time_ms: i64, counts: &mut Counts) -> Name {
        let mut scope = self.tags.scope(object, time_ms, counts);
        let text = match self.template.render_path(&mut scope) {
            Ok(path) => path.to_string_lossy().into(),
            Err(fault) => {
                tracing::error!(%fault, template = self.template.source(), "a template that names no file got through the checks");
                "unnamed".into()
            }
        };
        Name { text, missing: scope.missing > 0 }
    }
}
