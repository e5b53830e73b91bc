//! Request traces by formula, and the reference results that were measured with them.

use tamis_dram::{Access, Kind};

/// The generator of Steele, Lea and Flood (2014).
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

const REQUESTS: u64 = 65_536;

/// A trace of `tests/reference/dram/README.md` by name.
pub(crate) fn trace(name: &str) -> Vec<Access> {
    if let Some(plain) = name.strip_suffix("_w3") {
        let mut accesses = trace(plain);
        accesses.iter_mut().skip(2).step_by(3).for_each(|access| access.kind = Kind::Write);
        return accesses;
    }
    addresses(name).into_iter().map(|address| Access { address, kind: Kind::Read }).collect()
}

fn addresses(name: &str) -> Vec<u64> {
    let mut random = SplitMix64(1);
    match name {
        "one" => vec![0],
        "hit2" => vec![0, 64],
        "conf2" => vec![0, 1 << 24],
        "seq4M" => (0..REQUESTS).map(|i| 64 * i).collect(),
        "seq1M" => (0..1 << 20).map(|i| 64 * i).collect(),
        "rand64k" => (0..REQUESTS).map(|_| 64 * (random.next() % (1 << 22))).collect(),
        "rand1M" => (0..1 << 20).map(|_| 64 * (random.next() % (1 << 22))).collect(),
        "str16" => streams(1 << 24),
        "str16s" => streams((1 << 24) + 9216),
        "prune25" => (0..)
            .filter(|_| random.next() >> 62 == 0)
            .map(|block: u64| 64 * block)
            .take(65_536)
            .collect(),
        _ => panic!("no trace is called {name}"),
    }
}

fn streams(base: u64) -> Vec<u64> {
    (0..REQUESTS / 16).flat_map(|i| (0..16).map(move |t| base * t + 64 * i)).collect()
}
