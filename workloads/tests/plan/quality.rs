//! Quality, worked out from a plan in f64.

use tamis_workloads::{
    plan::Task,
    planner::Phases,
    quality::Quality,
    reference::attend,
    trace::{BUNDLED, Layer, Shape},
};

use crate::{
    build::{cascade, plan},
    oracle::{dot, narrow, quantise, softmax},
};

/// Squares of a layer's error and outputs, and the mass of the kept keys, against f64 attention.
fn judge(shape: &Shape, layer: &Layer, tasks: &[&Task]) -> (f64, f64, f64) {
    let prompt = shape.prompt_len.unwrap_or(shape.seq_len);
    let mut sums = (0.0, 0.0, 0.0);
    for task in tasks {
        let k = quantise(&layer.k, task.kv_head, prompt, 12);
        let v = quantise(&layer.v, task.kv_head, prompt, 12);
        for row in &task.rows {
            let q = quantise(&layer.q, row.head, prompt, 12);
            let exact = attend(shape, task.layer, layer, row.head, row.token);
            let keys = &task.tokens[row.visible.start as usize..row.visible.end as usize];
            let query = &q.vectors[row.token as usize];
            let floor =
                |value: f64| if row.refetch { value } else { (value / 16.0).floor() * 16.0 + 8.0 };
            let key = |&key: &u32| dot(query, k.vectors[key as usize].iter().map(|&k| floor(k)));
            let scores: Vec<f64> = keys.iter().map(key).collect();
            let mass = softmax(&scores, shape.scale * q.scale * k.scale);
            let kept: Vec<usize> = (0..keys.len())
                .filter(|&place| row.kept.contains(row.visible.start + narrow(place)))
                .collect();
            let first = shape.visible(task.layer, row.token).start;
            for dim in 0..shape.head_dim as usize {
                let value = |&place: &usize| mass[place] * v.vectors[keys[place] as usize][dim];
                let output = kept.iter().map(value).sum::<f64>() * v.scale;
                sums.0 += (output - exact.output[dim]).powi(2);
                sums.1 += exact.output[dim].powi(2);
            }
            let seen =
                kept.iter().map(|&place| exact.probabilities[(keys[place] - first) as usize]);
            sums.2 += seen.sum::<f64>();
        }
    }
    sums
}

#[test]
fn quality_is_what_f64_attention_says() {
    for trace in BUNDLED {
        let source = trace.open().unwrap();
        let (tasks, Quality { layers, .. }) = plan(&source, &cascade(""), Phases::Prefill);
        for quality in layers.iter().step_by(5) {
            let of_layer: Vec<&Task> =
                tasks.iter().filter(|task| task.layer == quality.layer).collect();
            let layer = source.layer(quality.layer).unwrap();
            let (error, dense, mass) = judge(source.shape(), &layer, &of_layer);
            let (wanted, found) = ((error / dense).sqrt(), quality.relative_error().unwrap());
            assert!((found - wanted).abs() < 1e-3 + wanted / 50.0, "{found} for {wanted}");
            let wanted = mass / quality.live_rows as f64;
            let found = quality.mass_kept().unwrap();
            assert!((found - wanted).abs() < 1e-5, "{found} for {wanted}");
            let refetched = of_layer.iter().flat_map(|task| &task.rows).filter(|row| row.refetch);
            assert_eq!(refetched.count() as u64, quality.refetched_rows);
        }
    }
}
