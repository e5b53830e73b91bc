//! `tamis`: simulate sparse-attention accelerators.

fn main() {}
