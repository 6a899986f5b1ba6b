//! Pictures within stream objects: inline base64, to be taken out or put on disk (`crops`,
//! PRODUCT section 10).

use serde_json::{Map, Value};

/// Calls `replace` with each picture of a stream object (base64 text): what it answers takes the
/// picture's place, for example the path of a file; `None` removes it.
///
/// Pictures are the `image` of the object itself, of its detections and events, and of any
/// `best_thumbnail`; nothing deeper is looked at, so the work is bounded by the object's size.
pub fn replace_pictures(object: &mut Value, mut replace: impl FnMut(&str) -> Option<String>) {
    replace_pictures_of(object, |_, picture| replace(picture));
}

/// As [`replace_pictures`], told too whose picture it is: the object, detection, track or event that has it.
pub fn replace_pictures_of(
    object: &mut Value,
    mut replace: impl FnMut(&Map<String, Value>, &str) -> Option<String>,
) {
    replace_in(object, &mut replace);
    for list in ["detections", "tracks", "events"] {
        let Some(Value::Array(items)) = object.get_mut(list) else { continue };
        for item in items {
            replace_in(item, &mut replace);
            if let Some(Value::Array(tracks)) = item.get_mut("tracks") {
                tracks.iter_mut().for_each(|track| replace_in(track, &mut replace));
            }
        }
    }
}

fn replace_in(item: &mut Value, replace: &mut impl FnMut(&Map<String, Value>, &str) -> Option<String>) {
    let Value::Object(item) = item else { return };
    // Taken out while it is looked at, for it is asked about with the rest; back into its place behind.
    if let Some(mut thumbnail) = item.get_mut("best_thumbnail").map(Value::take) {
        if let Value::Object(holder) = &mut thumbnail {
            replace_image(holder, |picture| replace(item, picture));
        }
        item.insert("best_thumbnail".to_owned(), thumbnail);
    }
    if let Some(Value::String(picture)) = item.get("image") {
        let instead = replace(item, picture);
        put(item, instead);
    }
}

fn replace_image(holder: &mut Map<String, Value>, mut replace: impl FnMut(&str) -> Option<String>) {
    if let Some(Value::String(picture)) = holder.get("image") {
        let instead = replace(picture);
        put(holder, instead);
    }
}

fn put(holder: &mut Map<String, Value>, instead: Option<String>) {
    match instead {
        Some(instead) => holder.insert("image".to_owned(), instead.into()),
        None => holder.shift_remove("image"),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_are_found_where_the_streams_have_them() {
        let mut object = json!({
            "image": "whole",
            "detections": [{"image": "a"}, {"label": "no picture"}],
            "tracks": [{"best_thumbnail": {"image": "b", "confidence": 1}}],
            "events": ["not an object", {"best_thumbnail": {"image": "c"}, "tracks": [{"best_thumbnail": {"image": "d"}}]}],
            "other": {"image": "not ours"},
        });
        let mut found = Vec::new();
        replace_pictures(&mut object, |picture| {
            found.push(picture.to_owned());
            (picture != "whole").then(|| format!("{picture}.jpg"))
        });
        assert_eq!(found, ["whole", "a", "b", "c", "d"]);
        assert_eq!(object.get("image"), None);
        assert_eq!(object["tracks"][0]["best_thumbnail"], json!({"image": "b.jpg", "confidence": 1}));
        assert_eq!(object["other"]["image"], "not ours");
    }
}
