//! COCO JSON (cocodataset.org, "Data format" and "Results format").
//!
//! *Results*: `{"image_id", "category_id", "bbox": [left, top, width, height], "score"}`, a list of them, or
//! one a line; `image_id` is the number of the frame, from 0. *A dataset*: an object with `images`,
//! `annotations` and `categories`; its images are the frames, in their order. `track_id` is kept.

use std::collections::HashMap;

use serde_json::{Deserializer, Value};
use watchpost_config::LabelTable;
use watchpost_model::{Detection, Size};

use super::{MAX_FRAMES, Recording, rect, unknown_size};

/// Largest side of a frame in pixels, GStreamer's own bound.
const MAX_SIDE_PIXELS: u64 = 32_767;
/// Longest name of a category, in bytes, as for labels of lines.
const MAX_NAME_BYTES: usize = 1024;

/// Reads a file; boxes that are not in order are refused alone.
///
/// # Errors
/// It is no such file, or nobody says how large its frames are.
pub(crate) fn parse(text: &[u8], size: Option<Size>, labels: &LabelTable) -> Result<Recording, String> {
    let mut recording = Recording::default();
    let mut number = 0;
    for value in Deserializer::from_slice(text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("not JSON: {error}"))?;
        let (dataset, boxes) = match value {
            Value::Array(boxes) => (Dataset::default(), boxes),
            Value::Object(mut object) if object.contains_key("annotations") => {
                let boxes = object.remove("annotations");
                let Some(Value::Array(boxes)) = boxes else {
                    return Err("annotations: expected a list".to_owned());
                };
                (Dataset::read(&object)?, boxes)
            }
            one @ Value::Object(_) => (Dataset::default(), vec![one]),
            _ => return Err("expected a list of results, results one a line, or a dataset".to_owned()),
        };
        recording.length = recording.length.max(dataset.frames.len() as u64);
        for value in &boxes {
            number += 1;
            match one(value, &dataset, size, labels) {
                Ok((frame, detection)) => recording.add(number, frame, detection),
                Err(Wrong::Box(why)) => recording.refuse(number, why),
                Err(Wrong::NoSize) => return Err(unknown_size("a dataset with `images`")),
            }
        }
    }
    Ok(recording)
}

/// What a dataset says of its annotations.
#[derive(Default)]
struct Dataset {
    /// Frame from 0 and size, by id of the image.
    frames: HashMap<u64, (u64, Option<Size>)>,
    /// By id.
    categories: Option<HashMap<u64, String>>,
}

impl Dataset {
    fn read(object: &serde_json::Map<String, Value>) -> Result<Self, String> {
        let list = |key: &str| match object.get(key) {
            None => Ok(&[][..]),
            Some(Value::Array(list)) => Ok(list.as_slice()),
            Some(_) => Err(format!("{key}: expected a list")),
        };
        let images = list("images")?;
        if images.len() as u64 > MAX_FRAMES {
            return Err(format!("{} images: expected at most {MAX_FRAMES}", images.len()));
        }
        let id_of = |value: &Value, what: &str, index: usize| {
            value["id"].as_u64().ok_or_else(|| format!("{what}[{index}].id: expected a whole number"))
        };
        let mut frames = HashMap::with_capacity(images.len());
        for (index, image) in images.iter().enumerate() {
            let side = |key: &str| image[key].as_u64().filter(|side| (1..=MAX_SIDE_PIXELS).contains(side));
            let size = side("width").zip(side("height"));
            let size = size.map(|(width, height)| Size { width: width as u32, height: height as u32 });
            frames.insert(id_of(image, "images", index)?, (index as u64, size));
        }
        let mut categories = HashMap::new();
        for (index, category) in list("categories")?.iter().enumerate() {
            let name =
                category["name"].as_str().filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES);
            let name = name.ok_or_else(|| format!("categories[{index}].name: expected a text"))?;
            categories.insert(id_of(category, "categories", index)?, name.to_owned());
        }
        Ok(Self { frames, categories: Some(categories).filter(|categories| !categories.is_empty()) })
    }

    fn name(&self, category: u64) -> String {
        let known = match &self.categories {
            Some(own) => own.get(&category).map(String::as_str),
            None => watchpost_schema::coco::category_name(category),
        };
        known.map_or_else(|| format!("category {category}"), str::to_owned)
    }
}

enum Wrong {
    Box(String),
    NoSize,
}

fn one(
    value: &Value,
    dataset: &Dataset,
    size: Option<Size>,
    labels: &LabelTable,
) -> Result<(u64, Detection), Wrong> {
    let wrong = |what: &str, expected: &str| Wrong::Box(format!("{what}: expected {expected}"));
    let image = value["image_id"].as_u64().ok_or_else(|| wrong("image_id", "a whole number from 0 on"))?;
    let (frame, own_size) = match dataset.frames.get(&image) {
        Some(frame) => *frame,
        None if !dataset.frames.is_empty() => {
            return Err(wrong(&format!("image_id {image}"), "one of `images`"));
        }
        None if image < MAX_FRAMES => (image, None),
        None => {
            return Err(wrong(
                &format!("image_id {image}"),
                &format!("the number of a frame below {MAX_FRAMES}"),
            ));
        }
    };
    let category =
        value["category_id"].as_u64().ok_or_else(|| wrong("category_id", "a whole number from 0 on"))?;
    let list = value["bbox"].as_array().map(|list| list.iter().map(Value::as_f64).collect::<Vec<_>>());
    let Some([Some(left), Some(top), Some(width), Some(height)]) = list.as_deref() else {
        return Err(wrong("bbox", "[left, top, width, height] in pixels"));
    };
    let score = match &value["score"] {
        Value::Null => 1.0,
        score => {
            let score = score.as_f64().filter(|score| (0.0..=1.0).contains(score));
            score
                .ok_or_else(|| wrong(&format!("score {}", short(&value["score"])), "a number from 0 to 1"))?
        }
    };
    let size = own_size.or(size).ok_or(Wrong::NoSize)?;
    let rect = rect([*left, *top, *width, *height], size).map_err(Wrong::Box)?;
    let track_id = match &value["track_id"] {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() && text.len() <= MAX_NAME_BYTES => Some(text.clone()),
        _ => None,
    };
    let label = dataset.name(category);
    let class = labels.classify(&label);
    let detection =
        Detection { class, label, confidence: score as f32, rect, track_id, attributes: Vec::new() };
    Ok((frame, detection))
}

/// Enough to recognise a value.
fn short(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchpost_model::ObjectClass;

    use super::*;

    const SIZE: Option<Size> = Some(Size { width: 200, height: 100 });

    fn read(text: &str) -> Recording {
        parse(text.as_bytes(), SIZE, &LabelTable::default()).unwrap()
    }

    #[test]
    fn a_list_and_lines_say_the_same() {
        let one =
            r#"{"image_id": 4, "category_id": 3, "bbox": [20, 10, 40, 30], "score": 0.5, "track_id": 9}"#;
        for text in [format!("[{one}]"), format!("{one}\n"), format!("{one}{one}")] {
            let recording = read(&text);
            assert_eq!((recording.length, recording.refused.len()), (5, 0));
            let car = &recording.frames[&4][0];
            assert_eq!(
                (car.label.as_str(), car.class, car.track_id.as_deref()),
                ("car", ObjectClass::Vehicle, Some("9"))
            );
            assert!((car.rect.x - 0.1).abs() < 1e-6 && (car.rect.height - 0.3).abs() < 1e-6);
        }
    }

    #[test]
    fn a_dataset_has_sizes_names_and_an_order() {
        let text = r#"{"images": [{"id": 9, "width": 100, "height": 50}, {"id": 3, "width": 400, "height": 200}, {"id": 5}],
            "categories": [{"id": 1, "name": "forklift"}],
            "annotations": [{"image_id": 3, "category_id": 1, "bbox": [40, 20, 40, 20], "iscrowd": 0}]}"#;
        let recording = parse(text.as_bytes(), None, &LabelTable::default()).unwrap();
        assert_eq!(recording.length, 3);
        let seen = &recording.frames[&1][0];
        assert_eq!((seen.label.as_str(), seen.confidence), ("forklift", 1.0));
        assert!((seen.rect.x - 0.1).abs() < 1e-6 && (seen.rect.y - 0.1).abs() < 1e-6);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = r#"{"image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}"#;
        let bad = [
            (r#"{"image_id": -1}"#, "image_id: expected a whole number from 0 on"),
            (r#"{"image_id": 1}"#, "category_id: expected a whole number from 0 on"),
            (
                r#"{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}"#,
                "bbox: expected [left, top, width, height] in pixels",
            ),
            (
                r#"{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 7}"#,
                "score 7: expected a number from 0 to 1",
            ),
            (
                r#"{"image_id": 1, "category_id": 1, "bbox": [201, 2, 3, 4]}"#,
                "the box [201, 2, 3, 4] lies outside the frame of 200x100 pixels",
            ),
            (
                r#"{"image_id": 99000000000}"#,
                "image_id 99000000000: expected the number of a frame below 10000000",
            ),
        ];
        for (text, why) in bad {
            let recording = read(&format!("[{text}, {good}]"));
            assert_eq!(recording.refused, [(1, why.to_owned())]);
            assert_eq!(recording.frames.len(), 1);
        }
        let whole = |text: &str| parse(text.as_bytes(), None, &LabelTable::default()).unwrap_err();
        assert_eq!(whole("7"), "expected a list of results, results one a line, or a dataset");
        assert_eq!(whole("{\"annotations\": 1}"), "annotations: expected a list");
        assert!(whole(&format!("[{good}]")).starts_with("boxes are in pixels, and nobody says of how many"));
        assert!(whole("[{\"image_id\": NaN}]").starts_with("not JSON"));
    }

    proptest! {
        #[test]
        fn whatever_comes_in_every_box_is_inside_the_frame(
            image in -2..50_i64, bbox in proptest::collection::vec(-400.0..400.0_f64, 3..6), score in -0.5..1.5_f64,
        ) {
            let text = serde_json::json!([{"image_id": image, "category_id": 1, "bbox": bbox, "score": score}]);
            let recording = read(&text.to_string());
            prop_assert_eq!(recording.frames.len() + recording.refused.len(), 1);
            for detection in recording.frames.values().flatten() {
                let rect = detection.rect;
                prop_assert!(rect.x >= 0.0 && rect.y >= 0.0 && rect.x + rect.width <= 1.0001 && rect.y + rect.height <= 1.0001);
            }
        }

        #[test]
        fn any_bytes_are_a_recording_or_an_error(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&text, SIZE, &LabelTable::default());
        }
    }
}
