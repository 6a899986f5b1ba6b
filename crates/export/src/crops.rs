//! Pictures inside stream objects (`crops`, PRODUCT section 10).

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde_json::Value;
use watchpost_schema::streams::replace_pictures;

use crate::receiver::{Item, ItemKind};

/// The key of every picture. Made once: making it costs more than a search.
static IMAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"image\""));

/// Whether there may be a picture in a stream object: one search.
pub(crate) fn has_pictures(json: &[u8]) -> bool {
    IMAGE.find(json).is_some()
}

/// `item` without the pictures it carries; `None` where it carries none, which is the rule and costs
/// one search. Records are left as they are: their crops are records that somebody subscribed to.
pub fn without_pictures(item: &Item) -> Option<Item> {
    let ItemKind::Object(_) = item.kind else { return None };
    IMAGE.find(&item.json)?;
    let mut object: Value = serde_json::from_slice(&item.json).ok()?;
    replace_pictures(&mut object, |_| None);
    Some(Item { kind: item.kind, json: Bytes::from(object.to_string()) })
}
