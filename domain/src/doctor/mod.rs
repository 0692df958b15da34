//! The diagnosis of a running register: what an operator has to look after. Each check is a
//! function of facts, which the caller collects.

mod database;
mod diagnosis;
mod keys;
mod machine;
mod replicas;
mod runs;

pub use self::{
    database::{clock, connection, network, reachable, schema, settings, version},
    diagnosis::{Check, Diagnosis, Status, Subject},
    keys::{
        KeyAge, TrailKeyFacts, TrailKeyState, issuer, timestamp_service, token_keys, trail_key,
    },
    machine::{Disk, FileKind, OpenFiles, PrivateFile, disk, file_modes, open_files, time_sync},
    replicas::read_replicas,
    runs::{backup, checkpoint, verify},
};
