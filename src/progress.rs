//! A progress bar for people: on a terminal, and only for runs longer than a second. What it shows
//! never reaches a result.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Runs shorter than this show nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts layers as they are handed to the machines.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: AtomicBool,
}

impl Progress {
    /// Of so many layers in all; a layer of each decode step counts.
    pub(crate) fn of(layers: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(layers), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed}, {eta} to go");
        bar.set_style(style.expect("the template is ours"));
        Self { bar, started: Instant::now(), shown: AtomicBool::new(false) }
    }

    /// So many more layers.
    pub(crate) fn advance(&self, layers: u64) {
        self.bar.inc(layers);
        if self.started.elapsed() > PATIENCE && !self.shown.swap(true, Ordering::Relaxed) {
            // Draws nothing where standard error is not a terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
