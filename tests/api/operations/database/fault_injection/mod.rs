//! Writing while disks fill, files vanish, limits bite and connections break: every change that was
//! answered is in the register afterwards.

pub mod cluster;
mod load;
mod postgres;
mod proxy;
mod sqlite;
mod volume;

/// Number of concurrent writers.
const WRITERS: usize = 16;
