//! Validators of others for files of their formats: those in `tests/checkers`, and those that
//! `tests/checkers.sh` makes ready.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Names the folder of what `tests/checkers.sh` makes ready.
const CHECKERS: &str = "SAMREGISTER_TEST_CHECKERS";

/// A program that one of the lists in `tests/checkers` brings: `program("pdf", "outloud")`.
pub fn program(list: &str, name: &str) -> Command {
    let folder = std::env::var(CHECKERS).unwrap_or_else(|_| {
        panic!("this test needs programs that judge files: run tests/run.sh, which makes them ready and sets {CHECKERS}")
    });
    Command::new(Path::new(&folder).join(list).join("bin").join(name))
}

/// A validator in Python by its path within `tests/checkers`, without arguments.
pub fn judge(path: &str) -> Command {
    let mut command = python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkers").join(path));
    command
}

/// Runs a program; returns `true` if it succeeds, with its output.
fn reported(mut program: Command) -> (bool, String) {
    let ran = program
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|cause| panic!("{program:?} can't be run: {cause}"));
    (
        ran.status.success(),
        format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr)),
    )
}

/// Holds each of these PDFs against qpdf and pdfinfo, which look at its structure, and pdfua: who
/// can read it.
#[track_caller]
pub fn are_sound(files: &[PathBuf]) {
    for file in files {
        let mut qpdf = Command::new("qpdf");
        qpdf.arg("--check").arg(file);
        let (is_content, said) = reported(qpdf);
        assert!(
            is_content && said.contains("No syntax or stream encoding errors found"),
            "qpdf of {}: {said}",
            file.display()
        );
        let said = pdfinfo(file);
        for (name, value) in [
            ("Tagged", "yes"),
            ("Form", "none"),
            ("JavaScript", "no"),
            ("Encrypted", "no"),
            ("Metadata Stream", "yes"),
        ] {
            assert_eq!(
                said.get(name).map(String::as_str),
                Some(value),
                "{name} of {}: {said:?}",
                file.display()
            );
        }
        assert!(said.get("Title").is_some_and(|title| title.len() > 8), "{said:?}");
    }
    let mut pdfua = program("pdf", "pdfua");
    pdfua.arg("check").args(files);
    let (is_content, said) = reported(pdfua);
    assert!(
        is_content && said.matches("result: PASS (no findings)").count() == files.len(),
        "pdfua: {said}"
    );
}

/// Holds each of these PDFs against outloud: what those who can't see it would miss. A layout that
/// repeats itself is remarked on too, so that it suits only documents that a reader would not
/// remark on.
#[track_caller]
pub fn are_heard(files: &[PathBuf]) {
    let mut outloud = program("pdf", "outloud");
    outloud.arg("--quiet").args(files);
    let (is_content, said) = reported(outloud);
    let passed = said
        .lines()
        .filter(|line| line.starts_with("PASS") && line.contains(": 0 error(s), 0 warning(s)"))
        .count();
    assert!(is_content && passed == files.len(), "outloud: {said}");
}

/// Returns the output of pdfinfo for a PDF: `Pages`, `Title` and more.
pub fn pdfinfo(file: &Path) -> BTreeMap<String, String> {
    let mut pdfinfo = Command::new("pdfinfo");
    pdfinfo.arg(file);
    let (is_content, said) = reported(pdfinfo);
    assert!(is_content, "pdfinfo of {}: {said}", file.display());
    said.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// The text of a PDF as pdftotext extracts it, its words apart by single blanks.
pub fn words(pdf: &[u8]) -> String {
    extracted(pdf, &[]).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of each page of a PDF.
pub fn pages(pdf: &[u8]) -> Vec<String> {
    let text = extracted(pdf, &[]);
    let mut pages: Vec<String> = text.split('\u{c}').map(str::to_owned).collect();
    // A form feed ends every page.
    pages.pop();
    pages
}

/// The words of a PDF with the first and last point of each from the left edge of its page.
pub fn positions_of_words(pdf: &[u8]) -> Vec<(f64, f64, String)> {
    boxes_of_words(pdf, ["xMin", "xMax"])
}

/// The words of a PDF with the first and last point of each from the upper edge of its page.
pub fn heights_of_words(pdf: &[u8]) -> Vec<(f64, f64, String)> {
    boxes_of_words(pdf, ["yMin", "yMax"])
}

fn boxes_of_words(pdf: &[u8], [from, to]: [&str; 2]) -> Vec<(f64, f64, String)> {
    let read = |line: &str| {
        let of = |name: &str| {
            line.split_once(&format!("{name}=\""))?.1.split_once('"')?.0.parse::<f64>().ok()
        };
        let word =
            line.trim().strip_prefix("<word ")?.split_once('>')?.1.strip_suffix("</word>")?;
        Some((of(from)?, of(to)?, word.to_owned()))
    };
    extracted(pdf, &["-bbox"]).lines().filter_map(read).collect()
}

fn extracted(pdf: &[u8], options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.pdf");
    std::fs::write(&file, pdf).unwrap();
    let mut pdftotext = Command::new("pdftotext");
    let output = pdftotext.args(options).arg(&file).arg("-").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "pdftotext: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The file of this name that a PDF carries, as qpdf takes it out.
pub fn attachment(pdf: &Path, name: &str) -> Vec<u8> {
    let output = Command::new("qpdf")
        .arg(format!("--show-attachment={name}"))
        .arg(pdf)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{name} of {}: {}",
        pdf.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A part of a workbook or of another file that is an archive of parts, as text.
pub fn part(archive: &Path, name: &str) -> String {
    let read = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let output = python().args(["-c", read]).arg(archive).arg(name).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn python() -> Command {
    let mut command = program("peppol", "python");
    // It would else write what it has compiled next to them.
    command.arg("-B");
    command
}
