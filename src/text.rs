//! Numbers as people read them: three significant digits, a unit, and `-` for what is not defined.

/// Stands for a number that is not defined.
pub(crate) const UNDEFINED: &str = "-";

/// Three significant digits with the prefix that brings the value between 1 and 1000.
fn scaled(value: f64, unit: &str) -> String {
    if value == 0.0 {
        return format!("0 {unit}");
    }
    const PREFIXES: [(f64, &str); 9] = [
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
        (1e-12, "p"),
    ];
    let size = value.abs();
    // 999.5 and more would print as 1000: such a value takes the next prefix.
    let (scale, prefix) =
        PREFIXES.into_iter().find(|(scale, _)| size >= 0.9995 * scale).unwrap_or((1e-12, "p"));
    format!("{} {prefix}{unit}", three_digits(value / scale))
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn seconds(value: f64) -> String {
    scaled(value, "s")
}

pub(crate) fn joules(picojoules: f64) -> String {
    scaled(picojoules * 1e-12, "J")
}

pub(crate) fn watts(value: f64) -> String {
    scaled(value, "W")
}

/// Two ends, the unit told once where both have the same.
pub(crate) fn range(low: f64, high: f64, text: impl Fn(f64) -> String) -> String {
    joined(&text(low), &text(high), "–")
}

fn joined(one: &str, other: &str, by: &str) -> String {
    match (one.rsplit_once(' '), other.rsplit_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number}{by}{other}"),
        _ => format!("{one}{by}{other}"),
    }
}

/// Two parts of a sum, the unit told once where both have the same.
pub(crate) fn parts(one: f64, other: f64, text: impl Fn(f64) -> String) -> String {
    joined(&text(one), &text(other), " + ")
}

/// Powers of ten: 1 kB is 1000 bytes.
pub(crate) fn bytes(value: u64) -> String {
    if value < 1000 { format!("{value} B") } else { scaled(value as f64, "B") }
}

pub(crate) fn bytes_per_second(value: f64) -> String {
    scaled(value, "B/s")
}

/// A number of things, such as operations.
pub(crate) fn count(value: f64) -> String {
    scaled(value, "").trim_end().to_owned()
}

pub(crate) fn times(value: f64) -> String {
    match value.abs() {
        size if size >= 999.5 => format!("{}×", grouped_float(value)),
        _ => format!("{}×", three_digits(value)),
    }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Two significant digits and a power of ten, for errors.
pub(crate) fn small(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

pub(crate) fn plain(value: f64) -> String {
    three_digits(value)
}

/// A whole number with its thousands apart.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things, thousands apart: `1 read`, `2,049 reads`.
pub(crate) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(value), if value == 1 { one } else { many })
}

/// A whole number of three significant digits.
fn grouped_float(value: f64) -> String {
    let digits = format!("{value:.0}").trim_start_matches('-').len();
    let unit = 10_f64.powi(i32::try_from(digits).unwrap_or(3) - 3);
    let whole = format!("{:.0}", (value / unit).round() * unit);
    whole.parse().map_or(whole, grouped)
}

/// A name that may be long, cut to so many characters, the last of which says so.
pub(crate) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}

/// The text of a number that may not be defined.
pub(crate) fn or_dash(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_prefix() {
        assert_eq!(seconds(1.0), "1.00 s");
        assert_eq!(seconds(12.345e-6), "12.3 µs");
        assert_eq!(seconds(0.9996e-3), "1.00 ms");
        assert_eq!(joules(5.0), "5.00 pJ");
        assert_eq!(joules(1234.0), "1.23 nJ");
        assert_eq!(watts(8.3), "8.30 W");
        assert_eq!(bytes_per_second(512e9), "512 GB/s");
        assert_eq!(seconds(0.0), "0 s");
    }

    #[test]
    fn a_shared_unit_is_told_once() {
        assert_eq!(parts(4e5, 1e5, joules), "400 + 100 nJ");
        assert_eq!(range(1.0e6, 2.5e6, joules), "1.00–2.50 µJ");
        assert_eq!(range(1.0e5, 2.5e6, joules), "100 nJ–2.50 µJ");
    }

    #[test]
    fn bytes_below_a_thousand_are_whole() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.00 kB");
        assert_eq!(bytes(1_536_000), "1.54 MB");
    }

    #[test]
    fn ratios_and_shares() {
        assert_eq!(times(1.0), "1.00×");
        assert_eq!(times(162.4), "162×");
        assert_eq!(times(4059.0), "4,060×");
        assert_eq!(times(17_043.0), "17,000×");
        assert_eq!(times(999.6), "1,000×");
        assert_eq!(percent(0.059), "5.9 %");
        assert_eq!(small(0.000_123), "1.2e-4");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("cascade", 7), "cascade");
        assert_eq!(shortened("Kaskade-größer", 9), "Kaskade-…");
    }

    #[test]
    fn what_is_not_defined_is_a_dash() {
        assert_eq!(or_dash(None, percent), "-");
    }
}
