//! Pipelines written by users: parsed, checked for the element that ties them to Watchpost, and
//! refused in words that say where and how to mend them.

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use crate::{MediaError, MediaErrorKind as Kind, packages::remedy};

/// Longest pipeline text taken; real ones have some hundred characters.
const MAX_TEXT: usize = 16 * 1024;

/// What a pipeline is for, and so what it must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineUse {
    /// A source: `appsink name=cvdsink`.
    Source,
    /// An export: `appsrc name=cvedia-rt`.
    Export,
    /// An RTSP mount: `appsrc name=cvedia-rt` and a payloader `name=pay0`.
    Rtsp,
}

impl PipelineUse {
    /// Name and, where it must be of one kind, the element of what must be there.
    const fn required(self) -> &'static [(&'static str, Option<&'static str>)] {
        match self {
            Self::Source => &[("cvdsink", Some("appsink"))],
            Self::Export => &[("cvedia-rt", Some("appsrc"))],
            Self::Rtsp => &[("cvedia-rt", Some("appsrc")), ("pay0", None)],
        }
    }
}

/// Parses a pipeline text without running it.
///
/// # Errors
/// The text does not parse (GStreamer's own words and the place), an element is not installed
/// (with its Debian package), or what `purpose` needs is not in it (with what is).
pub fn check_pipeline(text: &str, purpose: PipelineUse) -> Result<(), MediaError> {
    crate::init()?;
    parse(text, purpose).map(drop)
}

/// As [`check_pipeline`], and gives the pipeline, in state NULL.
pub(crate) fn parse(text: &str, purpose: PipelineUse) -> Result<gst::Pipeline, MediaError> {
    let element = launch(text, gst::ParseFlags::FATAL_ERRORS)?;
    let pipeline = element.downcast::<gst::Pipeline>().or_else(|element| {
        let pipeline = gst::Pipeline::new();
        pipeline
            .add(&element)
            .map(|()| pipeline)
            .map_err(|error| MediaError::new(Kind::BadPipeline, "the pipeline cannot be built", error))
    })?;
    has_what_is_required(pipeline.upcast_ref(), purpose)?;
    Ok(pipeline)
}

/// As [`parse`], as a bin for a pipeline that somebody else makes.
pub(crate) fn parse_bin(text: &str, purpose: PipelineUse) -> Result<gst::Element, MediaError> {
    let element = launch(text, gst::ParseFlags::FATAL_ERRORS | gst::ParseFlags::PLACE_IN_BIN)?;
    match element.downcast_ref::<gst::Bin>() {
        Some(bin) => has_what_is_required(bin, purpose)?,
        None => return Err(MediaError::new(Kind::BadPipeline, "the pipeline has only one element", "")),
    }
    Ok(element)
}

fn launch(text: &str, flags: gst::ParseFlags) -> Result<gst::Element, MediaError> {
    let text = text.trim().trim_start_matches("gstreamer:///");
    if text.is_empty() || text.len() > MAX_TEXT {
        let message =
            format!("a pipeline of 1 to {MAX_TEXT} bytes was expected, this one has {}", text.len());
        return Err(MediaError::new(Kind::BadPipeline, message, ""));
    }
    if text.contains('\0') {
        return Err(MediaError::new(Kind::BadPipeline, "the pipeline contains a NUL character", ""));
    }
    let text = &double_quotes(text);
    let mut context = gst::ParseContext::new();
    gst::parse::launch_full(text, Some(&mut context), flags)
        .map_err(|error| refused(text, &error, &context.missing_elements()))
}

/// Values in single quotes are put in double ones, at the same places. People write pipelines as for a shell, which takes
/// both away; GStreamer leaves the single ones in the value, and an address begins with one then.
fn double_quotes(text: &str) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once("='") {
        changed.push_str(before);
        match quoted.split_once('\'') {
            Some((value, after))
                if !value.contains(['"', '\\']) && !after.starts_with(|c: char| !c.is_whitespace()) =>
            {
                changed.extend(["=\"", value, "\""]);
                rest = after;
            }
            _ => {
                changed.push_str("='");
                rest = quoted;
            }
        }
    }
    changed.push_str(rest);
    changed
}

fn has_what_is_required(pipeline: &gst::Bin, purpose: PipelineUse) -> Result<(), MediaError> {
    for (name, kind) in purpose.required() {
        let found = pipeline.by_name(name);
        let fits = found.as_ref().is_some_and(|e| match *kind {
            Some("appsink") => e.is::<gst_app::AppSink>(),
            Some(_) => e.is::<gst_app::AppSrc>(),
            None => true,
        });
        if !fits {
            return Err(lacks(pipeline, name, kind.unwrap_or("rtph264pay")));
        }
    }
    Ok(())
}

fn lacks(pipeline: &gst::Bin, name: &str, element: &str) -> MediaError {
    let mut there: Vec<String> = pipeline
        .iterate_recurse()
        .into_iter()
        .filter_map(Result::ok)
        .map(|e| {
            let factory = e.factory().map_or_else(|| "bin".into(), |factory| factory.name().to_string());
            format!("{factory} name={}", e.name())
        })
        .collect();
    there.reverse();
    let end = if element == "appsink" { "end" } else { "begin" };
    let hint = match name {
        "pay0" => "name the RTP payloader `pay0`".to_owned(),
        _ => format!("{end} it with `{element} name={name}`"),
    };
    MediaError::new(
        Kind::BadPipeline,
        format!("the pipeline has no `{element} name={name}`: {hint} (in it: {})", there.join(", ")),
        "",
    )
}

fn refused(text: &str, error: &gst::glib::Error, missing: &[String]) -> MediaError {
    let position = |byte: usize| text[..byte].chars().count() + 1;
    // The list also names elements that are there when something else is wrong with them.
    if let Some(element) = missing.first().filter(|_| error.matches(gst::ParseError::NoSuchElement)) {
        let at = text.find(element.as_str()).map_or(1, position);
        let message = format!(
            "the pipeline names `{element}` (character {at}), which is not installed here: {}",
            remedy(element)
        );
        return MediaError::new(Kind::MissingElement, message, error);
    }
    let words = error.message();
    // GStreamer gives no position: the first name that it quotes, or for bad syntax the first
    // piece between `!` with which the text no longer parses, is where to look.
    let quoted = words.split('"').nth(1).filter(|name| !name.is_empty()).and_then(|name| text.find(name));
    let place = quoted.or_else(|| first_bad_piece(text)).map(|byte| {
        let near: String = text[byte.min(text.len())..].chars().take(40).collect();
        format!(" at character {}, near `{}`", position(byte), near.trim())
    });
    let message = format!("the pipeline does not parse{}: {words}", place.unwrap_or_default());
    MediaError::new(Kind::BadPipeline, message, error)
}

fn first_bad_piece(text: &str) -> Option<usize> {
    let starts = std::iter::once(0).chain(text.match_indices('!').map(|(at, _)| at + 1));
    let ends = text.match_indices('!').map(|(at, _)| at).chain([text.len()]);
    starts.zip(ends).find_map(|(start, end)| {
        let bad = text[start..end].trim().is_empty()
            || gst::parse::launch_full(text[..end].trim_end(), None, gst::ParseFlags::empty())
                .is_err_and(|error| error.matches(gst::ParseError::Syntax));
        // Where a piece is empty, the `!` after it is one too many.
        bad.then(|| text[start..end].find(|c: char| !c.is_whitespace()).map_or(end, |found| start + found))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str, purpose: PipelineUse) -> String {
        check_pipeline(text, purpose).unwrap_err().message
    }

    #[test]
    fn good_ones_pass() {
        for (text, purpose) in [
            ("videotestsrc ! videoconvert ! appsink drop=true name=cvdsink", PipelineUse::Source),
            ("gstreamer:///videotestsrc ! appsink name=cvdsink", PipelineUse::Source),
            ("appsrc name=cvedia-rt ! videoconvert ! fakesink", PipelineUse::Export),
            (
                "( appsrc name=cvedia-rt ! videoconvert ! x264enc ! rtph264pay name=pay0 pt=96 )",
                PipelineUse::Rtsp,
            ),
        ] {
            check_pipeline(text, purpose).unwrap();
        }
    }

    #[test]
    fn single_quotes_are_taken_away_as_a_shell_does() {
        for (text, expected) in [
            ("a b='c d' e='f'", "a b=\"c d\" e=\"f\""),
            ("a b='c\"d' e='f", "a b='c\"d' e='f"),
            ("a b='c'd e=''", "a b='c'd e=\"\""),
            ("a ! 'b' ! c", "a ! 'b' ! c"),
        ] {
            assert_eq!(double_quotes(text), expected);
        }
        crate::init().unwrap();
        let text = "appsrc name=cvedia-rt ! identity ! filesink name=f location='/tmp/a b'";
        let bin = parse(text, PipelineUse::Export).unwrap();
        assert_eq!(bin.by_name("f").unwrap().property::<String>("location"), "/tmp/a b");
    }

    #[test]
    fn refusals_say_where_and_how() {
        let text = why("videotestsrc ! frobnicate ! appsink name=cvdsink", PipelineUse::Source);
        assert!(text.contains("`frobnicate` (character 16)"), "{text}");
        let text = why("videotestsrc ! appsink name=other", PipelineUse::Source);
        assert!(text.contains("no `appsink name=cvdsink`") && text.contains("appsink name=other"), "{text}");
        let text = why("videotestsrc ! ! appsink name=cvdsink", PipelineUse::Source);
        assert!(text.contains("character 16") && text.contains("syntax error"), "{text}");
        let text = why("videotestsrc ! videoconvert colour=3 ! appsink name=cvdsink", PipelineUse::Source);
        assert!(text.contains("colour") && text.contains("character 29"), "{text}");
        let text = why("videotestsrc ! audioconvert ! appsink name=cvdsink", PipelineUse::Source);
        assert!(text.contains("could not link"), "{text}");
        let text = why("appsrc name=cvedia-rt ! x264enc ! rtph264pay", PipelineUse::Rtsp);
        assert!(text.contains("pay0"), "{text}");
        for text in ["", "   ", "!", "a\0b", "\"", "((((", "videotestsrc name=", "=", "🦀 ! 🦀"] {
            assert!(!check_pipeline(text, PipelineUse::Source).unwrap_err().message.is_empty(), "{text}");
        }
    }
}
