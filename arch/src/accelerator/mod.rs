//! The checked machine: every other part of Tamis reads this value and nothing else.

mod capability;
mod check;
mod dram;
mod load;
mod schema;
mod write;

pub use capability::{HEAD_DIMS, Unsupported};
pub use dram::DramSection;
pub(crate) use load::read_text;
pub use load::{LoadError, PRESETS, Preset, load};

use serde::{Serialize, Serializer};

use crate::{
    blocks::{
        Array, Core, Crossbar, Fetcher, Formats, Importance, KvBuffer, Layout, Refetch, Reorder,
        Sequencer, Softmax, Technology, Topk, Widen, Writeback,
    },
    dram::Dram,
    reader::{Block, Field, Rule, Section, Written},
};

/// A section of the machine file: what it is for, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionTable {
    /// Name in the file.
    pub name: &'static str,
    /// Which part of the machine it is.
    pub role: &'static str,
    /// What such a part does.
    pub purpose: &'static str,
    /// Its parameters.
    pub fields: Vec<Field>,
}

/// A section of one machine: its parameters with their values.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionValues {
    /// Name in the file.
    pub name: &'static str,
    /// What such a part does.
    pub purpose: &'static str,
    /// Its parameters and what they are.
    pub values: Vec<(Field, Written)>,
}

/// Declares the machine: one section a block.
macro_rules! machine {
    ($($(#[doc = $role:expr])+ $section:ident: $block:ty,)+) => {
        /// One design point, checked: a component never meets a value that cannot be built.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Accelerator {
            /// What the file calls it.
            pub name: String,
            /// A sentence on what it is.
            pub description: String,
            $($(#[doc = $role])+ pub $section: $block,)+
        }

        /// A machine as far as it could be read: none for each part with a fault.
        struct Draft {
            name: Option<String>,
            description: Option<String>,
            $($section: Option<$block>,)+
        }

        impl Draft {
            fn read(mut root: Section<'_, '_>) -> Self {
                let draft = Self {
                    name: root.get("name", Rule::ANY),
                    description: root.get("description", Rule::ANY),
                    $($section: Block::read(root.section(stringify!($section))),)+
                };
                root.finish();
                draft
            }

            /// The machine, if every part was read.
            fn complete(self) -> Option<Accelerator> {
                Some(Accelerator {
                    name: self.name?,
                    description: self.description?,
                    $($section: self.$section?,)+
                })
            }
        }

        impl Accelerator {
            /// The sections of a machine file in their order, for the schema and the reference.
            #[must_use]
            pub fn sections() -> Vec<SectionTable> {
                vec![$(SectionTable {
                    name: stringify!($section),
                    role: concat!($($role),+).trim_ascii(),
                    purpose: <$block as Block>::PURPOSE,
                    fields: <$block as Block>::fields(),
                }),+]
            }

            /// Every parameter with its value, section by section.
            #[must_use]
            pub fn values(&self) -> Vec<SectionValues> {
                vec![$(SectionValues {
                    name: stringify!($section),
                    purpose: <$block as Block>::PURPOSE,
                    values: self.$section.write(),
                }),+]
            }
        }
    };
}

machine! {
    /// Clock.
    core: Core,
    /// Number formats.
    formats: Formats,
    /// Task issue.
    sequencer: Sequencer,
    /// Ids to transactions.
    fetcher: Fetcher,
    /// Lanes to channels.
    crossbar: Crossbar,
    /// The memory.
    dram: Dram,
    /// Order of responses.
    reorder: Reorder,
    /// Stored widths to operand width.
    widen: Widen,
    /// K on chip.
    key_buffer: KvBuffer,
    /// V on chip.
    value_buffer: KvBuffer,
    /// Scores.
    qk_array: Array,
    /// Probabilities.
    softmax: Softmax,
    /// Progressive quantisation.
    refetch: Refetch,
    /// Token and head importance.
    importance: Importance,
    /// Selection.
    topk: Topk,
    /// Outputs.
    pv_array: Array,
    /// Results to memory.
    writeback: Writeback,
    /// Addresses.
    layout: Layout,
    /// Prices.
    technology: Technology,
}

/// As in the machine file: the same sections, keys and values.
impl Serialize for Accelerator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_table().serialize(serializer)
    }
}
