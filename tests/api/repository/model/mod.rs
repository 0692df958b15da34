//! Comparisons of the register with an independent model in Python.

mod random_flows;
mod year;
