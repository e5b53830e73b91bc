//! Each constraint, two-sided.

use tamis_arch::dram::{Constraint, Controller, Level, PagePolicy, Refresh, STANDARDS, Target};

use super::{
    rules::{issues, sizes},
    *,
};

fn memory(standard: &str, refresh: Refresh) -> Dram {
    let controller = Controller { refresh, ..Controller::usual() };
    Dram::new(standard, 1, "RoBaRaCoCh", controller).expect("a memory")
}

/// The same memory with one constraint.
fn with_one(dram: &Dram, rule: &Constraint) -> Timing {
    let mut dram = dram.clone();
    dram.standard.constraints = vec![rule.clone()];
    Timing::new(&dram)
}

/// A bank that shares the node of a level with bank 0 and none below it, and one that does not share it.
fn partners(dram: &Dram, level: Level) -> (usize, Option<usize>) {
    let [channel, pseudo, group, bank] = sizes(&dram.standard);
    let (inside, outside) = match level {
        Level::Channel => (channel / 2, channel),
        Level::PseudoChannel => (group, pseudo),
        Level::BankGroup => (bank, group),
        Level::Bank => (0, bank),
    };
    (inside, (outside < channel).then_some(outside))
}

#[test]
fn each_constraint_of_each_standard_holds_to_the_tick() {
    for (standard, _) in STANDARDS {
        let mut checked = 0;
        for refresh in [Refresh::AllBank, Refresh::PerBank] {
            // With auto-precharge, so that its constraints are looked at too.
            let page = PagePolicy::Closed;
            let controller = Controller { refresh, page, ..Controller::usual() };
            let Ok(dram) = Dram::new(standard, 1, "RoBaRaCoCh", controller) else { continue };
            for rule in &dram.standard.constraints {
                let counts = dram.standard.spacing(rule) > 0;
                if counts && issues(&dram, rule.from) && issues(&dram, rule.to) {
                    holds_to_the_tick(&dram, rule);
                    checked += 1;
                }
            }
        }
        assert!(checked > 28, "only {checked} constraints of {standard} were looked at");
    }
}

fn holds_to_the_tick(dram: &Dram, rule: &Constraint) {
    let mut timing = with_one(dram, rule);
    let (mut inside, outside) = partners(dram, rule.level);
    if rule.to.target() == Target::Pseudo {
        inside = 0;
    }
    // The first of as many commands as the window has: it counts from there.
    let first = 1000;
    for issued in (first..).take(usize::try_from(rule.window).expect("it is small")) {
        assert!(is_legal(&mut timing, rule.to, inside, issued), "{rule:?}");
        timing.record(rule.from, 0, issued);
    }
    let legal = first + u64::from(dram.standard.spacing(rule));
    assert!(!is_legal(&mut timing, rule.to, inside, legal - 1), "{rule:?}");
    assert!(is_legal(&mut timing, rule.to, inside, legal), "{rule:?}");
    assert_eq!(timing.ready(rule.to, inside), legal, "{rule:?}");
    let now = first + u64::from(rule.window) - 1;
    if let Some(outside) = outside {
        assert!(is_legal(&mut timing, rule.to, outside, now), "{rule:?}");
    }
}

/// As the column slots search, and, of row commands, as the row slots do: the bank's own constraints, and those of
/// its group.
fn is_legal(timing: &mut Timing, command: Command, bank: usize, now: u64) -> bool {
    let mut ages = [Age::NONE; MOST_BANKS];
    ages[bank] = Age::new(1, 0);
    timing.come_to(now);
    let legal = timing.oldest(command, 1 << bank, &ages).0 == ages[bank];
    let of_rows = match command {
        Command::Activate => Some(timing.oldest_row(1 << bank, 0, &ages)),
        Command::Precharge => Some(timing.oldest_row(0, 1 << bank, &ages)),
        _ => None,
    };
    if let Some((age, _)) = of_rows {
        let alone = timing.ready_alone(command, bank) <= now;
        assert_eq!(legal, age == ages[bank] && alone);
    }
    legal
}

#[test]
fn an_activate_of_two_clocks_moves_what_comes_after_it() {
    let dram = memory("hbm2", Refresh::None);
    let spacing = |from, to| {
        let mut rules = dram.standard.constraints.iter();
        let rule = rules.find(|rule| (rule.from, rule.to) == (from, to));
        dram.standard.spacing(rule.expect("there is such a rule"))
    };
    assert_eq!(spacing(Command::Activate, Command::Read), 14 + 1);
    assert_eq!(spacing(Command::Precharge, Command::Activate), 14 - 1);
}

#[test]
fn what_was_set_before_the_epoch_moves_still_holds_after() {
    let dram = memory("hbm2", Refresh::None);
    let mut timing = Timing::new(&dram);
    let now = EPOCH;
    for issued in [now - 8, now - 4, now] {
        timing.come_to(issued);
        timing.record(Command::Activate, 0, issued);
    }
    timing.come_to(now + 1);
    assert_eq!(timing.epoch, now + 1);
    assert_eq!(timing.ready(Command::Read, 0), now + 15);
    // The fourth activate closes the window that began before the epoch moved.
    timing.record(Command::Activate, 4, now + 4);
    assert_eq!(timing.ready(Command::Activate, 8), (now + 4 + 4).max(now - 8 + 15));
    assert_eq!(timing.ready(Command::Activate, 16), timing.epoch);
}

#[test]
fn an_idle_age_leaves_nothing_to_wait_for() {
    let dram = memory("hbm2", Refresh::None);
    let mut timing = Timing::new(&dram);
    timing.record(Command::Activate, 0, 1);
    timing.come_to(1 << 39);
    for bank in 0..32 {
        assert!(is_legal(&mut timing, Command::Activate, bank, 1 << 39));
    }
}
