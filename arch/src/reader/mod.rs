//! Reads a TOML description and reports everything that is wrong with it at once.
//!
//! A [`Document`] is a text, laid over the text that it `extends`, as a tree whose every value knows
//! its place. A [`Section`] hands out its values by type and [`Rule`]; what is missing, unknown or
//! wrong goes to the [`Faults`](crate::fault::Faults) and reading goes on.
//!
//! ```
//! use tamis_arch::{
//!     fault::Faults,
//!     reader::{Document, Rule},
//!     units::Cycles,
//! };
//!
//! let mut faults = Faults::default();
//! let text = "[bank]\nrows = 1000\nlatensy = 3\n";
//! let document = Document::parse("bank.toml", text, &mut faults).expect("it is TOML");
//! let mut root = document.root(&mut faults);
//! let mut bank = root.section("bank");
//! let rows: Option<u32> = bank.get("rows", Rule::power_of_two(1, 65_536));
//! let latency: Option<Cycles> = bank.get("latency", Rule::between(1, 100));
//! bank.finish();
//! root.finish();
//! assert_eq!(
//!     faults.iter().map(|fault| fault.message()).collect::<Vec<_>>(),
//!     [
//!         "`bank.rows` must be a power of two, 1 to 65536 (found 1000)",
//!         "`bank.latency` is missing",
//!         "`bank.latensy` is not known; did you mean `latency`?",
//!     ]
//! );
//! ```

mod block;
mod document;
mod parameter;
mod rule;
mod section;
mod spelling;
mod tree;

pub use block::{Block, Field};
pub use document::Document;
pub use parameter::{Kind, Named, Parameter, Reading, Written};
pub use rule::Rule;
pub use section::Section;
pub use spelling::closest;
pub use tree::{Entry, Node, Table, Value};
