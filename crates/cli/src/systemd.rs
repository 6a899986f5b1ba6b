//! What systemd wants to know of a service (sd_notify(3)): that it is ready, that it still works, that it ends.
//! Started by anybody else, nothing is said to anybody.

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use watchpost_runtime::{Operation, Server};

/// An answer that takes longer than this is none: locks are held for milliseconds, and a change of an instance,
/// which may take seconds, holds up no list.
const PATIENCE: Duration = Duration::from_secs(5);

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd is not told: {error}");
    }
}

/// Says that the server is ready; then, where a watchdog is set (`WatchdogSec`), twice in its time that it still
/// works, as long as it does. Never returns.
pub(crate) async fn ready(server: Arc<Server>) {
    tell(&[NotifyState::Ready]);
    let Some(every) = sd_notify::watchdog_enabled().map(|within| within / 2) else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        // By the way that every question goes: a server that hangs there is of no use.
        match tokio::time::timeout(PATIENCE.min(every), server.perform(Operation::List)).await {
            Ok(_) => tell(&[NotifyState::Watchdog]),
            Err(_) => tracing::error!("the server does not answer: systemd's watchdog is not told"),
        }
    }
}

/// Says that it ends by itself.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}
