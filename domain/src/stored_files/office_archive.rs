//! Archives of Office documents (OOXML): a ZIP file whose central directory lists the parts. The
//! recognition of types by the first bytes does not look at it.

/// Part that every Office document has.
const CONTENT_TYPES: &[u8] = b"[Content_Types].xml";
/// First bytes of an entry of the central directory, and of the record of its end.
const ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Bytes of an entry before its name, and of the record of the end before its comment.
const ENTRY_BYTES: usize = 46;
const END_BYTES: usize = 22;
/// Maximum length of the comment of an archive, in bytes.
const MAX_COMMENT: usize = 65_535;

/// `true` for an archive whose central directory is complete, and lists the types of the parts.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    names(bytes).is_some_and(|names| names.contains(&CONTENT_TYPES))
}

/// Returns the names of the parts in the central directory; `None` if it can't be read.
fn names(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let number = |at: usize, length: usize| {
        let part = bytes.get(at..at.checked_add(length)?)?;
        Some(part.iter().rev().fold(0, |number: usize, byte| (number << 8) | usize::from(*byte)))
    };
    let from = bytes.len().saturating_sub(END_BYTES + MAX_COMMENT);
    let end = from + bytes.get(from..)?.windows(END.len()).rposition(|window| window == END)?;
    let (count, mut at) = (number(end + 10, 2)?, number(end + 16, 4)?);
    let mut names = Vec::new();
    for _ in 0..count {
        if bytes.get(at..)?.get(..ENTRY.len())? != ENTRY {
            return None;
        }
        let length = number(at + 28, 2)?;
        let name = at + ENTRY_BYTES;
        names.push(bytes.get(name..name + length)?);
        at = name + length + number(at + 30, 2)? + number(at + 32, 2)?;
    }
    (at <= end).then_some(names)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive with these parts, all of them empty.
    pub(in crate::stored_files) fn archive(parts: &[&str]) -> Vec<u8> {
        let (mut files, mut directory) = (Vec::new(), Vec::new());
        let length = |length: usize| u16::try_from(length).unwrap().to_le_bytes();
        for part in parts {
            let offset = u32::try_from(files.len()).unwrap();
            files.extend(b"PK\x03\x04");
            files.extend([0; 22]);
            files.extend(length(part.len()));
            files.extend([0; 2]);
            files.extend(part.as_bytes());
            directory.extend(ENTRY);
            directory.extend([0; 24]);
            directory.extend(length(part.len()));
            directory.extend([0; 12]);
            directory.extend(offset.to_le_bytes());
            directory.extend(part.as_bytes());
        }
        let start = u32::try_from(files.len()).unwrap();
        let size = u32::try_from(directory.len()).unwrap();
        files.extend(directory);
        files.extend(END);
        files.extend([0; 4]);
        files.extend(length(parts.len()));
        files.extend(length(parts.len()));
        files.extend(size.to_le_bytes());
        files.extend(start.to_le_bytes());
        files.extend([0; 2]);
        files
    }

    #[test]
    fn an_office_document_lists_the_types_of_its_parts() {
        let whole = archive(&["[Content_Types].xml", "xl/workbook.xml"]);
        assert!(is_complete(&whole));
        assert!(!is_complete(&archive(&["xl/workbook.xml"])), "without the list of types");
        assert!(!is_complete(&whole[..whole.len() - 30]), "without its end");
        assert!(!is_complete(&[b"x".as_slice(), &whole].concat()), "behind other bytes");
        for bytes in [b"".as_slice(), b"PK\x03\x04", END, b"PK\x03\x04..xl/workbook.xml"] {
            assert!(!is_complete(bytes), "{bytes:?}");
        }
    }
}
