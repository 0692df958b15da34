//! Commands of the program and the files that they write.

pub mod commands;
mod config;
mod csv_files;
mod demo;
mod doctor;
mod output_files;
mod private_files;
mod readme;
mod reports;
mod serve;
