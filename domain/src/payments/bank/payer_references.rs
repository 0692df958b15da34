//! References that a payer states: OCR references and invoice numbers, as references of their own
//! or within a message.

/// Returns the digits of an OCR reference without blanks, hyphens and leading zeros; `None` for a
/// text that is no OCR reference.
#[must_use]
pub fn ocr_digits(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|char| !char.is_whitespace() && *char != '-').collect();
    let is_ocr =
        (2..=25).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    (is_ocr && !digits.is_empty()).then(|| digits.to_owned())
}

/// Returns the words of a text that may be invoice numbers: at least four characters with a digit
/// among them.
pub fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let words = text
        .split(|char: char| !char.is_alphanumeric() && char != '-')
        .map(|word| word.trim_matches('-'));
    words.filter(|word| word.chars().count() >= 4 && word.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Returns the parts of a text that may be OCR references: its lines, and the words that may be
/// numbers.
pub fn ocrs(text: &str) -> impl Iterator<Item = String> {
    text.lines().chain(numbers(text)).filter_map(ocr_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ocr_reference_is_recognized_in_any_notation() {
        for text in ["2022000109", "2022 0001 09", "00002022000109", "2022-000109", " 2022000109 "]
        {
            assert_eq!(ocr_digits(text).as_deref(), Some("2022000109"), "{text}");
        }
        for text in ["", "0", "00", "7", "12a", "Faktura 123", &"1".repeat(26), "١٢٣"] {
            assert_eq!(ocr_digits(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_words_with_digits_that_are_long_enough() {
        let found: Vec<_> =
            numbers("Faktura 2026-0042, kvartal 2 (avser K1041/1043); tack- 12-").collect();
        assert_eq!(found, ["2026-0042", "K1041", "1043"]);
    }
}
