//! Pictures to encode, and what ffprobe says of the result.
use std::{path::Path, process::Command, sync::Arc};

use watchpost_model::{Image, PixelFormat, Plane, Size};

pub const SIZE: Size = Size { width: 320, height: 240 };

/// A picture that changes with `n`.
pub fn picture(format: PixelFormat, size: Size, n: u64) -> Image {
    let (width, height) = (size.width as usize, size.height as usize);
    let luma = (0..width * height).map(|i| (40 + (i % width + i / width * 2 + n as usize * 3) % 160) as u8);
    let luma: Arc<Vec<u8>> = Arc::new(luma.collect());
    let chroma = Arc::new(vec![120; width * height]);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let mut planes = vec![Plane::new(luma, 0, width, height, width).unwrap()];
    match format {
        PixelFormat::I420 => {
            for _ in 0..2 {
                planes.push(Plane::new(chroma.clone(), 0, half_width, half_height, half_width).unwrap());
            }
        }
        PixelFormat::Nv12 => {
            planes.push(Plane::new(chroma, 0, half_width * 2, half_height, half_width * 2).unwrap());
        }
        PixelFormat::Gray8 => {}
    }
    Image { format, size, planes }
}

/// Frames by decoding, duration in s by the container, size.
pub fn probe(path: &Path) -> (u64, f64, String) {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "default=nw=1"])
        .args(["-show_entries", "stream=nb_read_frames,width,height:format=duration"])
        .arg(path)
        .output()
        .expect("ffprobe (Debian package ffmpeg) is needed by this test");
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {text}"));
        line.split('=').nth(1).unwrap().to_owned()
    };
    let size = format!("{}x{}", value("width"), value("height"));
    (value("nb_read_frames").parse().unwrap(), value("duration").parse().unwrap(), size)
}

/// When each frame is shown, in s, and whether it is a key frame; in the file's order.
pub fn frame_times(path: &Path) -> Vec<(f64, bool)> {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"])
        .args(["-show_entries", "packet=pts_time,flags"])
        .arg(path)
        .output()
        .expect("ffprobe (Debian package ffmpeg) is needed by this test");
    let text = String::from_utf8(out.stdout).unwrap();
    let line = |line: &str| {
        let (time, flags) = line.split_once(',').unwrap();
        (time.parse().unwrap(), flags.contains('K'))
    };
    text.lines().map(line).collect()
}

/// Waits until `done`, looking every 10 ms; fails the test after half a minute.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 30, "waited in vain: {what}");
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}

/// `frames` of H.264 or H.265 as a byte stream, an access unit each.
pub fn access_units(is_h265: bool, codec: &str, frames: u32) -> Vec<Vec<u8>> {
    let (format, delimiters) = if is_h265 { ("hevc", "-x265-params") } else { ("h264", "-x264-params") };
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25"])
        .args([
            "-frames:v",
            &frames.to_string(),
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            codec,
            "-preset",
            "ultrafast",
        ])
        .args([
            "-bf",
            "0",
            "-g",
            "10",
            delimiters,
            "aud=1:log-level=none:repeat-headers=1",
            "-f",
            format,
            "-",
        ])
        .output()
        .expect("ffmpeg (Debian package ffmpeg) is needed by this test");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // Access unit delimiters: ITU-T H.264 section 7.3.2.4, H.265 section 7.3.2.5.
    let is_delimiter =
        |at: &[u8]| at.starts_with(&[0, 0, 0, 1]) && if is_h265 { at[4] >> 1 == 35 } else { at[4] & 31 == 9 };
    let starts: Vec<usize> =
        (0..out.stdout.len() - 5).filter(|at| is_delimiter(&out.stdout[*at..])).collect();
    let ends = starts.iter().skip(1).copied().chain([out.stdout.len()]);
    starts.iter().zip(ends).map(|(start, end)| out.stdout[*start..end].to_vec()).collect()
}
