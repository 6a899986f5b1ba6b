//! Which message a broker closes the connection over.
//!
//! A broker of version 3.1.1 has no other way to say that a packet is too large, and some close over a topic that is
//! not allowed. Which of a thousand messages in flight it was cannot be seen: the acknowledgements of those before
//! may be lost with the connection. So after the second such end over the same messages they are sent one at a time,
//! each behind a PING that was answered; whoever ends the connection then has done it alone.
//!
//! A broker that was killed, or restarts, ends connections too: one message at a time costs some time then, and no
//! message is blamed unless five connections in a row, each of them well until then, end over it.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    /// What was in flight at the last such end, up to this position.
    through: Option<u64>,
    /// Up to this position they are sent one at a time.
    alone: Option<u64>,
}

impl Suspects {
    pub fn are_sent_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Everything up to `position` is sent one at a time.
    pub fn alone_through(&mut self, position: u64) {
        self.alone = Some(self.alone.map_or(position, |alone| alone.max(position)));
    }

    /// A connection ended with these in flight; true if there was only one.
    pub fn died(&mut self, oldest: u64, newest: u64) -> bool {
        if self.alone.is_some() {
            return true;
        }
        if self.through.is_some_and(|through| oldest <= through) {
            self.alone = self.through.max(Some(newest));
        }
        self.through = Some(newest);
        false
    }

    /// Everything up to `position` is settled.
    pub fn passed(&mut self, position: u64) {
        for end in [&mut self.through, &mut self.alone] {
            if end.is_some_and(|end| end <= position) {
                *end = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_end_over_the_same_messages_makes_suspects() {
        let mut suspects = Suspects::default();
        assert!(!suspects.died(5, 9));
        suspects.passed(9);
        assert!(!suspects.died(10, 20));
        assert!(!suspects.are_sent_alone());
        assert!(!suspects.died(12, 25));
        assert!(suspects.are_sent_alone());
        assert!(suspects.died(12, 12));
        suspects.passed(24);
        assert!(suspects.are_sent_alone());
        suspects.passed(25);
        assert!(!suspects.are_sent_alone());
    }
}
