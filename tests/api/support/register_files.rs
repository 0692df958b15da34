//! A register as CSV files in memory: exports and imports of all its data.

use std::{collections::BTreeMap, fs, path::Path};

use domain::{
    auth::viewer::Viewer,
    config::Network,
    interchange::{
        export::export,
        import::{ImportError, Report, import},
    },
    output::OwnFiles,
};

use crate::support::app::App;

pub type Files = BTreeMap<String, Vec<u8>>;

/// Every file of an export, by name.
pub async fn exported(app: &App) -> Files {
    fn collect(folder: &Path, prefix: &str, files: &mut Files) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), files);
            } else {
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        folder.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    let mut files = Files::new();
    collect(folder.path(), "", &mut files);
    files
}

/// Imports these files into a register.
pub async fn try_import(app: &App, files: &Files) -> Result<Report, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    import(
        app.context(&Viewer::operator("import")),
        &Network::default(),
        folder.path(),
        false,
        &mut |_| {},
    )
    .await
}

/// The bad rows that these files are refused for.
pub async fn bad_rows(app: &App, files: &Files) -> Vec<String> {
    match try_import(app, files).await {
        Err(ImportError::Bad { rows, more: 0 }) => rows.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}
