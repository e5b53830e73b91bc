//! One list of parameters, four languages. A number that does not fit 31 bits is written with its
//! width, where the language would take it for a signed number of 32.

mod c;
mod json;
mod systemverilog;
mod verilog;

pub(crate) use self::{
    c::c_header, json::json, systemverilog::systemverilog_package, verilog::verilog_header,
};

use tamis_arch::Accelerator;

/// What stands at the top of each file: the machine, its digest, and how the file was made. In
/// ASCII, on lines of its own, whatever the machine is called.
///
/// `source` is what the command takes for the machine: a preset's name, or a file's.
pub(crate) fn banner(machine: &Accelerator, source: &str) -> [String; 3] {
    let (name, source) = (machine.name.escape_default(), source.escape_default());
    [
        format!("Machine `{name}`, digest {}.", machine.digest()),
        format!("Written by `tamis rtl emit --arch {source} -o DIR`."),
        "Do not edit: change the machine, and emit again.".into(),
    ]
}

/// The banner as comments of the languages that begin one with two slashes.
fn banner_comment(machine: &Accelerator, source: &str) -> String {
    banner(machine, source).iter().map(|line| format!("// {line}\n")).collect()
}

/// Whether a number fits the signed 32 bits that these languages give a plain one.
fn is_plain(value: u64) -> bool {
    i32::try_from(value).is_ok()
}
