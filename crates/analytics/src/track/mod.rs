//! Follows objects from frame to frame.

mod assign;
mod kalman;
mod object;
mod shared;
mod tracker;

pub(crate) use self::{
    object::{Object, Sight},
    shared::Grid,
    tracker::{HISTORY, Observation, Tracker},
};

#[cfg(test)]
mod tests {
    use watchpost_model::{Id, ObjectClass, Rect, StreamTime};

    use super::{object::Measurement, *};

    #[test]
    fn two_side_by_side_are_told_from_one_whom_a_post_cuts_in_two() {
        let rect = Rect::new(0.4, 0.4, 0.065, 0.1);
        let seen = Measurement { rect, class: ObjectClass::Person, confidence: 1.0, sight: Sight::Clear };
        let object = Object::new(Id::from_u128(1), None, &seen, StreamTime::ZERO, 16.0 / 9.0);
        let part = |x, width, height| Rect::new(x, 0.4, width, height);
        assert!(object.beside(&part(0.4, 0.03, 0.1), &part(0.435, 0.03, 0.095)));
        assert!(!object.beside(&part(0.4, 0.01, 0.1), &part(0.415, 0.01, 0.1)), "a post");
        assert!(!object.beside(&part(0.4, 0.03, 0.1), &part(0.435, 0.03, 0.03)), "an arm");
    }
}
