//! What must hold between the currents of a standard, so that no command costs less than nothing.
//!
//! A command is charged what it draws beyond the standby current that is paid anyway (Micron TN-40-07): a bank open, or, of
//! an activate and its precharge, open for `RAS` and closed for the rest of `RC`.

use super::{Standard, check::note_joined};
use crate::reader::Section;

/// Notes the currents that lie below the standby that they contain.
pub(super) fn check(standard: &Standard, root: &mut Section<'_, '_>) {
    let power = &standard.power;
    let mut above = |key, found: f64, standby, least: f64, why| {
        if found < least {
            let rule =
                format!("must be at least `{standby}`, which is {least}: {why} (found {found})");
            note_joined(root, ("power", key), &rule, &[("power", standby)]);
        }
    };
    let open = power.open_ma;
    above("open_ma", open, "precharged_ma", power.precharged_ma, "a bank that is open draws more");
    above("read_ma", power.read_ma, "open_ma", open, "a row is open to be read");
    above("write_ma", power.write_ma, "open_ma", open, "a row is open to be written");
    above("refresh_ma", power.refresh_ma, "open_ma", open, "a refresh opens rows");
    if standard.refreshes_banks() {
        above("refresh_bank_ma", power.refresh_bank_ma, "open_ma", open, "a refresh opens a row");
    }
    check_activate(standard, root);
}

fn check_activate(standard: &Standard, root: &mut Section<'_, '_>) {
    let (power, timing) = (&standard.power, &standard.timing);
    let cycle = f64::from(timing.row_cycle);
    let opened = power.open_ma * f64::from(timing.row_open);
    let closed = power.precharged_ma * f64::from(timing.row_cycle - timing.row_open);
    if power.activate_ma * cycle - opened - closed < 0.0 {
        let rule = format!(
            "must be at least what standby draws in its time, `open_ma` for `RAS` and `precharged_ma` for the rest of \
             `RC`, which is {}: a row is opened and closed besides (found {})",
            (opened + closed) / cycle,
            power.activate_ma
        );
        let others =
            [("power", "open_ma"), ("power", "precharged_ma"), ("timing", "RAS"), ("timing", "RC")];
        note_joined(root, ("power", "activate_ma"), &rule, &others);
    }
}
