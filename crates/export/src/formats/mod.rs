//! One file per format; the table of them is [`crate::FORMATS`].

mod boxes;
pub mod coco;
pub mod csv;
pub mod hls;
pub mod jpg;
pub mod json;
pub mod mot;
pub mod mp4;
pub mod mqtt;
pub mod png;
pub mod rtmp;
pub mod rtsp;
mod stills;
pub mod txt;
