//! `docs/reference/dram-references.md` has a line for every row.

use std::{env, fs, path::Path};

use crate::{
    dramsim3, ramulator,
    row::{Class, Compared, percent},
};

const HEADER: &str = "\
# The DRAM beside two public simulators

<!-- Made by `TAMIS_UPDATE=1 cargo test -p tamis-dram --test references`. -->

Cycles from an empty system until the last data return, HBM2 at 2.0 Gb/s, a cycle of 1 ns, for the same requests of 64 bytes;
a difference above 0 says that we end later. The traces, and where the numbers come from, are in
`tests/reference/dram/README.md` of the repository; the test `sim/dram/tests/references` holds this page up to date.
";

const WORST: &str = "
| reference | traffic | rows | worst difference | allowed |
| --- | --- | --- | --- | --- |
";

const RAMULATOR: &str = "
## Ramulator 2.1

Commit c5b1c3a, presets `HBM2_4Gb` and `HBM2_2000Mbps`; ours is `hbm2` with the same channels, mapping, refresh and queues (32
deep where none is named). Reads end in the same cycle in every row. Mixes (`_w3`, one write in three) that end with a write end 7
cycles later here: it is done when its last beat was on the bus, there when its command has issued, and the difference is CWL + BL. In one mix
(16 channels, RoBaRaCoCh, no refresh, rand64k_w3) a read comes for a write whose row has just been opened: we answer from the write, Ramulator no
longer knows of it and reads the DRAM 160 cycles later, and what follows goes another way.
";

const DRAMSIM3: &str = "
## DRAMsim3

Commit 2981759 with the numbers of our `hbm2` and a controller for each pseudo-channel; ours is
`tests/reference/dram/hbm2-dramsim3.toml` (an activate is a command of one clock) with split command buses and queues of 512. There
a transaction waits in a queue of its pseudo-channel, then in one of its bank; `trans_q` and `cmd_q` are their depths. What is
not in the table above is shown, not judged:

- `str16` (16 streams in one bank) is a matter of how far a controller looks ahead: there the 32 or 64 transactions that wait
  for the bank, here all 512 entries.
- `rand64k` is held by tRRD, 4 cycles for each activate, and the activates differ: 65,474 there and 69,095 here without refresh.
  As in Ramulator a request may close a row that others still wait for; DRAMsim3 lets it wait until four were served.
- Mixes: DRAMsim3 drains a full buffer of 32 writes, we drain from 80 % of 512 down to 20 %, so the data bus turns less
  often here; and a write counts as done there when it is accepted.

The 2 % of `prune25`, which is judged, are which bank goes first: DRAMsim3 asks its banks in turn, we take the oldest request. With
that rule changed in it (and a cycle's second command taken from the other kind) it needs 131,603 cycles without refresh, 0.07 % from ours.
";

const COLUMNS: &str = "
| channels | mapping | refresh | queues | injection | trace | cycles there | ours | difference |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

#[test]
fn the_page_of_references_is_up_to_date() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/dram-references.md");
    let page = page();
    if env::var_os("TAMIS_UPDATE").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/reference/dram-references.md is stale; write it anew with\n\
         TAMIS_UPDATE=1 cargo test -p tamis-dram --test references"
    );
}

fn page() -> String {
    let mut page = HEADER.to_owned();
    page += WORST;
    for class in Class::ALL {
        let judged = |one: &'static Compared| Some((one, ramulator::tolerance(&one.row)));
        page += &worst("Ramulator 2.1", class, ramulator::COMPARED.iter().filter_map(judged));
    }
    for class in [Class::Stream, Class::Gather] {
        let judged = |one: &'static Compared| Some((one, dramsim3::tolerance(&one.row)?));
        page += &worst("DRAMsim3", class, dramsim3::COMPARED.iter().filter_map(judged));
    }
    for (text, rows) in [(RAMULATOR, &*ramulator::COMPARED), (DRAMSIM3, &*dramsim3::COMPARED)] {
        page += text;
        page += COLUMNS;
        rows.iter().for_each(|row| page += &format!("{row}\n"));
    }
    page
}

/// The line of a class: of the rows that are judged, each with what is allowed, the one that is furthest off.
fn worst<'a>(
    reference: &str,
    class: Class,
    judged: impl Iterator<Item = (&'a Compared, f64)>,
) -> String {
    let rows = judged.filter(|(one, _)| one.row.class() == class).collect::<Vec<_>>();
    let off = |&(one, _): &(&Compared, f64)| one.percent().abs();
    let (one, allowed) = rows
        .iter()
        .copied()
        .max_by(|one, other| off(one).total_cmp(&off(other)))
        .expect("each class has rows");
    let (traffic, rows, worst) = (class.traffic(), rows.len(), percent(one.percent()));
    format!("| {reference} | {traffic} | {rows} | {worst} ({}) | {allowed} % |\n", one.row.trace)
}
