//! Words of messages and reports.

use std::fmt::Display;

/// A number of things: `1 layer`, `30 layers`.
///
/// ```
/// # use tamis_arch::text::counted;
/// assert_eq!(counted(1_u32, "query", "queries"), "1 query");
/// assert_eq!(counted(0_u64, "query", "queries"), "0 queries");
/// ```
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let word = if count == N::from(1) { one } else { many };
    format!("{count} {word}")
}
