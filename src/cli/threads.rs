//! `--threads`, wherever there is work for several.

use crate::exit::{Exit, Failure, OrExit};

/// How many threads work.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Threads {
    /// Threads to work with, 1 to 1024, with the same report [default: one a core].
    #[arg(long, value_name = "N", value_parser = count)]
    threads: Option<usize>,
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=1024).contains(count));
    count.ok_or_else(|| "must be 1 to 1024: more only wait for each other".to_owned())
}

impl Threads {
    /// Does this work with so many threads.
    pub(crate) fn work<T: Send>(self, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        // To rayon, 0 is one a core.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).build();
        Ok(pool.or_exit(Exit::Environment)?.install(work))
    }
}
