//! Files beside the tables, which a cell names: texts of templates and documents of invoices.

use std::{
    fs,
    path::{Component, Path},
};

/// The bytes of the file with this name, below the folder and nowhere else, of at most so many MiB.
///
/// # Errors
/// Why it can't be read, in words.
pub(super) fn read(folder: &Path, name: &str, most_mib: u64) -> Result<Vec<u8>, String> {
    let name = Path::new(name);
    let mut path = folder.to_path_buf();
    for part in name.components() {
        let Component::Normal(part) = part else {
            return Err("must name a file below the folder, without .. and without a leading /".to_owned());
        };
        path.push(part);
        let found = fs::symlink_metadata(&path).map_err(|_| format!("there is no file {}", name.display()))?;
        if found.is_symlink() {
            return Err("must not lead through a symbolic link".to_owned());
        }
    }
    let found = fs::metadata(&path).map_err(|cause| format!("cannot be read: {cause}"))?;
    if !found.is_file() {
        return Err(format!("there is no file {}", name.display()));
    }
    if found.len() > most_mib << 20 {
        return Err(format!("is longer than {most_mib} MiB"));
    }
    fs::read(&path).map_err(|cause| format!("cannot be read: {cause}"))
}
