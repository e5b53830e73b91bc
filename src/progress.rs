//! A progress bar for people: on a terminal, and only for runs longer than a second. What it shows
//! never reaches a result.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Runs shorter than this show nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts layers as they are handed to the machines.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    patience: Duration,
    /// Where the bar will be drawn; nothing once it is.
    target: Mutex<Option<ProgressDrawTarget>>,
}

impl Progress {
    /// Of so many layers in all; a layer of each decode step counts.
    pub(crate) fn of(layers: u64) -> Self {
        // Draws nothing where standard error is not a terminal.
        Self::drawn_on(ProgressDrawTarget::stderr(), layers, PATIENCE)
    }

    fn drawn_on(target: ProgressDrawTarget, layers: u64, patience: Duration) -> Self {
        let bar = ProgressBar::with_draw_target(Some(layers), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed}, {eta} to go");
        bar.set_style(style.expect("the template is ours"));
        Self { bar, started: Instant::now(), patience, target: Mutex::new(Some(target)) }
    }

    /// So many more layers.
    pub(crate) fn advance(&self, layers: u64) {
        self.bar.inc(layers);
        if self.started.elapsed() < self.patience {
            return;
        }
        if let Some(target) = self.target.lock().expect("nothing panics with it").take() {
            self.bar.set_draw_target(target);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps what is written to it, with `<clear>` for a line that is taken away.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("nothing panics with it").push_str(text);
            Ok(())
        }

        fn seen(&self) -> String {
            self.0.lock().expect("nothing panics with it").clone()
        }

        /// A bar of four layers on this screen.
        fn progress(&self, patience: Duration) -> Progress {
            let target = ProgressDrawTarget::term_like(Box::new(self.clone()));
            Progress::drawn_on(target, 4, patience)
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            self.write("<clear>")
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_run_that_lasts_shows_how_far_it_is_and_takes_the_bar_away() {
        let screen = Screen::default();
        let progress = screen.progress(Duration::ZERO);
        progress.advance(1);
        progress.advance(1);
        let seen = screen.seen();
        assert!(seen.contains(" 50 %  ") && seen.contains(" to go"), "no bar on: {seen:?}");
        drop(progress);
        assert!(screen.seen().ends_with("<clear>"), "it stays: {:?}", screen.seen());
    }

    #[test]
    fn a_run_that_ends_before_patience_does_shows_nothing() {
        let screen = Screen::default();
        let progress = screen.progress(Duration::MAX);
        progress.advance(1);
        progress.advance(3);
        drop(progress);
        assert_eq!(screen.seen(), "");
    }
}
