//! Where gst-rtsp-server asks for a mount's pipeline.

use std::sync::Arc;

use gst::glib;
use gstreamer as gst;
use gstreamer_rtsp_server::{
    RTSPMedia, RTSPMediaFactory, RTSPTransportMode, gst_rtsp, prelude::*, subclass::prelude::*,
};

use super::mount::Mount;

glib::wrapper! {
    /// Makes the media of one [`Mount`].
    pub struct Factory(ObjectSubclass<imp::Factory>) @extends RTSPMediaFactory;
}

impl Factory {
    pub(super) fn new(mount: &Arc<Mount>) -> Self {
        let factory: Self = glib::Object::new();
        *factory.imp().mount.lock() = Arc::downgrade(mount);
        factory.set_shared(true);
        // What waits in a jitter buffer for packets that came out of order; none come in here.
        factory.set_latency(0);
        factory.set_transport_mode(RTSPTransportMode::PLAY);
        factory.set_protocols(mount.protocols());
        factory
    }
}

mod imp {
    use std::sync::Weak;

    use parking_lot::Mutex;

    use super::*;

    pub struct Factory {
        pub(super) mount: Mutex<Weak<Mount>>,
    }

    impl Default for Factory {
        fn default() -> Self {
            Self { mount: Mutex::new(Weak::new()) }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Factory {
        const NAME: &'static str = "WatchpostRtspFactory";
        type Type = super::Factory;
        type ParentType = RTSPMediaFactory;
    }

    impl ObjectImpl for Factory {}

    impl RTSPMediaFactoryImpl for Factory {
        /// One media for all viewers, whatever their address has for a query.
        fn gen_key(&self, _url: &gst_rtsp::RTSPUrl) -> Option<glib::GString> {
            Some("all".into())
        }

        fn create_element(&self, _url: &gst_rtsp::RTSPUrl) -> Option<gst::Element> {
            let mount = self.mount.lock().upgrade()?;
            mount.make_element()
        }

        fn media_configure(&self, media: &RTSPMedia) {
            self.parent_media_configure(media);
            if let Some(mount) = self.mount.lock().upgrade() {
                mount.begins(media);
            }
        }
    }
}
