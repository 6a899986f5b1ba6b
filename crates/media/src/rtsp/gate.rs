//! Who may watch what: RTSP users by digest (RFC 2069, RFC 7826 section 19.1), one for each mount.

use std::collections::BTreeMap;

use gst::glib;
use gstreamer as gst;
use gstreamer_rtsp_server::{
    RTSP_PERM_MEDIA_FACTORY_ACCESS, RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, RTSP_TOKEN_MEDIA_FACTORY_ROLE,
    RTSPAuth, RTSPContext, RTSPMediaFactory, RTSPToken, gst_rtsp, prelude::*, subclass::prelude::*,
};
use parking_lot::Mutex;

use super::Login;
use crate::{MediaError, MediaErrorKind as Kind};

/// The role of those who watch mounts without a user.
const ANYONE: &str = "anyone";

glib::wrapper! {
    /// Asks for a user where a mount has one, and for nothing where it has none. GStreamer's own class knows
    /// only one answer for all mounts of a server.
    pub struct Gate(ObjectSubclass<imp::Gate>) @extends RTSPAuth;
}

impl Gate {
    pub(super) fn new() -> Self {
        let gate: Self = glib::Object::new();
        gate.set_supported_methods(gst_rtsp::RTSPAuthMethod::Digest);
        gate.set_realm(Some("Watchpost"));
        gate
    }

    /// Lets `login` (or anyone) watch the mount `path`, made by `factory`.
    ///
    /// # Errors
    /// Another mount of this server has a user of that name with another password: a client says only the
    /// name.
    pub(super) fn admit(
        &self,
        path: &str,
        login: Option<&Login>,
        factory: &RTSPMediaFactory,
    ) -> Result<(), MediaError> {
        let mut mounts = self.imp().mounts.lock();
        if let Some(login) = login {
            let other = mounts.iter().find(|(_, other)| {
                other.as_ref().is_some_and(|other| other.user == login.user && other != login)
            });
            if let Some((other, _)) = other {
                let message = format!(
                    "the RTSP user `{}` has another password at {other}: use the same, another name, or another port",
                    login.user
                );
                return Err(MediaError::new(Kind::BadSetting, message, ""));
            }
        }
        // One role for each user and one for anyone: who may watch one mount may not watch the next.
        let role = role(login);
        let permissions = gst::Structure::builder(role.as_str())
            .field(RTSP_PERM_MEDIA_FACTORY_ACCESS.as_str(), true)
            .field(RTSP_PERM_MEDIA_FACTORY_CONSTRUCT.as_str(), true)
            .build();
        factory.add_role_from_structure(&permissions);
        if let Some(login) = login {
            let token = RTSPToken::builder().field(RTSP_TOKEN_MEDIA_FACTORY_ROLE.as_str(), &role).build();
            self.add_digest(&login.user, &login.password, &token);
        }
        mounts.insert(path.to_owned(), login.cloned());
        Ok(())
    }

    /// The mount is gone, and with its last mount a user.
    pub(super) fn forget(&self, path: &str) {
        let mut mounts = self.imp().mounts.lock();
        if let Some(Some(login)) = mounts.remove(path)
            && !mounts.values().flatten().any(|other| other.user == login.user)
        {
            self.remove_digest(&login.user);
        }
    }
}

fn role(login: Option<&Login>) -> String {
    // Structure names may not have all the characters that users' names have.
    login.map_or_else(
        || ANYONE.to_owned(),
        |login| {
            let hex: String = login.user.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("user-{hex}")
        },
    )
}

/// What there is for the mount that `path` of a request belongs to: itself, or the one that it is a stream of.
pub(super) fn mount_of<'a, T>(
    mounts: impl Iterator<Item = (&'a String, &'a T)>,
    path: &str,
) -> Option<&'a T> {
    let is_below =
        |mount: &str| path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    mounts.filter(|(mount, _)| is_below(mount)).max_by_key(|(mount, _)| mount.len()).map(|(_, value)| value)
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Gate {
        /// By path; `None`: anyone may watch.
        pub(super) mounts: Mutex<BTreeMap<String, Option<Login>>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Gate {
        const NAME: &'static str = "WatchpostRtspGate";
        type Type = super::Gate;
        type ParentType = RTSPAuth;
    }

    impl ObjectImpl for Gate {}

    impl RTSPAuthImpl for Gate {
        fn authenticate(&self, context: &RTSPContext) -> bool {
            let path = context.uri().map(|uri| path_of(&uri.request_uri()));
            let open =
                path.is_some_and(|path| matches!(mount_of(self.mounts.lock().iter(), &path), Some(None)));
            if open {
                let token =
                    RTSPToken::builder().field(RTSP_TOKEN_MEDIA_FACTORY_ROLE.as_str(), ANYONE).build();
                context.set_token(token);
                return true;
            }
            self.parent_authenticate(context)
        }
    }
}

/// The path of `rtsp://host:port/path?query`.
pub(super) fn path_of(uri: &str) -> String {
    let after = uri.split_once("://").map_or(uri, |(_, after)| after);
    let path = after.find('/').map_or("/", |at| &after[at..]);
    path.split(['?', '#']).next().unwrap_or(path).trim_end_matches('/').to_owned()
}
