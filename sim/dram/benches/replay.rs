//! Requests of 64 bytes a second, on one core: a stream and random addresses, over 16 channels, shallow and
//! deep queues.

#[path = "../tests/common/mod.rs"]
mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tamis_arch::dram::{Controller, Dram};
use tamis_dram::{Injection, replay};

fn replays(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    for (trace, mapping) in [
        ("seq4M", "RoBaRaCoCh"),
        ("seq4M", "tamis"),
        ("rand64k", "RoBaRaCoCh"),
        ("rand64k", "tamis"),
    ] {
        let accesses = common::trace(trace);
        group.throughput(Throughput::Elements(accesses.len() as u64));
        for depth in [32, 512] {
            let controller =
                Controller { read_queue: depth, write_queue: depth, ..Controller::usual() };
            let dram = Dram::new("hbm2", 16, mapping, controller).expect("a memory");
            let name = BenchmarkId::new(format!("{trace} {mapping}"), depth);
            group.bench_function(name, |bencher| {
                bencher
                    .iter(|| replay(&dram, accesses.iter().copied(), 64, Injection::InOrder).end);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, replays);
criterion_main!(benches);
