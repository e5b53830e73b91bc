//! Rules that join parameters: each fault shows every place that takes part in it.

use super::Draft;
use crate::{
    blocks::{Array, Formats, KvBuffer, Technology},
    energy::EnergyTable,
    fault::Faults,
    reader::Document,
    text::counted,
    units::Bits,
};

/// A rule that the parameters named break together.
struct Conflict {
    message: String,
    parameters: Vec<String>,
}

/// Notes each joint rule that is broken by what could be read.
pub(super) fn note_conflicts(draft: &Draft, document: &Document, faults: &mut Faults) {
    for conflict in conflicts(draft) {
        let places = conflict.parameters.iter().map(|parameter| document.place(parameter));
        faults.note(conflict.message, places.collect::<Vec<_>>());
    }
}

fn conflicts(draft: &Draft) -> Vec<Conflict> {
    [
        buffer(draft.key_buffer.as_ref(), draft.qk_array.as_ref(), draft, "key_buffer", "qk_array"),
        buffer(
            draft.value_buffer.as_ref(),
            draft.pv_array.as_ref(),
            draft,
            "value_buffer",
            "pv_array",
        ),
        rows(draft),
        selection(draft),
        regions(draft),
        table(draft),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Bytes of a buffer line: one operand for each multiplier. Whole, as arrays have at least 16.
pub(super) fn line_bytes(multipliers: u32, operand: Bits) -> u64 {
    operand.times(u64::from(multipliers)).0
}

/// A buffer holds an even number of whole lines.
fn buffer(
    buffer: Option<&KvBuffer>,
    array: Option<&Array>,
    draft: &Draft,
    buffer_name: &str,
    array_name: &str,
) -> Vec<Conflict> {
    let (Some(buffer), Some(array), Some(Formats { operand, .. })) =
        (buffer, array, draft.formats.as_ref())
    else {
        return Vec::new();
    };
    let capacity = format!("{buffer_name}.capacity_bytes");
    let line = line_bytes(array.multipliers, *operand);
    if buffer.capacity.0.is_multiple_of(2 * line) {
        return Vec::new();
    }
    vec![Conflict {
        message: format!(
            "`{capacity}` must be an even number of whole lines: a task may hold half of them \
             (found {}; a line of {} operands of {} bits is {line} bytes)",
            buffer.capacity.0, array.multipliers, operand.0
        ),
        parameters: vec![
            capacity,
            format!("{array_name}.multipliers"),
            "formats.operand_bits".into(),
        ],
    }]
}

/// Whoever stores a row can store the longest one.
fn rows(draft: &Draft) -> Vec<Conflict> {
    let (Some(softmax), Some(importance)) = (&draft.softmax, &draft.importance) else {
        return Vec::new();
    };
    let needed = importance.tokens.div_ceil(softmax.lanes);
    let refetch = draft.refetch.as_ref().map(|refetch| refetch.buffer_lines);
    let buffers = [
        ("softmax.row_buffer_lines", Some(softmax.row_buffer_lines)),
        ("refetch.buffer_lines", refetch),
    ];
    let short = buffers.into_iter().filter_map(|(name, lines)| Some((name, lines?)));
    let short = short.filter(|(_, lines)| *lines < needed);
    let conflict = |(name, lines): (&str, u32)| Conflict {
        message: format!(
            "`{name}` must hold at least one row: {} for {} in {} (found {lines})",
            counted(needed, "line", "lines"),
            counted(importance.tokens, "token", "tokens"),
            counted(softmax.lanes, "lane", "lanes")
        ),
        parameters: vec![name.into(), "importance.tokens".into(), "softmax.lanes".into()],
    };
    short.map(conflict).collect()
}

/// The top-k engine holds every key that it may have to choose from.
fn selection(draft: &Draft) -> Vec<Conflict> {
    let (Some(topk), Some(importance)) = (&draft.topk, &draft.importance) else {
        return Vec::new();
    };
    if topk.entries >= importance.tokens {
        return Vec::new();
    }
    vec![Conflict {
        message: format!(
            "`topk.entries` must be at least `importance.tokens`: a selection chooses from every \
             token (found {} for {})",
            topk.entries,
            counted(importance.tokens, "token", "tokens")
        ),
        parameters: vec!["topk.entries".into(), "importance.tokens".into()],
    }]
}

/// Regions start at a transaction.
fn regions(draft: &Draft) -> Vec<Conflict> {
    let (Some(layout), Some(dram)) = (&draft.layout, &draft.dram) else { return Vec::new() };
    if layout.region_alignment.0.is_multiple_of(dram.transaction.0) {
        return Vec::new();
    }
    vec![Conflict {
        message: format!(
            "`layout.region_alignment_bytes` must be a multiple of the DRAM's transaction of {} \
             bytes (found {})",
            dram.transaction.0, layout.region_alignment.0
        ),
        parameters: vec!["layout.region_alignment_bytes".into(), "dram.standard".into()],
    }]
}

/// The events of a run can be priced.
fn table(draft: &Draft) -> Vec<Conflict> {
    let Some(Technology { table }) = &draft.technology else { return Vec::new() };
    match EnergyTable::named(table) {
        Ok(_) => Vec::new(),
        Err(error) => vec![Conflict {
            message: format!("`technology.table` must be the name of an energy table: {error}"),
            parameters: vec!["technology.table".into()],
        }],
    }
}
