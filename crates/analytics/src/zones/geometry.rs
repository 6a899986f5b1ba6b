//! Points, polygons and lines, in parts of the frame.

use watchpost_model::{Anchor, Point, Rect};

/// The point of `rect` that stands for the object.
pub(crate) fn anchor_point(rect: &Rect, anchor: Anchor) -> Point {
    match anchor {
        Anchor::Center => rect.center(),
        Anchor::BottomCenter => rect.bottom_center(),
    }
}

/// Whether `point` is inside, by the even-odd rule, so polygons may cross themselves.
pub(crate) fn is_inside(polygon: &[Point], point: Point) -> bool {
    edges(polygon).fold(false, |inside, (a, b)| {
        let between = (a.y > point.y) != (b.y > point.y);
        inside ^ (between && point.x < (b.x - a.x) * (point.y - a.y) / (b.y - a.y) + a.x)
    })
}

/// Distance from `point` to the polygon's nearest edge.
pub(crate) fn distance_to_border(polygon: &[Point], point: Point) -> f32 {
    edges(polygon).map(|(a, b)| distance_to_segment(a, b, point)).fold(f32::INFINITY, f32::min)
}

fn edges(polygon: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    polygon.iter().copied().zip(polygon.iter().copied().cycle().skip(1))
}

fn distance_to_segment(a: Point, b: Point, point: Point) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 {
        (((point.x - a.x) * dx + (point.y - a.y) * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (point.x - a.x - along * dx).hypot(point.y - a.y - along * dy)
}

/// Distance of `point` from the endless line through `a` and `b`: positive on the side that
/// [`watchpost_model::LineDirection`] calls down. `None` if the two are one point.
pub(crate) fn side_distance([a, b]: [Point; 2], point: Point) -> Option<f32> {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx.hypot(dy);
    (length > 1e-6).then(|| (dx * (point.y - a.y) - dy * (point.x - a.x)) / length)
}

/// Whether the way from `from` to `to`, known to lead from one side of the endless line to the other,
/// leads through the line itself and not past one of its ends.
pub(crate) fn passes_through(line: [Point; 2], from: Point, to: Point) -> bool {
    let (Some(before), Some(after)) = (side_distance(line, from), side_distance(line, to)) else {
        return false;
    };
    let share = if before == after { 0.0 } else { before / (before - after) };
    let (x, y) = (from.x + share * (to.x - from.x), from.y + share * (to.y - from.y));
    let [a, b] = line;
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let along = ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy);
    (0.0..=1.0).contains(&along)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [Point; 4] =
        [Point::new(0.2, 0.2), Point::new(0.8, 0.2), Point::new(0.8, 0.8), Point::new(0.2, 0.8)];

    #[test]
    fn inside_and_how_far_outside() {
        assert!(is_inside(&SQUARE, Point::new(0.5, 0.5)));
        assert!(!is_inside(&SQUARE, Point::new(0.9, 0.5)));
        assert!((distance_to_border(&SQUARE, Point::new(0.9, 0.5)) - 0.1).abs() < 1e-6);
    }

    #[test]
    fn down_is_to_the_right_of_who_walks_along() {
        let line = [Point::new(0.2, 0.5), Point::new(0.8, 0.5)];
        assert!(side_distance(line, Point::new(0.5, 0.9)).unwrap() > 0.0);
        assert!(side_distance(line, Point::new(0.5, 0.1)).unwrap() < 0.0);
        assert_eq!(side_distance([line[0], line[0]], line[1]), None);
    }

    #[test]
    fn round_the_end_is_not_through() {
        let line = [Point::new(0.2, 0.5), Point::new(0.8, 0.5)];
        assert!(passes_through(line, Point::new(0.5, 0.1), Point::new(0.6, 0.9)));
        assert!(!passes_through(line, Point::new(0.9, 0.1), Point::new(0.9, 0.9)));
    }
}
