//! Faults of a description: every one of a file, each with its place in the text and the rule behind it.
//!
//! ```text
//! error: `dram.channels` must be a power of two, 1 to 64: the channel is a slice of the address (found 12)
//!   --> designs/edge.toml:3:12
//!    | channels = 12
//!    |            ^^
//! ```

use std::{fmt, ops::Range, sync::Arc};

use crate::text::counted;

/// Faults that are shown; a text of garbage has more than anybody reads.
const SHOWN: usize = 50;
/// Characters of a message: it may quote the text, which may be anything.
const MESSAGE: usize = 600;
/// Characters of a source line that are shown, and how many of them stand before the fault.
const WINDOW: usize = 140;
const BEFORE: usize = 60;

/// A text, and the name by which messages call it.
#[derive(Debug)]
pub struct Source {
    /// Path of the file, or the name of a preset.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// A stretch of a source.
#[derive(Clone, Debug)]
pub struct Place {
    source: Arc<Source>,
    span: Range<usize>,
}

/// One thing that is wrong, and where: two places for a rule that joins two values.
#[derive(Clone, Debug)]
pub struct Fault {
    message: String,
    places: Vec<Place>,
}

/// Everything that is wrong with a description. Collects while a file is read; is the error when it was.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Place {
    /// The bytes `span` of `source`, moved to the nearest characters inside the text.
    #[must_use]
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let start = source.text.floor_char_boundary(span.start);
        let end = source.text.ceil_char_boundary(span.end).max(start);
        Self { source: Arc::clone(source), span: start..end }
    }

    /// The text it is a stretch of.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Line and column, both from 1, in characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
    }
}

/// `file:line:column`, then the line with carets under the value.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (row, column) = self.line_and_column();
        let text = &self.source.text;
        let start = text[..self.span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let skipped = if column > WINDOW { column - BEFORE } else { 0 };
        let shown = line.chars().skip(skipped).take(WINDOW).map(printable).collect::<String>();
        let pad = shown.chars().take(column - 1 - skipped).map(blank).collect::<String>();
        let marked = text[self.span.clone()].lines().next().unwrap_or_default().chars().count();
        let room = shown.chars().count().saturating_sub(column - 1 - skipped);
        let carets = "^".repeat(marked.min(room).max(1));
        writeln!(out, "  --> {}:{row}:{column}", self.source.name)?;
        writeln!(out, "   | {shown}")?;
        writeln!(out, "   | {pad}{carets}")
    }
}

/// Control characters of a file must not reach a terminal.
fn printable(character: char) -> char {
    if character.is_control() && character != '\t' { '\u{fffd}' } else { character }
}

/// What stands under a character before the carets: a tab stays a tab, so that they line up.
fn blank(character: char) -> char {
    if character == '\t' { '\t' } else { ' ' }
}

impl Fault {
    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where: the file in which a rule was broken first.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "error: {}", self.message)?;
        self.places.iter().try_for_each(|place| place.fmt(out))
    }
}

impl Faults {
    /// Notes a fault at one place, or at each place of a rule that joins several.
    pub fn note(&mut self, message: impl Into<String>, places: impl IntoIterator<Item = Place>) {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(MESSAGE) {
            message.truncate(end);
            message.push_str("...");
        }
        self.0.push(Fault { message, places: places.into_iter().collect() });
    }

    /// Notes what was found in another text.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there are already more than will be shown.
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        self.0.len() > SHOWN
    }

    /// The faults noted so far.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// What was read, if nothing was wrong with it; if not, the faults in the order of the text.
    ///
    /// # Errors
    /// Itself, if a fault was noted.
    ///
    /// # Panics
    /// If nothing was read and no fault says why: a broken promise of the reader.
    pub fn into_result<T>(mut self, read: Option<T>) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(read.expect("what was not read has a fault that says why"));
        }
        self.0.sort_by(|one, other| order(one).cmp(&order(other)));
        Err(self)
    }
}

fn order(fault: &Fault) -> Option<(&str, usize)> {
    fault.places.first().map(|place| (place.source.name.as_str(), place.span.start))
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(SHOWN).try_for_each(|fault| fault.fmt(out))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => {
                let faults = counted(more, "more fault is", "more faults are");
                writeln!(out, "error: {faults} not shown")
            }
        }
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "edge.toml".into(), text: text.into() })
    }

    fn shown(text: &str, span: Range<usize>) -> String {
        Place::new(&source(text), span).to_string()
    }

    #[test]
    fn a_place_shows_its_line_with_carets_under_the_value() {
        let text = "a = 1\n\tb = 12 # tab\n";
        let start = text.find("12").expect("it is there");
        assert_eq!(
            shown(text, start..start + 2),
            "  --> edge.toml:2:6\n   | \tb = 12 # tab\n   | \t    ^^\n"
        );
    }

    #[test]
    fn a_place_at_the_end_of_the_text_has_one_caret() {
        assert_eq!(shown("a =", 3..3), "  --> edge.toml:1:4\n   | a =\n   |    ^\n");
        assert_eq!(shown("", 7..9), "  --> edge.toml:1:1\n   | \n   | ^\n");
    }

    #[test]
    fn a_place_inside_a_character_moves_to_its_edges() {
        assert_eq!(shown("é = 1", 1..2), "  --> edge.toml:1:1\n   | é = 1\n   | ^\n");
    }

    #[test]
    fn a_span_of_several_lines_marks_its_first() {
        assert_eq!(shown("[a]\nb = 1\n", 0..9), "  --> edge.toml:1:1\n   | [a]\n   | ^^^\n");
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let text = format!("{}!{}", "x".repeat(500), "y".repeat(500));
        let shown = shown(&text, 500..501);
        let lines = shown.lines().collect::<Vec<_>>();
        assert_eq!(lines[0], "  --> edge.toml:1:501");
        assert_eq!(lines[1].chars().count(), 5 + WINDOW);
        assert_eq!(lines[1].find('!'), lines[2].find('^'));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert!(!shown("a = \u{1b}[2J", 4..5).contains('\u{1b}'));
    }

    #[test]
    fn a_message_that_quotes_the_text_is_cut() {
        let mut faults = Faults::default();
        faults.note("é".repeat(1 << 20), []);
        assert_eq!(faults.to_string().chars().count(), "error: ...\n".len() + MESSAGE);
    }

    #[test]
    fn faults_come_in_the_order_of_the_text_and_end_with_a_count() {
        let source = source(&"x".repeat(100));
        let mut faults = Faults::default();
        for start in (0..60).rev() {
            faults.note(format!("fault {start}"), [Place::new(&source, start..start + 1)]);
        }
        let text = faults.into_result(None::<()>).expect_err("there are faults").to_string();
        assert!(text.starts_with("error: fault 0\n"));
        assert!(text.ends_with("error: 10 more faults are not shown\n"));
    }
}
