//! A mend for `h265parse` of GStreamer 1.22: supplemental information in a file's `hvcC` (x265 writes a page of it, and
//! ffmpeg keeps it there) ends up in front of the first picture, which is then lost, and with it the first seconds.

use gst::prelude::*;
use gstreamer as gst;

/// Bytes before the arrays of parameter sets: ISO/IEC 14496-15, 8.3.3.1.2.
const HEAD: usize = 23;
/// VPS, SPS and PPS: ITU-T H.265, table 7-1.
const PARAMETER_SETS: [u8; 3] = [32, 33, 34];

/// Keeps from `parser` what is no parameter set.
pub(super) fn strip(parser: &gst::Element) {
    let Some(pad) = parser.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && let gst::EventView::Caps(caps) = event.view()
            && let Some(stripped) = without_supplements(caps.caps())
        {
            let event = gst::event::Caps::builder(&stripped).seqnum(event.seqnum()).build();
            info.data = Some(gst::PadProbeData::Event(event));
        }
        gst::PadProbeReturn::Ok
    });
}

/// `None`: there is nothing to take out.
fn without_supplements(caps: &gst::CapsRef) -> Option<gst::Caps> {
    let data = caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
    let stripped = parameter_sets(data.map_readable().ok()?.as_slice())?;
    let mut caps = caps.to_owned();
    caps.make_mut().structure_mut(0)?.set("codec_data", gst::Buffer::from_slice(stripped));
    Some(caps)
}

/// The record with its parameter sets alone; `None` if that is all it has, or if it is not whole.
fn parameter_sets(record: &[u8]) -> Option<Vec<u8>> {
    let mut kept = record.get(..HEAD)?.to_vec();
    let arrays = record[HEAD - 1];
    let (mut at, mut count) = (HEAD, 0);
    for _ in 0..arrays {
        let begin = at;
        let kind = record.get(at)? & 0x3F;
        let units = usize::from(number(record, at + 1)?);
        at += 3;
        for _ in 0..units {
            at += 2 + usize::from(number(record, at)?);
        }
        let array = record.get(begin..at)?;
        if PARAMETER_SETS.contains(&kind) {
            kept.extend_from_slice(array);
            count += 1;
        }
    }
    kept[HEAD - 1] = count;
    (count < arrays).then_some(kept)
}

fn number(record: &[u8], at: usize) -> Option<u16> {
    record.get(at..at + 2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameter_sets_stay_and_what_is_not_whole_is_left_alone() {
        let array = |kind: u8, unit: &[u8]| [&[0x80 | kind, 0, 1, 0, unit.len() as u8][..], unit].concat();
        let head = |arrays: u8| [&[1; HEAD - 1][..], &[arrays]].concat();
        let sets = [array(32, b"vps"), array(33, b"sps"), array(34, b"pps")].concat();
        let record = [head(4), array(39, b"x265 by its authors"), sets.clone()].concat();
        assert_eq!(parameter_sets(&record).unwrap(), [head(3), sets.clone()].concat());
        assert_eq!(parameter_sets(&[head(3), sets].concat()), None);
        for length in 0..record.len() {
            assert_eq!(parameter_sets(&record[..length]), None, "{length} bytes");
        }
    }
}
