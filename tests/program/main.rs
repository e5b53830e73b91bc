//! The program from outside: what it prints, what it writes, how it ends.

mod arch;
mod bad_input;
mod documents;
mod dram;
mod exit_codes;
mod files;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod progress;
mod rtl;
mod run;
mod trace;
mod vocabulary;
