//! Collation: sort keys that order names as a Swedish dictionary does, and document numbers as
//! people count.

/// Returns the collation key of a name: keys in byte order are in the order of a Swedish dictionary
/// (å, ä, ö last, after z), without regard to case and accents.
#[must_use]
pub fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 8);
    for char in name.trim().chars().flat_map(char::to_lowercase) {
        match char {
            // `{`, `|` and `}` follow z.
            'å' => key.push('{'),
            'ä' | 'æ' => key.push('|'),
            'ö' | 'ø' => key.push('}'),
            'à' | 'á' | 'â' | 'ã' => key.push('a'),
            'è' | 'é' | 'ê' | 'ë' => key.push('e'),
            'ì' | 'í' | 'î' | 'ï' => key.push('i'),
            'ò' | 'ó' | 'ô' | 'õ' => key.push('o'),
            'ù' | 'ú' | 'û' => key.push('u'),
            'ü' | 'ý' => key.push('y'),
            'ç' => key.push('c'),
            'ñ' => key.push('n'),
            'ß' => key.push_str("ss"),
            '{' | '|' | '}' => key.push('~'),
            other => key.push(other),
        }
    }
    key
}

/// Returns the collation key of a document number: every run of digits is padded, so that `2026-42`
/// sorts before `2026-0101`.
#[must_use]
pub fn number_key(number: &str) -> String {
    let mut key = String::new();
    let mut rest = number;
    while let Some(char) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            key.extend(char.to_lowercase());
            rest = &rest[char.len_utf8()..];
        } else {
            let run = rest[..digits].trim_start_matches('0');
            key.push_str(&format!("{run:0>12}"));
            rest = &rest[digits..];
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_in_a_swedish_dictionary() {
        let mut names = ["Östersund", "Åre", "zeta", "Älvdalen", "Zorn", "Ale", "Éva", "eva"];
        names.sort_by_key(|name| key(name));
        assert_eq!(names, ["Ale", "Éva", "eva", "zeta", "Zorn", "Åre", "Älvdalen", "Östersund"]);
    }

    #[test]
    fn numbers_sort_as_people_count() {
        let mut numbers = ["2026-10000", "2026-0042", "2025-9999", "K2", "K10", "7"];
        numbers.sort_by_key(|number| number_key(number));
        assert_eq!(numbers, ["7", "2025-9999", "2026-0042", "2026-10000", "K2", "K10"]);
    }
}
