//! The text layer of a PDF, without the characters that only mark break points.
//!
//! A soft hyphen within a line would split a word for searches and screen readers. Where a line
//! does break at one, the visible hyphen remains a hyphen, so that programs can join the word.

use typst::{
    layout::{Frame, FrameItem},
    model::Document,
    text::TextItem,
};
use typst_layout::PagedDocument;

use super::legible::{MAY_BREAK, SOFT_HYPHEN};

/// Returns the document with a cleaned text layer; its appearance is unchanged.
pub fn of(document: &PagedDocument) -> PagedDocument {
    let pages = document.pages().iter().cloned().map(|mut page| {
        clean_frame(&mut page.frame);
        page
    });
    PagedDocument::new(pages.collect(), document.info().clone())
}

fn clean_frame(frame: &mut Frame) {
    frame.retain(|item| {
        match item {
            FrameItem::Group(group) => clean_frame(&mut group.frame),
            FrameItem::Text(text) => clean_text(text),
            _ => {}
        }
        true
    });
}

fn clean_text(item: &mut TextItem) {
    if !item.text.contains([SOFT_HYPHEN, MAY_BREAK]) {
        return;
    }
    let ranges: Vec<_> = item.glyphs.iter().map(|glyph| glyph.range()).collect();
    let (cleaned, offsets) = cleaned(&item.text, &ranges);
    for (glyph, range) in item.glyphs.iter_mut().zip(ranges) {
        let offset = |old: usize| {
            offsets.get(old).and_then(|new| u16::try_from(*new).ok()).unwrap_or_default()
        };
        glyph.range = offset(range.start)..offset(range.end);
    }
    item.text = cleaned.into();
}

/// Returns a text without break points, and for each byte of it, and its end, the new offset.
/// `glyphs` are the ranges of the glyphs that show the text: a glyph that shows nothing but a soft
/// hyphen is the hyphen at the end of a line.
fn cleaned(text: &str, glyphs: &[std::ops::Range<usize>]) -> (String, Vec<usize>) {
    let is_break = |char: char| matches!(char, SOFT_HYPHEN | MAY_BREAK);
    let has_own_glyph = |at: usize| {
        let covers = |range: &&std::ops::Range<usize>| range.contains(&at);
        glyphs
            .iter()
            .filter(covers)
            .any(|range| text.get(range.clone()).is_some_and(|shown| shown.chars().all(is_break)))
    };
    let (mut cleaned, mut offsets) =
        (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    for (at, char) in text.char_indices() {
        offsets.extend(std::iter::repeat_n(cleaned.len(), char.len_utf8()));
        match char {
            char if !is_break(char) => cleaned.push(char),
            SOFT_HYPHEN if has_own_glyph(at) => cleaned.push('-'),
            char if has_own_glyph(at) => cleaned.push(char),
            _ => {}
        }
    }
    offsets.push(cleaned.len());
    (cleaned, offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_a_hyphen_at_the_end_of_a_line_stays() {
        // «s» and the soft hyphen after it are one glyph.
        let (text, offsets) = cleaned("kurs\u{ad}är", &[0..1, 1..2, 2..3, 3..6, 6..8, 8..9]);
        assert_eq!((text.as_str(), offsets), ("kursär", vec![0, 1, 2, 3, 4, 4, 4, 4, 6, 7]));
        // The hyphen is a glyph of its own.
        assert_eq!(
            cleaned("\u{ad}", &[std::ops::Range { start: 0, end: 2 }]),
            ("-".to_owned(), vec![0, 0, 1])
        );
        assert_eq!(cleaned("a\u{200b}b", &[0..4, 4..5]).0, "ab");
        assert_eq!(cleaned("a\u{200b}", &[std::ops::Range { start: 0, end: 1 }]).0, "a");
    }
}
