//! How often somebody may try to log in.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Failures that are nobody's business: a password may be mistyped.
const FREE: u32 = 5;
/// Then one try in so long, for whom has not failed for [`FORGET`].
const PAUSE: Duration = Duration::from_secs(10);
const FORGET: Duration = Duration::from_secs(600);
/// Addresses and names remembered; beyond that the oldest are forgotten.
const MAX: usize = 10_000;
/// Passwords hashed at the same time: each takes 19 MiB and some 30 ms of a core.
pub(crate) static HASHING: Semaphore = Semaphore::const_new(2);

/// Failures by address, and by name from anywhere, so that neither many names nor many addresses help.
#[derive(Default)]
pub(crate) struct Limit(Mutex<HashMap<Key, (u32, Instant)>>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Name(String),
}

impl Limit {
    /// How long to wait before another try; `None`: go on.
    pub fn wait(&self, address: Option<IpAddr>, name: &str) -> Option<Duration> {
        let mut all = self.0.lock();
        all.retain(|_, (_, last)| last.elapsed() < FORGET);
        let waits = keys(address, name).into_iter().filter_map(|key| {
            let (failures, last) = all.get(&key)?;
            (*failures >= FREE).then(|| PAUSE.checked_sub(last.elapsed())).flatten()
        });
        waits.max()
    }

    pub fn failed(&self, address: Option<IpAddr>, name: &str) {
        let mut all = self.0.lock();
        if all.len() >= MAX {
            let oldest = all.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
        for key in keys(address, name) {
            let entry = all.entry(key).or_insert((0, Instant::now()));
            *entry = (entry.0 + 1, Instant::now());
        }
    }

    pub fn succeeded(&self, address: Option<IpAddr>, name: &str) {
        let mut all = self.0.lock();
        for key in keys(address, name) {
            all.remove(&key);
        }
    }
}

fn keys(address: Option<IpAddr>, name: &str) -> Vec<Key> {
    let name: String = name.chars().take(64).collect();
    address.map(Key::Address).into_iter().chain([Key::Name(name)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_becomes_slow_for_an_address_and_for_a_name() {
        let (limit, here) = (Limit::default(), Some(IpAddr::from([127, 0, 0, 1])));
        for _ in 0..FREE {
            assert!(limit.wait(here, "ann").is_none());
            limit.failed(here, "ann");
        }
        assert!(limit.wait(here, "bob").is_some(), "the same address, another name");
        assert!(
            limit.wait(Some(IpAddr::from([10, 0, 0, 1])), "ann").is_some(),
            "another address, the same name"
        );
        assert!(limit.wait(Some(IpAddr::from([10, 0, 0, 1])), "bob").is_none());
        limit.succeeded(here, "ann");
        assert!(limit.wait(here, "ann").is_none());
    }
}
