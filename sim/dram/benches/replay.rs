//! Requests of 64 bytes a second, on one core: a stream, random addresses, and the quarter of a stream that pruning
//! leaves, over 16 channels. A line is `trace/mapping/depth of the queues`, so the two depths of a trace stand together:
//! what a request costs should not depend on it.

#[path = "../tests/common/mod.rs"]
mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayon::ThreadPoolBuilder;
use tamis_arch::dram::{Controller, Dram};
use tamis_dram::{Injection, replay};

fn replays(criterion: &mut Criterion) {
    let one_core = ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    for trace in ["seq4M", "rand64k", "prune25"] {
        let mut group = criterion.benchmark_group(trace);
        let accesses = common::trace(trace);
        group.throughput(Throughput::Elements(accesses.len() as u64));
        for (mapping, depth) in
            [("RoBaRaCoCh", 32), ("RoBaRaCoCh", 512), ("tamis", 32), ("tamis", 512)]
        {
            let controller =
                Controller { read_queue: depth, write_queue: depth, ..Controller::usual() };
            let dram = Dram::new("hbm2", 16, mapping, controller).expect("a memory");
            group.bench_function(BenchmarkId::new(mapping, depth), |bencher| {
                let requests = || accesses.iter().copied();
                bencher.iter(|| {
                    one_core.install(|| replay(&dram, requests(), 64, Injection::InOrder).end)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, replays);
criterion_main!(benches);
