//! Files that a cell refers to: texts of templates and documents of invoices.

use std::{
    fs,
    io::ErrorKind,
    path::{Component, Path},
};

use crate::files;

/// Reads the file with this name below the folder, of at most `most_mib` MiB.
///
/// # Errors
/// The reason for which it can't be read.
pub(super) fn read(folder: &Path, name: &str, most_mib: u64) -> Result<Vec<u8>, String> {
    let name = Path::new(name);
    let mut path = folder.to_path_buf();
    for part in name.components() {
        let Component::Normal(part) = part else {
            return Err(
                "must name a file below the folder, without .. and without a leading /".to_owned()
            );
        };
        path.push(part);
        let found = fs::symlink_metadata(&path)
            .map_err(|_| format!("there is no file {}", name.display()))?;
        if found.is_symlink() {
            return Err("must not lead through a symbolic link".to_owned());
        }
    }
    files::read(&path, most_mib << 20).map_err(|cause| match cause.kind() {
        ErrorKind::InvalidInput => format!("there is no file {}", name.display()),
        ErrorKind::FileTooLarge => format!("is longer than {most_mib} MiB"),
        _ => format!("cannot be read: {cause}"),
    })
}
