//! Version 2 of `event-object-left-removed`: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, ObjectState, ZoneRef};

use crate::{
    records::{
        Moment,
        header::{AreaRef, Happening, Header},
    },
    words::*,
};

/// `event-object-left-removed`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ObjectLeftRemoved<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
    area: AreaRef<'a>,
    object_state: State,
}

impl<'a> ObjectLeftRemoved<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef, state: ObjectState) -> Self {
        Self {
            header: Header::new(moment),
            happening: Happening::new(event),
            area: area.into(),
            object_state: State(state),
        }
    }
}
