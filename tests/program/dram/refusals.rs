//! What `tamis dram replay` refuses.

use super::*;

#[test]
fn a_junk_line_with_its_place() {
    replay("R 0x40\nhello\n", &[]).fails(4, &["standard input:2:1: ", "hexadecimal", "`hello`"]);
    replay("0x40 READ 12", &[]).fails(4, &["standard input:1:1: ", "`R ADDRESS`"]);
    replay("R -0x40", &[]).fails(4, &["standard input:1:3: ", "must not be negative"]);
    replay("R 0x20", &[]).fails(4, &["standard input:1:3: ", "multiple of 64", "0x20"]);
    replay("R 0x10", &["--request-bytes", "96"]).fails(4, &["multiple of 32"]);
    replay("R 0x21", &["--request-bytes", "1"]).succeeds();
    replay("0x1ffffffffffffffff", &[]).fails(4, &["standard input:1:1: ", "below 2^64"]);
    replay("0".repeat(1 << 20), &[]).fails(4, &["standard input:1:1: ", "more than 4096 bytes"]);
    replay([0xff, 0xfe, b'\n'], &[]).fails(4, &["standard input:1:1: ", "hexadecimal"]);
}

#[test]
fn a_trace_without_requests() {
    for trace in ["", "\n\n", "# nothing\n"] {
        replay(trace, &[]).fails(4, &["standard input: must hold at least one request"]);
    }
    replay(gzip(""), &[]).fails(4, &["must hold at least one request"]);
}

#[test]
fn a_compressed_trace_that_is_cut_short_or_broken() {
    let whole = gzip(&stream(5000));
    let cut = File::holding("cut.gz", &whole[..whole.len() / 2]);
    tamis(&["dram", "replay", &cut.path]).fails(4, &[&cut.path, "are cut short"]);
    let two = [whole.clone(), gzip(&stream(5000))].concat();
    replay(two.clone(), &[]).succeeds();
    let followed = File::holding("followed.gz", [two.as_slice(), b"junk"].concat());
    let place =
        format!("{}:10001: what follows the gzip data, from byte {}", followed.path, two.len() + 1);
    tamis(&["dram", "replay", &followed.path]).fails(4, &[&place]);
    let mut broken = whole;
    let end = broken.len() - 6;
    broken[end] ^= 1;
    replay(broken, &[]).fails(4, &["standard input:5001: ", "corrupt"]);
}

#[test]
fn a_trace_that_is_not_there_or_a_folder() {
    tamis(&["dram", "replay", "no-such.trace"]).fails(4, &["error: no-such.trace: "]);
    tamis(&["dram", "replay", ""]).fails(4, &["error: ``: "]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = path_of(folder.path());
    tamis(&["dram", "replay", &path]).fails(4, &[&path, "not a directory"]);
}

#[test]
fn a_number_that_is_out_of_range_is_a_wrong_command_line() {
    for (option, value, text) in [
        ("--queue", "0", "1..=512"),
        ("--queue", "513", "1..=512"),
        ("--channels", "0", "power of two, 1 to 64"),
        ("--channels", "3", "power of two, 1 to 64"),
        ("--channels", "128", "power of two, 1 to 64"),
        ("--request-bytes", "0", "1..=65536"),
        ("--refresh", "weekly", "per-bank"),
        ("--inject", "sideways", "perchan"),
        ("--page", "ajar", "timeout"),
    ] {
        replay("0x0", &[option, value]).fails(2, &[option, value, text]);
    }
}

#[test]
fn an_option_that_changes_nothing_is_a_wrong_command_line() {
    for (option, needs, chosen) in [
        ("--hit-cap", ["--scheduler", "fr-fcfs-cap"], "fr-fcfs"),
        ("--page-timeout", ["--page", "timeout"], "open"),
    ] {
        let texts = [option, &needs.join(" "), &format!("with {chosen} it changes nothing")];
        replay("0x0", &[option, "4"]).fails(2, &texts);
        replay("0x0", &[option, "4", needs[0], chosen]).fails(2, &texts);
        replay("0x0", &[option, "4", needs[0], needs[1]]).succeeds();
        replay("0x0", &needs).succeeds();
    }
    replay("0x0", &["--hit-cap", "4", "--scheduler", "fcfs"]).fails(2, &["with fcfs"]);
    replay("0x0", &["--page-timeout", "4", "--page", "closed"]).fails(2, &["with closed"]);
}

#[test]
fn a_mapping_that_is_none() {
    for (mapping, text) in [
        ("row bank group pseudo column", "leaves out bit 0 of channel"),
        ("row bank group pseudo column channel[0]", "leaves out bit 1 of channel"),
        ("row bank group pseudo column column[0] channel", "uses bit 0 of column twice"),
        ("row bank^column[0] group pseudo column channel", "same width"),
        ("", "leaves out bit 0 of row"),
    ] {
        let more = ["--channels", "4", "--mapping", mapping];
        replay("0x0", &more).fails(4, &[&format!("--mapping `{mapping}`: "), text]);
    }
    // What is wrong for every memory is a fault of the command line.
    for (mapping, text) in [
        ("row bank group pseudo column lane", "`lane` is not a field"),
        ("row bank group pseudo column[0:4] channel", "`column[0:4]` is a reversed range"),
    ] {
        replay("0x0", &["--mapping", mapping]).fails(2, &["--mapping", text]);
    }
}
