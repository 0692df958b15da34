//! Detects characters that show nothing, and texts that stack more combining marks than a line can
//! hold.

use unicode_normalization::{
    UnicodeNormalization,
    char::{canonical_combining_class, is_combining_mark},
};

/// Maximum number of combining marks in a row, as in Unicode's stream-safe text format (UAX #15,
/// D4). No language needs more than a handful, and shaping takes time that grows with the square of
/// their number.
pub const MAX_MARKS: usize = 30;

/// Returns `true` if the text shows nothing: it is empty, or has only blanks, control characters
/// and characters that no font draws (Unicode's `Default_Ignorable_Code_Point`).
#[must_use]
pub fn shows_nothing(text: &str) -> bool {
    text.chars().all(|char| char.is_whitespace() || char.is_control() || is_ignorable(char))
}

/// Returns `true` if more than [`MAX_MARKS`] combining marks follow each other, so that the text is
/// not stream-safe.
#[must_use]
pub fn stacks_marks(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let mut marks = 0;
    // Decomposed, because one character may stand for a letter with its marks or for several marks.
    text.nfkd().any(|char| {
        marks = if is_mark(char) { marks + 1 } else { 0 };
        marks > MAX_MARKS
    })
}

/// Counts the combining marks of a text.
#[must_use]
pub fn count_marks(text: &str) -> usize {
    if text.is_ascii() { 0 } else { text.chars().filter(|char| is_mark(*char)).count() }
}

/// Returns `true` for a mark that is combined with the previous character.
pub(crate) fn is_mark(char: char) -> bool {
    !char.is_ascii() && (canonical_combining_class(char) != 0 || is_combining_mark(char))
}

/// Returns `true` for a character that fonts draw as nothing (`Default_Ignorable_Code_Point`), and
/// for the blank Braille pattern.
fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_texts_show_nothing() {
        for text in [
            "",
            " \t\n",
            "\u{fe0f}",
            "\u{200b}\u{2060}\u{feff}",
            "\u{ad}",
            "\u{3164} \u{2800}",
            "\u{e0041}",
            "\u{a0}\u{2003}",
        ] {
            assert!(shows_nothing(text), "{text:?}");
        }
        for text in ["a", "\u{fe0f}❤", "\u{301}", "漢", "\u{e001}", "."] {
            assert!(!shows_nothing(text), "{text:?}");
        }
    }

    #[test]
    fn marks_stack_up_to_thirty() {
        let stack = |count: usize| format!("a{}b", "\u{301}".repeat(count));
        assert!(!stacks_marks(&stack(MAX_MARKS)) && stacks_marks(&stack(MAX_MARKS + 1)));
        // One character that stands for two marks, enclosing marks, and letters that have one
        // already.
        assert!(
            stacks_marks(&"\u{344}".repeat(16))
                && stacks_marks(&"\u{20dd}".repeat(31))
                && stacks_marks(&format!("é{}", "\u{302}".repeat(30)))
        );
        assert!(
            !stacks_marks(&"e\u{301}".repeat(10_000))
                && !stacks_marks("Åäö, हिन्दी, עִבְרִית")
                && !stacks_marks(&"x".repeat(100))
        );
    }
}
