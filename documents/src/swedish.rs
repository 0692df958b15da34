//! Swedish formats: days, kronor and numbers in tables and documents.

use chrono::{Datelike, NaiveDate};
use entity::{money::Money, total::Total};

const MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "mars",
    "april",
    "maj",
    "juni",
    "juli",
    "augusti",
    "september",
    "oktober",
    "november",
    "december",
];

/// Returns the name of a day's month with its year: `mars 2027`.
#[must_use]
pub fn month(day: NaiveDate) -> String {
    format!("{} {}", MONTHS[day.month0() as usize], day.year())
}

/// Formats a day as in contracts: `den 1 januari 2027`.
#[must_use]
pub fn date(day: NaiveDate) -> String {
    format!("den {} {} {}", day.day(), MONTHS[day.month0() as usize], day.year())
}

/// Formats kronor for people: `1 467 393,60`, with no-break spaces.
#[must_use]
pub fn kronor(amount: impl Into<Total>) -> String {
    let amount: Total = amount.into();
    let plain = amount.to_string();
    let (whole, ore) = plain.trim_start_matches('-').split_once('.').unwrap_or((&plain, "00"));
    let sign = if amount < Total::ZERO { "\u{2212}" } else { "" };
    format!("{sign}{},{ore}", thousands(whole))
}

/// Groups digits by three, with no-break spaces.
#[must_use]
pub fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    grouped
}

/// The gender of the counted noun, which decides between *en* and *ett* for 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// En månad, en krona.
    Common,
    /// Ett år, ett tillfälle.
    Neuter,
}

/// Returns a number in words: `tjugoen`, `ettusenfemhundra`, `två miljoner trehundratusen`. A
/// number below a million is one word.
#[must_use]
pub fn describe(number: u64, gender: Gender) -> String {
    const MILLION: u64 = 1_000_000;
    if number < MILLION {
        return below_million(number, gender);
    }
    let (unit, units, size) = if number < MILLION * 1000 {
        ("miljon", "miljoner", MILLION)
    } else {
        ("miljard", "miljarder", MILLION * 1000)
    };
    let (many, rest) = (number / size, number % size);
    let many = if many == 1 {
        format!("en {unit}")
    } else {
        format!("{} {units}", describe(many, Gender::Common))
    };
    if rest == 0 { many } else { format!("{many} {}", describe(rest, gender)) }
}

fn below_million(number: u64, gender: Gender) -> String {
    const SMALL: [&str; 20] = [
        "noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio", "tio", "elva",
        "tolv", "tretton", "fjorton", "femton", "sexton", "sjutton", "arton", "nitton",
    ];
    const TENS: [&str; 10] =
        ["", "", "tjugo", "trettio", "fyrtio", "femtio", "sextio", "sjuttio", "åttio", "nittio"];
    let then = |words: String, rest: u64| {
        if rest == 0 { words } else { words + &below_million(rest, gender) }
    };
    match number {
        1 if gender == Gender::Common => "en".to_owned(),
        0..20 => SMALL[number as usize].to_owned(),
        20..100 => then(TENS[(number / 10) as usize].to_owned(), number % 10),
        100..1000 => then(format!("{}hundra", SMALL[(number / 100) as usize]), number % 100),
        _ => {
            let thousands = below_million(number / 1000, Gender::Neuter);
            // Three t in a row are written as two: ettusen, tjugoettusen.
            let thousands = thousands
                .strip_suffix('t')
                .filter(|rest| rest.ends_with('t'))
                .unwrap_or(&thousands);
            then(format!("{thousands}tusen"), number % 1000)
        }
    }
}

/// Returns kronor in words: `tjugotusen kronor`, `en krona och femtio öre`. Ignores the sign.
#[must_use]
pub fn kronor_in_words(amount: Money) -> String {
    let (kronor, ore) = (amount.0.unsigned_abs() / 100, amount.0.unsigned_abs() % 100);
    let unit = if kronor == 1 { "krona" } else { "kronor" };
    let words = format!("{} {unit}", describe(kronor, Gender::Common));
    if ore == 0 { words } else { format!("{words} och {} öre", describe(ore, Gender::Neuter)) }
}

/// Returns a number of months: `1 månad`, `3 månader`, with a no-break space.
#[must_use]
pub fn months(number: i64) -> String {
    format!("{number}\u{a0}{}", if number == 1 { "månad" } else { "månader" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_contracts_do() {
        let written = |text: &str| text.parse().map(date);
        assert_eq!(written("2027-01-01"), Ok("den 1 januari 2027".to_owned()));
        assert_eq!(written("2028-02-29"), Ok("den 29 februari 2028".to_owned()));
    }

    #[test]
    fn numbers_are_written_in_words() {
        for (number, words) in [
            (0, "noll"),
            (1, "ett"),
            (12, "tolv"),
            (21, "tjugoett"),
            (90, "nittio"),
            (100, "etthundra"),
            (118, "etthundraarton"),
            (1_000, "ettusen"),
            (1_500, "ettusenfemhundra"),
            (8_648, "åttatusensexhundrafyrtioåtta"),
            (21_001, "tjugoettusenett"),
            (101_000, "etthundraettusen"),
            (120_000, "etthundratjugotusen"),
            (1_000_000, "en miljon"),
            (2_300_000, "två miljoner trehundratusen"),
            (21_000_001, "tjugoen miljoner ett"),
            (3_000_000_000, "tre miljarder"),
        ] {
            assert_eq!(describe(number, Gender::Neuter), words);
        }
        assert_eq!(
            (describe(1, Gender::Common), describe(31, Gender::Common)),
            ("en".to_owned(), "trettioen".to_owned())
        );
        assert_eq!(describe(1_001, Gender::Common), "ettusenen");
        assert_eq!(kronor_in_words(Money(2_000_000)), "tjugotusen kronor");
        assert_eq!(
            kronor_in_words(Money(864_867)),
            "åttatusensexhundrafyrtioåtta kronor och sextiosju öre"
        );
        assert_eq!(kronor_in_words(Money(150)), "en krona och femtio öre");
        assert_eq!(
            (months(1), months(12)),
            ("1\u{a0}månad".to_owned(), "12\u{a0}månader".to_owned())
        );
    }

    #[test]
    fn kronor_have_swedish_spacing() {
        assert_eq!(kronor(Money(146_739_360)), "1\u{a0}467\u{a0}393,60");
        assert_eq!(kronor(Money(-12_345)), "\u{2212}123,45");
        assert_eq!(kronor(Money(100_000)), "1\u{a0}000,00");
    }
}
