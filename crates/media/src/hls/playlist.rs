//! The text of a media playlist (RFC 8216 section 4).

use std::fmt::Write as _;

use super::shelf::Piece;

/// The version in which fragmented MP4 may be used (RFC 8216 section 7).
const VERSION: u32 = 7;

/// What a playlist says beside its pieces.
pub(super) struct Head {
    /// Whole seconds that no piece exceeds.
    pub target_s: u32,
    /// Discontinuities before the first piece.
    pub discontinuities: u64,
    /// Nothing more will come.
    pub is_over: bool,
    /// Nothing will ever go.
    pub is_whole: bool,
}

/// `base` comes before the names of files.
pub(super) fn text<'a>(head: &Head, pieces: impl Iterator<Item = &'a Piece>, base: &str) -> String {
    let mut pieces = pieces.peekable();
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{}\n", head.target_s);
    let first = pieces.peek().map_or(0, |piece| piece.number);
    let mut line = |args: std::fmt::Arguments<'_>| text.write_fmt(args);
    // Writing to a String cannot fail.
    let _infallible = line(format_args!("#EXT-X-MEDIA-SEQUENCE:{first}\n"));
    if head.discontinuities > 0 {
        let _infallible = line(format_args!("#EXT-X-DISCONTINUITY-SEQUENCE:{}\n", head.discontinuities));
    }
    if head.is_whole {
        let _infallible = line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD\n"));
    }
    let mut map = None;
    for piece in pieces {
        if piece.discontinuity && map.is_some() {
            let _infallible = line(format_args!("#EXT-X-DISCONTINUITY\n"));
        }
        if map != Some(piece.header_number) {
            map = Some(piece.header_number);
            let _infallible =
                line(format_args!("#EXT-X-MAP:URI=\"{base}init-{}.mp4\"\n", piece.header_number));
        }
        if let Some(date) = piece.taken_ms.and_then(date) {
            let _infallible = line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{date}\n"));
        }
        // A gap of the source within a piece is not played, and so is no part of its length.
        let seconds = (piece.length_ns as f64 / 1e9).min(f64::from(head.target_s));
        let _infallible = line(format_args!("#EXTINF:{seconds:.5},\n{base}{}.m4s\n", piece.number));
    }
    if head.is_over {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

fn date(unix_ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(unix_ms).ok()?;
    Some(format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(number: u64, header_number: u64, discontinuity: bool) -> Piece {
        Piece {
            number,
            header_number,
            discontinuity,
            length_ns: 1_000_000_000,
            taken_ms: Some(1_785_161_453_812),
            bytes: Vec::new().into(),
        }
    }

    #[test]
    fn what_a_player_reads() {
        let pieces = [piece(7, 1, true), piece(8, 1, false), piece(9, 2, true)];
        let head = Head { target_s: 2, discontinuities: 1, is_over: false, is_whole: false };
        let text = text(&head, pieces.iter(), "a/");
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
        let head = Head { target_s: 2, discontinuities: 0, is_over: true, is_whole: true };
        let text = text(&head, [piece(1, 1, false)].iter(), "");
        assert!(
            text.contains("#EXT-X-PLAYLIST-TYPE:VOD\n") && text.ends_with("1.m4s\n#EXT-X-ENDLIST\n"),
            "{text}"
        );
    }
}
