//! A fuzzer's input read as decisions.

/// What is left of the input. When it is used up, every decision is 0.
pub(super) struct Script<'a>(pub &'a [u8]);

/// Numbers at which arithmetic ends.
const EXTREMES: [u64; 16] = [
    255,
    4_095,
    4_096,
    u16::MAX as u64,
    i32::MAX as u64,
    u32::MAX as u64 - 1,
    u32::MAX as u64,
    1 << 32,
    1 << 40,
    1 << 61,
    (1 << 62) + 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 60,
    u64::MAX - 1,
    u64::MAX,
];

impl Script<'_> {
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Below `sides`.
    pub fn below(&mut self, sides: usize) -> usize {
        usize::from(self.byte()) % sides.max(1)
    }

    /// Mostly small.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => small.into(),
            other => EXTREMES[usize::from(other - 200) % EXTREMES.len()],
        }
    }

    /// The same, cut off.
    pub fn number_u32(&mut self) -> u32 {
        self.number() as u32
    }

    /// `truth`, or something else.
    pub fn or(&mut self, truth: u64) -> u64 {
        if self.byte() < 200 { truth } else { self.number() }
    }
}
