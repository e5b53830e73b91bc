//! Parameters of a machine for RTL.
