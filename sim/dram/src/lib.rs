//! The DRAM model: event-driven and cycle-exact. A library of its own.
