//! Which file an object goes to.

use std::{path::PathBuf, sync::Arc};

use jiff::tz::TimeZone;
use serde_json::Value;
use watchpost_template::{Counts, Scope, Template};

use crate::format::InstanceInfo;

/// Renders file names. Cheap to clone; one clone per run of a receiver.
#[derive(Clone)]
pub(crate) struct Names {
    template: Arc<Template>,
    /// Relative names begin here.
    base: Arc<PathBuf>,
    time_zone: TimeZone,
    instance_id: Arc<str>,
    instance_name: Arc<str>,
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
            // Checked where the instance file is read; text in UTC is better than none.
            time_zone: TimeZone::get(&instance.time_zone).unwrap_or(TimeZone::UTC),
            instance_id: instance.id.to_string().into(),
            instance_name: instance.name.as_str().into(),
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
        // Parsing costs more than all the rest, and names by time or count do not need it.
        let object = if self.template.reads_object() {
            serde_json::from_slice(json).unwrap_or(Value::Null)
        } else {
            Value::Null
        };
        self.rendered(&object, time_ms, counts)
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
        let mut scope = Scope {
            object,
            time_ms,
            time_zone: &self.time_zone,
            frame: None,
            instance_id: &self.instance_id,
            instance_name: &self.instance_name,
            counts,
            missing: 0,
        };
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
