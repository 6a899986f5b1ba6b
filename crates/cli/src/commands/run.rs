use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use watchpost_config::{Problem, Switch};
use watchpost_runtime::{Ended, Final, Instance, Runtime, StartError};

use crate::{
    Global,
    commands::{serve::LISTEN, summary},
    exit::Exit,
    interrupts::{Interrupts, leave_at_once},
    load, logging,
    output::BARS,
    traces::Traces,
};

/// What is in the log goes out when it is told to stop: whoever answers has it in milliseconds. With what closing takes
/// at most (9 s) all is over within the 10 s that TERM has (PRODUCT section 12).
const STOPPING: Duration = Duration::from_secs(1);
/// How often the progress bar is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Run one instance in the foreground, until its source has ended and everything is delivered
///
/// Draws a progress bar while it runs and prints a table of everything it wrote. A first Ctrl-C stops it
/// in order, a second at once. Exit code 0: everything is delivered. 1: an export or the source failed,
/// something was refused for good, or something waits; what waits is sent by the next run. 78: nothing
/// was started, for `watchpost validate` refuses the file.
#[derive(Args)]
pub(crate) struct Run {
    /// The instance file.
    #[arg(value_name = "INSTANCE.json")]
    file: PathBuf,
    /// How long to wait for receivers after the source has ended, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = whole_seconds)]
    drain: u64,
    /// Where to offer video by HLS, if it is exported: this machine's loopback address; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = LISTEN, env = "WATCHPOST_LISTEN", hide_env_values = true)]
    listen: SocketAddr,
    #[command(flatten)]
    traces: Traces,
}

impl Run {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        // Before any thread exists: the guardian is a fork of this process (see `watchpost_process`).
        let guardian =
            watchpost_runtime::Guardian::start().context("starting the guardian of child processes")?;
        logging::start(global.log, global.verbose, "warn", None);
        let _sending = self.traces.start()?;
        let Some(loaded) = load::instance(&self.file, global) else { return Ok(Exit::Refused) };
        let tokio = tokio::runtime::Runtime::new().context("starting the tasks that deliver")?;
        tokio.block_on(async {
            let interrupts = Interrupts::watch().context("watching for Ctrl-C")?;
            let exports = &loaded.instance.output.handlers;
            if exports.iter().any(|export| export.switch == Switch::On && export.uri.starts_with("hls:")) {
                let listener = watchpost_api::Listener::bind(self.listen, None, false).await?;
                tracing::info!("listening on http://{}/", listener.address());
                tokio::spawn(listener.serve(watchpost_api::video_router()));
            }
            let runtime = Runtime::open(&global.data, load::shipped_exporters(global), guardian)?;
            let instance = match runtime.start(&loaded, &self.file).await {
                Err(StartError::Source(error)) => {
                    eprintln!("error: {}", loaded.locate(Problem::at(error.path, error.message, "")));
                    return Ok(Exit::Failed);
                }
                started => started?,
            };
            let bar = progress_bar(&instance);
            let end = follow(instance, &bar, Duration::from_secs(self.drain), interrupts).await;
            bar.finish_and_clear();
            runtime.close();
            summary::print(&end, global)?;
            Ok(if end.complete() { Exit::Done } else { Exit::Failed })
        })
    }
}

fn whole_seconds(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a whole number of seconds, for example 60")
}

/// Waits for the end, or for Ctrl-C (or TERM): the first stops in order, the second at once.
async fn follow(
    mut instance: Instance,
    bar: &ProgressBar,
    drain: Duration,
    mut interrupts: Interrupts,
) -> Final {
    let mut redraw = tokio::time::interval(REDRAW);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = instance.source_ended() => break ended,
            _ = redraw.tick() => draw(bar, &instance),
            () = interrupts.next() => {
                if stopping {
                    leave_at_once();
                }
                stopping = true;
                bar.set_message("stopping; press Ctrl-C again to stop at once");
                instance.stop_source();
            }
        }
    };
    draw(bar, &instance);
    if let Ended::Failed(reason) | Ended::BrokeOff(reason) = &ended {
        BARS.suspend(|| eprintln!("watchpost: {reason}"));
    }
    if stopping {
        tokio::select! {
            () = instance.drain(drain.min(STOPPING)) => {}
            () = interrupts.next() => leave_at_once(),
        }
    } else {
        bar.set_message("delivering what is left");
        tokio::select! {
            () = instance.drain(drain) => {}
            () = interrupts.next() => bar.set_message("stopping; press Ctrl-C again to stop at once"),
        }
    }
    tokio::select! {
        end = instance.shut_down() => end,
        () = interrupts.next() => leave_at_once(),
    }
}

fn progress_bar(instance: &Instance) -> ProgressBar {
    let bar = match instance.frames_expected() {
        Some(frames) => ProgressBar::new(frames)
            .with_style(style("{prefix} {bar:30} {pos}/{len} frames  {rate}  {eta} left  {msg}")),
        None => ProgressBar::no_length().with_style(style("{prefix} {spinner} {pos} frames  {rate}  {msg}")),
    };
    BARS.add(bar).with_prefix(instance.name().to_owned())
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Nothing that could fail: it is written into a line.
        let _written = write!(out, "{:.0}/s", state.per_sec());
    })
}

fn draw(bar: &ProgressBar, instance: &Instance) {
    bar.set_position(instance.view().source().frames);
    let records: u64 =
        instance.view().receivers().iter().filter(|r| r.format != "mp4").map(|r| r.delivered).sum();
    if !bar.message().contains("stop") {
        bar.set_message(format!("{records} delivered"));
    }
}
