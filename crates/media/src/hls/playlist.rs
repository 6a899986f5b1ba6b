//! The text of a media playlist (RFC 8216 section 4; parts: draft-pantos-hls-rfc8216bis section 4.4).

use std::fmt::{Arguments, Write as _};

use super::pieces::{Part, Piece};

/// The version in which fragmented MP4 may be used (RFC 8216 section 7).
const VERSION: u32 = 7;
/// And the one of players that know parts.
const VERSION_OF_PARTS: u32 = 9;

/// What a playlist says beside its pieces.
pub(super) struct Head {
    /// Whole seconds that no piece exceeds.
    pub target_s: u32,
    /// What no part exceeds, in ms, where there are any.
    pub part_ms: Option<u32>,
    /// Discontinuities before the first piece.
    pub discontinuities: u64,
    /// Nothing more will come.
    pub is_over: bool,
    /// Nothing will ever go.
    pub is_whole: bool,
}

/// `open` is the piece that more parts are to come of, `next` the number of the one after that. `base` comes before
/// the names of files.
pub(super) fn text(head: &Head, whole: &[&Piece], open: Option<&Piece>, next: u64, base: &str) -> String {
    let mut text = Text { text: String::with_capacity(4096), base, target_s: head.target_s, map: None };
    let version = if head.part_ms.is_some() { VERSION_OF_PARTS } else { VERSION };
    text.line(format_args!("#EXTM3U\n#EXT-X-VERSION:{version}"));
    text.line(format_args!("#EXT-X-TARGETDURATION:{}", head.target_s));
    if let Some(part_ms) = head.part_ms {
        let (part, back) = (seconds(part_ms), seconds(part_ms * 3));
        text.line(format_args!(
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={back}\n#EXT-X-PART-INF:PART-TARGET={part}"
        ));
    }
    let first = whole.first().copied().or(open).map_or(0, |piece| piece.number);
    text.line(format_args!("#EXT-X-MEDIA-SEQUENCE:{first}"));
    if head.discontinuities > 0 {
        text.line(format_args!("#EXT-X-DISCONTINUITY-SEQUENCE:{}", head.discontinuities));
    }
    if head.is_whole {
        text.line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD"));
    }
    let with_parts = head.part_ms.map_or(whole.len(), |_| recent(whole, open, head.target_s));
    for (index, piece) in whole.iter().enumerate() {
        text.begin(piece);
        if let Some(part_ms) = head.part_ms.filter(|_| index >= with_parts) {
            text.parts(piece, part_ms);
        }
        // A gap of the source within a piece is not played, and so is no part of its length.
        let length = (piece.length_ns as f64 / 1e9).min(f64::from(head.target_s) + 0.499);
        text.line(format_args!("#EXTINF:{length:.5},\n{base}{}.m4s", piece.number));
    }
    if let (Some(part_ms), false) = (head.part_ms, head.is_over) {
        let hint = match open {
            Some(piece) => {
                text.begin(piece);
                text.parts(piece, part_ms);
                (piece.number, piece.parts.len())
            }
            None => (next, 0),
        };
        text.line(format_args!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{base}{}.{}.m4s\"", hint.0, hint.1));
    }
    if head.is_over {
        text.line(format_args!("#EXT-X-ENDLIST"));
    }
    text.text
}

/// The first piece whose parts are listed: those of the last three target durations (section 4.4.4.9).
fn recent(whole: &[&Piece], open: Option<&Piece>, target_s: u32) -> usize {
    let enough = u64::from(target_s) * 3_000_000_000;
    let mut listed = open.map_or(0, |piece| piece.length_ns);
    let mut index = whole.len();
    while index > 0 && listed < enough {
        index -= 1;
        listed += whole[index].length_ns;
    }
    index
}

struct Text<'a> {
    text: String,
    base: &'a str,
    target_s: u32,
    /// The header that holds at this place.
    map: Option<u64>,
}

impl Text<'_> {
    fn line(&mut self, line: Arguments<'_>) {
        // Writing to a String cannot fail.
        let _infallible = self.text.write_fmt(line);
        self.text.push('\n');
    }

    /// What holds from a piece on.
    fn begin(&mut self, piece: &Piece) {
        if piece.discontinuity && self.map.is_some() {
            self.line(format_args!("#EXT-X-DISCONTINUITY"));
        }
        if self.map != Some(piece.header_number) {
            self.map = Some(piece.header_number);
            let base = self.base;
            self.line(format_args!("#EXT-X-MAP:URI=\"{base}init-{}.mp4\"", piece.header_number));
        }
        if let Some(date) = piece.taken_ms.and_then(date) {
            self.line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{date}"));
        }
    }

    fn parts(&mut self, piece: &Piece, part_ms: u32) {
        for (index, Part { length_ns, is_key, .. }) in piece.parts.iter().enumerate() {
            let length =
                (*length_ns as f64 / 1e9).min(f64::from(part_ms) / 1e3).min(f64::from(self.target_s));
            let key = if *is_key { ",INDEPENDENT=YES" } else { "" };
            let (base, number) = (self.base, piece.number);
            self.line(format_args!(
                "#EXT-X-PART:DURATION={length:.5},URI=\"{base}{number}.{index}.m4s\"{key}"
            ));
        }
    }
}

fn seconds(ms: u32) -> String {
    format!("{:.3}", f64::from(ms) / 1e3)
}

fn date(unix_ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(unix_ms).ok()?;
    Some(format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head =
        Head { target_s: 2, part_ms: None, discontinuities: 0, is_over: false, is_whole: false };

    fn piece(number: u64, header_number: u64, discontinuity: bool) -> Piece {
        let part = |is_key| Part { length_ns: 500_000_000, is_key, bytes: Vec::new().into() };
        Piece {
            number,
            header_number,
            discontinuity,
            length_ns: 1_000_000_000,
            taken_ms: Some(1_785_161_453_812),
            parts: vec![part(true), part(false)],
        }
    }

    #[test]
    fn what_a_player_reads() {
        let pieces = [piece(7, 1, true), piece(8, 1, false), piece(9, 2, true)];
        let pieces: Vec<_> = pieces.iter().collect();
        let text = text(&Head { discontinuities: 1, ..HEAD }, &pieces, None, 10, "a/");
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
            #EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-MAP:URI=\"a/init-1.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-07-27T14:10:53.812Z\n#EXTINF:1.00000,\na/7.m4s\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-07-27T14:10:53.812Z\n#EXTINF:1.00000,\na/8.m4s\n\
            #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"a/init-2.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-07-27T14:10:53.812Z\n#EXTINF:1.00000,\na/9.m4s\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_whole_one_ends() {
        let head = Head { is_over: true, is_whole: true, ..HEAD };
        let text = text(&head, &[&piece(1, 1, false)], None, 2, "");
        assert!(
            text.contains("#EXT-X-PLAYLIST-TYPE:VOD\n") && text.ends_with("1.m4s\n#EXT-X-ENDLIST\n"),
            "{text}"
        );
    }

    #[test]
    fn parts_are_listed_of_the_last_seconds_and_the_next_is_named() {
        let whole: Vec<_> = (1..10).map(|number| piece(number, 1, false)).collect();
        let whole: Vec<_> = whole.iter().collect();
        let mut open = piece(10, 1, false);
        open.parts.pop();
        open.length_ns = 500_000_000;
        let head = Head { part_ms: Some(550), ..HEAD };
        let text = text(&head, &whole, Some(&open), 11, "");
        assert!(
            text.starts_with(
                "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n\
                 #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.650\n#EXT-X-PART-INF:PART-TARGET=0.550\n"
            ),
            "{text}"
        );
        assert!(
            !text.contains("3.1.m4s") && text.contains("URI=\"4.1.m4s\"\n#EXTINF:1.00000,\n4.m4s\n"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "9.m4s\n#EXT-X-PROGRAM-DATE-TIME:2026-07-27T14:10:53.812Z\n\
                 #EXT-X-PART:DURATION=0.50000,URI=\"10.0.m4s\",INDEPENDENT=YES\n\
                 #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"10.1.m4s\"\n"
            ),
            "{text}"
        );
    }
}
