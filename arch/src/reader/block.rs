//! Parameters declared once: the checked struct, its reading and writing, and its table for the
//! schema and the reference all come from one declaration.

use super::{
    parameter::{Kind, Written},
    rule::Rule,
    section::Section,
};

/// A group of parameters that a section of a description holds.
pub trait Block: Sized {
    /// What the section describes.
    const PURPOSE: &'static str;

    /// Its parameters, in the order of the declaration.
    fn fields() -> Vec<Field>;

    /// Reads every parameter and ends the section; none if one of them is wrong.
    fn read(section: Section<'_, '_>) -> Option<Self>;

    /// Each parameter with its value as a file writes it, in the order of the declaration.
    fn write(&self) -> Vec<(Field, Written)>;
}

/// One parameter, for people and for tools.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Key in the file: the name of the field, and its unit where it has one.
    pub name: String,
    /// What it means, in Markdown.
    pub doc: &'static str,
    /// Its unit; empty for plain numbers, flags and names.
    pub unit: &'static str,
    /// What sort of value it is.
    pub kind: Kind,
    /// What it must be.
    pub rule: Rule,
}

/// Declares blocks: structs whose fields are parameters, each with its documentation and, after
/// `where`, its [`Rule`].
///
/// ```
/// use tamis_arch::{reader::{Block, Rule}, units::Cycles};
///
/// tamis_arch::parameters! {
///     /// Something that takes time.
///     #[derive(Clone, Debug, PartialEq)]
///     pub struct Delay {
///         /// How long it takes.
///         pub latency: Cycles where Rule::between(1, 100),
///     }
/// }
///
/// assert_eq!(Delay::fields()[0].doc, "How long it takes.");
/// ```
#[macro_export]
macro_rules! parameters {
    ($(
        $(#[doc = $purpose:expr])+
        $(#[derive($($derive:path),+)])?
        pub struct $block:ident {
            $(
                $(#[doc = $doc:expr])+
                pub $field:ident: $type:ty $(where $rule:expr)?,
            )+
        }
    )+) => {$(
        $(#[doc = $purpose])+
        $(#[derive($($derive),+)])?
        pub struct $block {
            $(
                $(#[doc = $doc])+
                pub $field: $type,
            )+
        }

        impl $crate::reader::Block for $block {
            const PURPOSE: &'static str = concat!($($purpose),+).trim_ascii();

            fn fields() -> Vec<$crate::reader::Field> {
                use $crate::reader::Parameter;
                vec![$($crate::reader::Field {
                    name: format!("{}{}", stringify!($field), <$type>::SUFFIX),
                    doc: concat!($($doc),+).trim_ascii(),
                    unit: <$type>::UNIT,
                    kind: <$type>::kind(),
                    rule: $crate::parameters!(@rule $($rule)?),
                }),+]
            }

            fn read(mut section: $crate::reader::Section<'_, '_>) -> Option<Self> {
                use $crate::reader::Parameter;
                $(let $field = section.get(
                    &format!("{}{}", stringify!($field), <$type>::SUFFIX),
                    $crate::parameters!(@rule $($rule)?),
                );)+
                section.finish();
                Some(Self { $($field: $field?),+ })
            }

            fn write(&self) -> Vec<($crate::reader::Field, $crate::reader::Written)> {
                let values = [$($crate::reader::Parameter::write(&self.$field)),+];
                Self::fields().into_iter().zip(values).collect()
            }
        }
    )+};
    (@rule) => { $crate::reader::Rule::ANY };
    (@rule $rule:expr) => { $rule };
}

/// Declares choices: enums of which a file names one, each name with its meaning.
///
/// ```
/// use tamis_arch::reader::{Kind, Parameter};
///
/// tamis_arch::choices! {
///     /// Who goes first.
///     pub enum Order {
///         /// The one that came first.
///         Oldest = "oldest",
///         /// Each in turn.
///         RoundRobin = "round-robin",
///     }
/// }
///
/// assert_eq!(Order::RoundRobin.name(), "round-robin");
/// ```
#[macro_export]
macro_rules! choices {
    ($(
        $(#[doc = $purpose:expr])+
        pub enum $choice:ident {
            $(
                $(#[doc = $doc:expr])+
                $variant:ident = $name:literal,
            )+
        }
    )+) => {$(
        $(#[doc = $purpose])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub enum $choice {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $name)]
                $variant,
            )+
        }

        impl $choice {
            /// Every choice, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What a file calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl $crate::reader::Parameter for $choice {
            fn kind() -> $crate::reader::Kind {
                const NAMED: &[$crate::reader::Named] = &[$($crate::reader::Named {
                    name: $name,
                    meaning: concat!($($doc),+).trim_ascii(),
                }),+];
                $crate::reader::Kind::Choice(NAMED)
            }

            fn read(
                node: &$crate::reader::Node,
                reading: &mut $crate::reader::Reading<'_>,
            ) -> Option<Self> {
                let names = Self::ALL.iter().map(|choice| choice.name());
                let found = reading.choice(node, &names.collect::<Vec<_>>())?;
                Some(Self::ALL[found])
            }

            fn write(&self) -> $crate::reader::Written {
                $crate::reader::Written::String(self.name().into())
            }
        }
    )+};
}
