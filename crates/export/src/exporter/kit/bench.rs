//! The rows, and the child that the next check is made with.

use std::time::{Duration, Instant};

use watchpost_process::Guardian;

use super::{Progress, Row, Verdict, session::Session};
use crate::exporter::Prepared;

/// See the module's text.
pub(super) struct Bench<F> {
    pub prepared: Prepared,
    guardian: Guardian,
    session: Option<Session>,
    rows: Vec<Row>,
    /// Whether it is worth closing in order between checks: one that does not end by itself costs seconds each time.
    orderly: bool,
    /// It took its first message; without that nothing else is worth a try.
    pub usable: bool,
    told: F,
}

impl<F: FnMut(Progress<'_>)> Bench<F> {
    pub fn new(prepared: Prepared, guardian: Guardian, told: F) -> Self {
        Self { prepared, guardian, session: None, rows: Vec::new(), orderly: true, usable: true, told }
    }

    /// What the manifest asks for in vain.
    pub fn refused(&self) -> Vec<String> {
        self.prepared.warnings.iter().map(|refused| refused.message.clone()).collect()
    }

    /// From now on with these versions: the child is told them when it starts, so a new one is needed.
    pub async fn change(&mut self, prepared: Prepared) {
        self.prepared = prepared;
        self.end_session().await;
    }

    /// In order, as at the end of an instance: a kill is a check of its own.
    pub async fn end_session(&mut self) {
        if let Some(session) = self.session.take()
            && self.orderly
        {
            // How it ends is what the last checks are about.
            self.orderly = session.close().await.is_ok_and(|end| end.by_itself);
        }
    }

    /// A check with the child there is, or a new one.
    pub async fn check(
        &mut self,
        name: &str,
        check: impl AsyncFnOnce(&mut Session) -> Result<String, String>,
    ) {
        if !self.usable {
            return self.skip(name, "it does not take its first message");
        }
        (self.told)(Progress::Begins(name));
        let start = Instant::now();
        let mut session = match self.session.take() {
            Some(session) => session,
            None => match Session::open(&self.prepared.settings, &self.guardian).await {
                Ok(session) => session,
                Err(reason) => return self.push(name, Verdict::Fail, reason, start.elapsed()),
            },
        };
        match check(&mut session).await {
            Ok(seen) => {
                self.push(name, Verdict::Pass, seen, start.elapsed());
                self.session = Some(session);
            }
            Err(reason) => self.push(name, Verdict::Fail, reason, start.elapsed()),
        }
    }

    /// A check that ends the child: `check` is given it whole.
    pub async fn last_check(
        &mut self,
        name: &str,
        check: impl AsyncFnOnce(Session) -> Result<String, String>,
    ) {
        if !self.usable {
            return self.skip(name, "it does not take its first message");
        }
        (self.told)(Progress::Begins(name));
        self.end_session().await;
        let start = Instant::now();
        let result = match Session::open(&self.prepared.settings, &self.guardian).await {
            Ok(session) => check(session).await,
            Err(reason) => Err(reason),
        };
        match result {
            Ok(seen) => self.push(name, Verdict::Pass, seen, start.elapsed()),
            Err(reason) => self.push(name, Verdict::Fail, reason, start.elapsed()),
        }
    }

    pub fn skip(&mut self, name: &str, why: &str) {
        self.push(name, Verdict::Skipped, why.to_owned(), Duration::ZERO);
    }

    pub fn push(&mut self, check: &str, result: Verdict, detail: String, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let row = Row { check: check.to_owned(), result, detail, took_ms };
        (self.told)(Progress::Done(&row));
        self.rows.push(row);
    }

    pub fn last(&self) -> Option<Verdict> {
        self.rows.last().map(|row| row.result)
    }

    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}
