//! "Did you mean": the known name that was probably misspelled.

/// The name of `known` nearest to `written`, if a slip or two explain it: at most one edit in three
/// characters. The earlier name wins a tie.
pub fn closest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = written.chars().count();
    known
        .into_iter()
        // Names of very different length cannot be near, and a hostile key may be very long.
        .filter(|name| name.chars().count().abs_diff(length) <= name.len() / 3)
        .map(|name| (edits(written, name), name))
        .filter(|(edits, name)| *edits <= (name.len() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Insertions, deletions and substitutions that turn one text into the other (Levenshtein 1966).
fn edits(one: &str, other: &str) -> usize {
    let other = other.chars().collect::<Vec<_>>();
    let mut row = (0..=other.len()).collect::<Vec<_>>();
    for (above, from) in (1..).zip(one.chars()) {
        let mut corner = std::mem::replace(&mut row[0], above);
        for (column, to) in other.iter().enumerate() {
            let change = corner + usize::from(from != *to);
            corner = row[column + 1];
            row[column + 1] = change.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["latency", "lanes", "capacity"];
        assert_eq!(closest("latensy", known), Some("latency"));
        assert_eq!(closest("lane", known), Some("lanes"));
        assert_eq!(closest("colour", known), None);
        assert_eq!(closest("", known), None);
    }
}
