//! Filters: formats for values in a text, for example `{{ agreement.starts_on | datum }}`.

use documents::swedish::{self, Gender};

use super::{ParameterType, datum::Datum};

/// A filter.
#[derive(Debug)]
pub struct Filter {
    /// Name in texts.
    pub name: &'static str,
    /// Types that it accepts.
    pub input_types: &'static [ParameterType],
    /// Words that its argument in parentheses can be.
    pub options: &'static [&'static str],
    /// Description in Swedish.
    pub label: &'static str,
    /// Description in English.
    pub description: &'static str,
    /// Example of its use.
    pub example: &'static str,
    /// Result of the example.
    pub example_output: &'static str,
    pub(super) write: fn(&Datum, &str) -> Option<String>,
}

/// Every filter.
pub const ALL: &[Filter] = &[
    Filter {
        name: "datum",
        input_types: &[ParameterType::Date],
        options: &[],
        label: "Skriver en dag med ord",
        description: "Writes a day as contracts do; without it, a day is written 2027-01-01",
        example: "{{ agreement.starts_on | datum }}",
        example_output: "den 1 januari 2027",
        write: |datum, _| match datum {
            Datum::Date(day) => Some(swedish::date(*day)),
            _ => None,
        },
    },
    Filter {
        name: "kronor",
        input_types: &[ParameterType::Money],
        options: &[],
        label: "Skriver ett belopp med kr efter",
        description: "Writes an amount with kr after it; without it, an amount is written 20 000,00",
        example: "{{ fee.amount | kronor }}",
        example_output: "20\u{a0}000,00\u{a0}kr",
        write: |datum, _| match datum {
            Datum::Money(amount) => Some(format!("{}\u{a0}kr", swedish::kronor(*amount))),
            _ => None,
        },
    },
    Filter {
        name: "tal_i_ord",
        input_types: &[ParameterType::Integer, ParameterType::Money],
        options: &["en", "ett"],
        label: "Skriver ett tal eller ett belopp med bokstäver",
        description: "Writes a number or an amount in words; (\"en\") or (\"ett\"), which is the default, is the gender of what is counted",
        example: "{{ agreement.notice_months | tal_i_ord(\"en\") }}",
        example_output: "tre",
        write: |datum, option| match datum {
            Datum::Integer(number) => {
                let words = swedish::describe(
                    number.unsigned_abs(),
                    if option == "en" { Gender::Common } else { Gender::Neuter },
                );
                Some(if *number < 0 { format!("minus {words}") } else { words })
            }
            Datum::Money(amount) => {
                let words = swedish::kronor_in_words(*amount);
                Some(if amount.0 < 0 { format!("minus {words}") } else { words })
            }
            _ => None,
        },
    },
    Filter {
        name: "manader",
        input_types: &[ParameterType::Integer],
        options: &[],
        label: "Skriver ett antal månader",
        description: "Writes a number of months with the noun: 1 månad, 3 månader",
        example: "{{ agreement.notice_months | manader }}",
        example_output: "3\u{a0}månader",
        write: |datum, _| match datum {
            Datum::Integer(number) => Some(swedish::months(*number)),
            _ => None,
        },
    },
];

/// Returns the filter with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Filter> {
    ALL.iter().find(|filter| filter.name == name)
}
