//! What must hold for any line; shared by the fuzz target and the plain test.

/// `data`: one line of detections, as it comes in.
pub fn check(data: &[u8], parse: impl Fn(&[u8]) -> Result<Parsed, String>) {
    let Ok(line) = parse(data) else { return };
    for [x, y, width, height] in &line.boxes {
        assert!(*x >= 0.0 && *y >= 0.0 && *width > 0.0 && *height > 0.0, "{x} {y} {width} {height}");
        assert!(x + width <= 1.000_1 && y + height <= 1.000_1, "{x} {y} {width} {height}");
    }
    assert!(line.confidences.iter().all(|confidence| (0.0..=1.0).contains(confidence)));
    // What is said of a bad one fits into a line of a log, however long it was.
    assert!(line.refused.iter().all(|why| why.len() < 4096), "{:?}", line.refused);
}

/// What was read, in plain numbers.
#[derive(Debug)]
pub struct Parsed {
    pub boxes: Vec<[f32; 4]>,
    pub confidences: Vec<f32>,
    pub refused: Vec<String>,
}
