//! Media types of uploads: recognized by the bytes, and limited to those that the register takes.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::office_archive;
use crate::error::{FieldErrorCode, FieldProblem};

/// Media types that are taken, besides text.
const ALLOWED: [&str; 6] = [
    "application/pdf",
    "image/jpeg",
    "image/png",
    "application/xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
];
const XML: &str = "application/xml";
const CSV: &str = "text/csv";
const PLAIN: &str = "text/plain";

/// Returns the media type of these bytes. A declared type must agree with it; an octet stream
/// declares nothing.
///
/// # Errors
/// The problem, if the type is not taken or not the declared one.
pub fn detect(bytes: &[u8], declared: Option<&str>) -> Result<&'static str, FieldProblem> {
    let declared = declared.and_then(essence).filter(|kind| kind != "application/octet-stream");
    let found = of_bytes(bytes, declared.as_deref()).ok_or_else(|| {
        FieldErrorCode::InvalidValue
            .problem("must be a PDF, PNG, JPEG, XML, XLSX, DOCX, CSV or text in UTF-8")
    })?;
    match declared {
        Some(declared) if declared != found => Err(FieldErrorCode::Mismatch
            .problem(format!("is declared as {declared}, but its content is {found}"))),
        _ => Ok(found),
    }
}

/// Returns a media type without its parameters, under its usual name; `None` for a blank one.
fn essence(text: &str) -> Option<String> {
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match kind.as_str() {
        "" => return None,
        "text/xml" => "application/xml".to_owned(),
        "image/jpg" => "image/jpeg".to_owned(),
        _ => kind,
    })
}

fn of_bytes(bytes: &[u8], declared: Option<&str>) -> Option<&'static str> {
    let recognized = infer::get(bytes).and_then(|kind| essence(kind.mime_type()));
    if let Some(recognized) = recognized.filter(|recognized| recognized != XML) {
        let found = ALLOWED.into_iter().find(|allowed| *allowed == recognized)?;
        let is_office = found.starts_with("application/vnd.openxmlformats-");
        return (!is_office || office_archive::is_complete(bytes)).then_some(found);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let is_readable =
        text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t'));
    if !is_readable || text.trim().is_empty() {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match declared {
        _ if text.starts_with("<?xml") => is_data(text).then_some(XML),
        // A browser might take other markup for a page.
        _ if text.starts_with('<') => None,
        Some(CSV) => Some(CSV),
        _ => Some(PLAIN),
    }
}

/// `true` for well-formed XML that a browser shows as no page or picture of its own: these may
/// have scripts.
fn is_data(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut is_begun) = (0_usize, false);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return is_begun && depth == 0,
            Ok(Event::Start(start)) => {
                if is_begun && depth == 0 || is_of_browsers(&start) {
                    return false;
                }
                (depth, is_begun) = (depth + 1, true);
            }
            Ok(Event::Empty(start)) => {
                if is_begun && depth == 0 || is_of_browsers(&start) {
                    return false;
                }
                is_begun = true;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            // A declared entity could hide a namespace, a stylesheet make a page of anything.
            Ok(Event::DocType(_)) | Err(_) => return false,
            Ok(Event::PI(instruction)) if instruction.target() == "xml-stylesheet" => return false,
            Ok(_) => {}
        }
    }
}

/// `true` for an element that declares a namespace of pages or pictures, or can't be read.
fn is_of_browsers(start: &BytesStart<'_>) -> bool {
    start.attributes().any(|attribute| {
        attribute.is_err()
            || attribute.is_ok_and(|attribute| {
                attribute.key.0.starts_with("xmlns")
                    && (attribute.value.contains('&')
                        || attribute.value.contains("w3.org/1999/xhtml")
                        || attribute.value.contains("w3.org/2000/svg"))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::{super::office_archive::tests::archive, *};

    #[test]
    fn the_type_is_that_of_the_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice();
        for (bytes, declared, expected) in [
            (b"%PDF-1.7\n...".as_slice(), Some("application/pdf"), Some("application/pdf")),
            (b"%PDF-1.7\n...", None, Some("application/pdf")),
            (b"%PDF-1.7\n...", Some("application/octet-stream"), Some("application/pdf")),
            (b"%PDF-1.7\n...", Some("image/png"), None),
            (png, Some("image/png; x=y"), Some("image/png")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", Some("image/jpg"), Some("image/jpeg")),
            (b"<?xml version=\"1.0\"?><a/>", Some("text/xml"), Some("application/xml")),
            (b"<?xml nonsense", None, None),
            (b"<?xml version=\"1.0\"?>", None, None),
            (b"<?xml version=\"1.0\"?><a>", None, None),
            (b"<?xml version=\"1.0\"?><a></b>", None, None),
            (b"<?xml version=\"1.0\"?><a/><b/>", None, None),
            (b"<?xml version=\"1.0\"?><!DOCTYPE a><a/>", None, None),
            (b"<?xml version=\"1.0\"?><?xml-stylesheet href='x'?><a/>", None, None),
            (b"<?xml version=\"1.0\"?><svg xmlns='http://www.w3.org/2000/svg'/>", None, None),
            (
                b"<?xml version=\"1.0\"?><a><x:b xmlns:x='http://www.w3.org/1999/&#120;html'/></a>",
                None,
                None,
            ),
            (archive(&["xl/workbook.xml"]).as_slice(), None, None),
            (
                archive(&["xl/workbook.xml", "[Content_Types].xml"]).as_slice(),
                None,
                Some(ALLOWED[4]),
            ),
            ("a;b\nå;1\n".as_bytes(), Some("text/csv; charset=utf-8"), Some(CSV)),
            ("a;b\nå;1\n".as_bytes(), None, Some(PLAIN)),
            (b"<html><script>", None, None),
            (b"<svg/>", Some("image/svg+xml"), None),
            (b"GIF89a......", Some("image/gif"), None),
            (b"MZ\x90\0\x03", None, None),
            (b"\0\x01\x02", None, None),
            (b"  \n", None, None),
            (b"", None, None),
        ] {
            let found = detect(bytes, declared).ok();
            assert_eq!(found, expected, "{declared:?} {:?}", String::from_utf8_lossy(bytes));
        }
    }
}
