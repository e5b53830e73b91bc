//! The list of parameters: every number of the machine file, and what follows from it.

use tamis_arch::{
    Accelerator,
    accelerator::HEAD_DIMS,
    dram::Field,
    graph::LinkSpec,
    reader::{self, Kind, Written},
    units::Bits,
};

use crate::address::field_bits;

/// A number with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in capitals, without the prefix of the language.
    pub name: String,
    /// What it is; one line.
    pub doc: String,
    /// The number. Flags are 0 and 1, choices their place in the list of names.
    pub value: u64,
}

/// The list for a machine, in the order in which it is written. No name occurs twice.
#[must_use]
pub fn parameters(machine: &Accelerator) -> Vec<Parameter> {
    let mut list = List(Vec::new());
    list.machine_file(machine);
    list.dram(machine);
    list.sizes(machine);
    list.lines(machine);
    list.links(machine);
    list.address_map(machine);
    list.0
}

struct List(Vec<Parameter>);

impl List {
    fn add(&mut self, name: impl AsRef<str>, doc: impl Into<String>, value: impl Into<u64>) {
        let name = name.as_ref().to_ascii_uppercase().replace('-', "_");
        self.0.push(Parameter { name, doc: doc.into(), value: value.into() });
    }

    /// Every number, flag and choice of the machine file, as `SECTION_KEY`.
    fn machine_file(&mut self, machine: &Accelerator) {
        for section in machine.values() {
            for (field, value) in section.values {
                let name = format!("{}_{}", section.name, field.name);
                let unit = if field.unit.is_empty() {
                    String::new()
                } else {
                    format!(" [{}]", field.unit)
                };
                let doc = format!("{}{unit}", field.doc);
                match value {
                    Written::Integer(integer) => self.add(name, doc, integer.unsigned_abs()),
                    Written::Boolean(flag) => self.add(name, doc, flag),
                    Written::String(chosen) => self.choice(&name, &doc, &chosen, &field.kind),
                    // Names of tables and standards are not numbers.
                    _ => {}
                }
            }
        }
    }

    /// A choice is the place of its name in the list, and each name has its place.
    fn choice(&mut self, name: &str, doc: &str, chosen: &str, kind: &Kind) {
        let Kind::Choice(names) = kind else { return };
        let place = names.iter().position(|named| named.name == chosen);
        let place = place.expect("a machine has one of the names, as checked");
        self.add(name, doc, place as u64);
        let of = name.to_ascii_uppercase();
        for (place, reader::Named { name: option, meaning }) in (0_u64..).zip(*names) {
            self.add(format!("{name}_IS_{option}"), format!("Value of {of}: {meaning}"), place);
        }
    }

    fn dram(&mut self, machine: &Accelerator) {
        let dram = &machine.dram;
        let organisation = &dram.standard.organisation;
        self.add("DRAM_CLOCK_MHZ", "Command clock. [MHz]", dram.clock.0.get());
        self.add("DRAM_TRANSACTION_BYTES", "What one access moves. [bytes]", dram.transaction.0);
        for (name, doc, count) in [
            (
                "PSEUDO_CHANNELS",
                "Pseudo-channels (or ranks) of a channel.",
                organisation.pseudo_channels,
            ),
            ("BANK_GROUPS", "Bank groups of a pseudo-channel.", organisation.bank_groups),
            ("BANKS", "Banks of a bank group.", organisation.banks),
            ("ROWS", "Rows of a bank.", organisation.rows),
            ("COLUMNS", "Transactions of a row.", organisation.columns),
        ] {
            self.add(format!("DRAM_{name}"), doc, count);
        }
    }

    /// Widths and sizes that follow from the parameters.
    fn sizes(&mut self, machine: &Accelerator) {
        let bits = |array: u32, width: Bits| u64::from(array) * u64::from(width.0);
        let operand = machine.formats.operand;
        self.add("SCORE_BITS", "Width of a score that cannot wrap, signed.", machine.score_bits());
        self.add(
            "OUTPUT_ACCUMULATOR_BITS",
            "Width of a PV accumulator that cannot wrap, signed.",
            machine.output_accumulator_bits(),
        );
        for (buffer, lines, array) in [
            ("KEY", machine.key_lines(), machine.qk_array.multipliers),
            ("VALUE", machine.value_lines(), machine.pv_array.multipliers),
        ] {
            self.add(format!("{buffer}_BUFFER_LINES"), "Lines of the buffer.", lines);
            self.add(
                format!("{buffer}_BUFFER_LINE_BITS"),
                "Width of a line.",
                bits(array, operand),
            );
            self.add(
                format!("{buffer}_BUFFER_ADDRESS_BITS"),
                "Width of a line's number.",
                width_of(lines),
            );
        }
        let tokens = width_of(machine.importance.tokens.into());
        self.add("TOKEN_BITS", "Width of a token's place in the importance memory.", tokens);
        let lanes = width_of(machine.fetcher.lanes.into());
        self.add("FETCHER_LANE_BITS", "Width of a fetch lane's number.", lanes);
        let entries = width_of(machine.reorder.entries.into());
        self.add("REORDER_SLOT_BITS", "Width of a reorder slot's number.", entries);
    }

    /// What a line holds, for each head dimension that the arrays support.
    fn lines(&mut self, machine: &Accelerator) {
        for head_dim in head_dims() {
            let per_line = [machine.keys_per_line(head_dim), machine.values_per_line(head_dim)];
            let [Ok(keys), Ok(values)] = per_line else { continue };
            self.add(
                format!("KEYS_PER_LINE_D{head_dim}"),
                format!("Keys of a line, head_dim {head_dim}."),
                keys,
            );
            self.add(
                format!("VALUES_PER_LINE_D{head_dim}"),
                format!("Values of a line, head_dim {head_dim}."),
                values,
            );
        }
    }

    /// Latency and depth of every link. Those of the arrays' pipelines depend on the head dimension.
    fn links(&mut self, machine: &Accelerator) {
        let supported =
            head_dims().filter_map(|head_dim| Some((head_dim, machine.links(head_dim).ok()?)));
        let supported = supported.collect::<Vec<_>>();
        let Some((_, first)) = supported.first() else { return };
        for (place, link) in first.iter().enumerate() {
            if supported.iter().all(|(_, links)| links[place] == *link) {
                self.link(link, "");
            } else {
                for (head_dim, links) in &supported {
                    self.link(&links[place], &format!("_D{head_dim}"));
                }
            }
        }
    }

    fn link(&mut self, link: &LinkSpec, suffix: &str) {
        let LinkSpec { name, from, to, latency, depth, .. } = link;
        let way = format!("of the link {name} from {from} to {to}");
        self.add(
            format!("LINK_{name}_LATENCY{suffix}"),
            format!("Latency {way}. [cycles]"),
            latency.0,
        );
        self.add(format!("LINK_{name}_DEPTH{suffix}"), format!("Slots {way}."), *depth);
    }

    /// For each bit of a location in DRAM, the address bits whose parity it is.
    fn address_map(&mut self, machine: &Accelerator) {
        let bits = field_bits(&machine.dram.mapping);
        for field in Field::ALL {
            let name = field.name();
            let of_field = bits.iter().filter(|bit| bit.field == field).collect::<Vec<_>>();
            self.add(
                format!("ADDRESS_{name}_BITS"),
                format!("Width of the {name} of an address."),
                of_field.len() as u64,
            );
            for bit in of_field {
                let place = bit.bit;
                let doc = format!("Address bits whose parity is bit {place} of the {name}.");
                self.add(format!("ADDRESS_{name}{place}_MASK"), doc, bit.mask);
            }
        }
        self.add("ADDRESS_BITS", "Width of an address.", address_bits(machine, bits.len() as u64));
    }
}

fn address_bits(machine: &Accelerator, field_bits: u64) -> u64 {
    u64::from(machine.dram.transaction.0.trailing_zeros()) + field_bits
}

/// Powers of two that a head may have as dimensions.
fn head_dims() -> impl Iterator<Item = u32> {
    HEAD_DIMS.filter(|head_dim| head_dim.is_power_of_two())
}

/// Bits that number `count` things; at least 1.
fn width_of(count: u64) -> u64 {
    u64::from(count.next_power_of_two().trailing_zeros()).max(1)
}
