//! Commands of the program and the files that they write.

pub mod commands;
mod csv_files;
mod demo;
mod output_files;
mod private_files;
mod reports;
mod serve;
