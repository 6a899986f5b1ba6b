//! The pieces of one stream, and how they come about.
//!
//! A piece is a segment (RFC 8216 section 3). With low latency it comes in parts
//! (draft-pantos-hls-rfc8216bis section 4.4.4.9), which can be had before it is whole; without, it comes as one.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Bytes of one stream in memory: a minute at 8 Mbit/s. Pieces beyond that go early.
const MAX_BYTES: usize = 64 << 20;
/// Moments remembered, to date pieces by: two seconds at 60 frames.
const MAX_MOMENTS: usize = 120;

/// One segment.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub number: u64,
    pub header_number: u64,
    pub discontinuity: bool,
    pub length_ns: u64,
    /// Unix time at which its first frame was taken, in ms.
    pub taken_ms: Option<i64>,
    /// All of it, in order.
    pub parts: Vec<Part>,
}

/// What comes at once.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub length_ns: u64,
    /// It begins with a key frame.
    pub is_key: bool,
    /// Empty where it lies in a folder.
    pub bytes: Arc<[u8]>,
}

/// Where a part begins that is not out yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// Running time, in ns.
    pub at_ns: u64,
    pub is_piece: bool,
    pub is_key: bool,
}

/// What a muxer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    /// A part, and whether a piece begins with it.
    Media {
        is_piece: bool,
    },
}

#[derive(Default)]
pub(super) struct Pieces {
    pub headers: BTreeMap<u64, Arc<[u8]>>,
    pub whole: VecDeque<Piece>,
    /// The one that more parts are to come of.
    pub open: Option<Piece>,
    pub last_header: u64,
    pub next_number: u64,
    /// That have gone with their pieces.
    pub discontinuities: u64,
    next_is_discontinuous: bool,
    begun: VecDeque<Begun>,
    /// Running time at which the newest frame ends, in ns.
    reached: u64,
    moments: VecDeque<(u64, i64)>,
}

impl Pieces {
    /// The first piece and the first header will have this number.
    pub fn from(number: u64) -> Self {
        Self { next_number: number, last_header: number - 1, ..Self::default() }
    }

    /// Another source's frames come from now on.
    pub fn goes_on(&mut self) {
        self.close();
        self.next_is_discontinuous = true;
        self.begun.clear();
        self.reached = 0;
        self.moments.clear();
    }

    pub fn begins(&mut self, begun: Begun) {
        self.begun.push_back(begun);
    }

    pub fn reaches(&mut self, to_ns: u64) {
        self.reached = self.reached.max(to_ns);
    }

    pub fn taken_at(&mut self, time_ns: u64, unix_ms: i64) {
        if self.moments.len() == MAX_MOMENTS {
            self.moments.pop_front();
        }
        self.moments.push_back((time_ns, unix_ms));
    }

    /// A part has come out of the muxer.
    pub fn add(&mut self, is_piece: bool, bytes: Arc<[u8]>) {
        let mut begun = self.begun.pop_front();
        // The muxer has the last word of where a piece begins.
        while begun.is_some_and(|begun| begun.is_piece != is_piece) {
            begun = self.begun.pop_front();
        }
        let Begun { at_ns: start, is_key, .. } =
            begun.unwrap_or(Begun { at_ns: self.reached, is_piece, is_key: is_piece });
        let end = self.begun.front().map_or(self.reached, |next| next.at_ns);
        let length_ns = end.saturating_sub(start);
        let part = Part { length_ns, is_key, bytes };
        match self.open.as_mut().filter(|_| !is_piece) {
            Some(open) => {
                open.length_ns += length_ns;
                open.parts.push(part);
            }
            None => {
                self.close();
                self.open = Some(Piece {
                    number: self.next_number,
                    header_number: self.last_header,
                    discontinuity: std::mem::take(&mut self.next_is_discontinuous),
                    length_ns,
                    taken_ms: self.wall_clock(start),
                    parts: vec![part],
                });
                self.next_number += 1;
            }
        }
        // What comes next is known already, but at the end.
        if self.begun.front().is_none_or(|next| next.is_piece) {
            self.close();
        }
    }

    /// No more parts come of the open piece.
    pub fn close(&mut self) {
        self.whole.extend(self.open.take());
    }

    fn wall_clock(&self, at_ns: u64) -> Option<i64> {
        // The frame itself, or the one before it by as much as it is later.
        let known = self.moments.iter().rfind(|(time, _)| *time <= at_ns).or(self.moments.front());
        known.map(|(time, unix_ms)| {
            let later = i128::from(at_ns) - i128::from(*time);
            unix_ms.saturating_add(i64::try_from(later / 1_000_000).unwrap_or(0))
        })
    }

    /// A piece stays for as long as the playlist that had it may still be in use: its own length and that of the
    /// window (RFC 8216 section 6.2.2).
    pub fn drop_old(&mut self, window: usize) {
        let bytes = |whole: &VecDeque<Piece>| whole.iter().map(Piece::len).sum::<usize>();
        while self.whole.len() > 2 * window + 1 || self.whole.len() > 1 && bytes(&self.whole) > MAX_BYTES {
            if let Some(gone) = self.whole.pop_front() {
                self.discontinuities += u64::from(gone.discontinuity);
            }
        }
        let first = self.whole.front().map_or(0, |piece| piece.header_number);
        self.headers.retain(|number, _| *number >= first);
    }

    /// Number of the newest piece, whole or not, and how many parts it has.
    pub fn newest(&self) -> (u64, usize) {
        let newest = self.open.as_ref().or(self.whole.back());
        newest.map_or((0, 0), |piece| (piece.number, piece.parts.len()))
    }

    pub fn find(&self, number: u64) -> Option<&Piece> {
        self.open.iter().chain(&self.whole).find(|piece| piece.number == number)
    }

    /// Whether the part `index` (from 0) of piece `number` has come, or, without an index, all of the piece. A part
    /// behind the last of its piece is the next piece's first (draft-pantos-hls-rfc8216bis section 6.2.5.2).
    pub fn has(&self, number: u64, index: Option<usize>) -> bool {
        let (newest, parts) = self.newest();
        let is_whole = |number: u64| newest > number || newest == number && self.open.is_none();
        match index {
            None => is_whole(number),
            Some(index) if is_whole(number) => {
                self.find(number).is_none_or(|piece| index < piece.parts.len()) || newest > number
            }
            Some(index) => newest == number && index < parts,
        }
    }
}

impl Piece {
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| part.bytes.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn begins(pieces: &mut Pieces, at_ms: u64, is_piece: bool) {
        pieces.begins(Begun { at_ns: at_ms * MS, is_piece, is_key: is_piece });
    }

    #[test]
    fn parts_make_pieces_and_can_be_had_before() {
        let mut pieces = Pieces::from(1);
        pieces.taken_at(0, 1_000);
        for at in [0, 200, 400] {
            begins(&mut pieces, at, at == 0);
        }
        pieces.add(true, [1].as_slice().into());
        assert_eq!((pieces.newest(), pieces.whole.len()), ((1, 1), 0));
        assert!(pieces.has(1, Some(0)) && !pieces.has(1, Some(1)) && !pieces.has(1, None));
        begins(&mut pieces, 600, true);
        pieces.add(false, [2].as_slice().into());
        pieces.add(false, [3, 4].as_slice().into());
        // The third ends where a piece begins.
        assert!(pieces.open.is_none() && pieces.has(1, None) && pieces.has(1, Some(2)));
        let whole = &pieces.whole[0];
        assert_eq!(
            (whole.length_ns, whole.taken_ms, whole.bytes()),
            (600 * MS, Some(1_000), vec![1, 2, 3, 4])
        );
        // A fourth there never was: it is the next piece's first.
        assert!(!pieces.has(1, Some(3)) && !pieces.has(2, Some(0)));
        begins(&mut pieces, 800, false);
        pieces.add(true, [5].as_slice().into());
        assert!(pieces.has(1, Some(3)) && pieces.has(2, Some(0)) && !pieces.has(2, None));
        // The source goes, and what there is of its piece is whole.
        pieces.goes_on();
        assert!(pieces.has(2, None));
        begins(&mut pieces, 0, true);
        pieces.add(true, [6].as_slice().into());
        assert!(pieces.whole[2].discontinuity);
    }
}
