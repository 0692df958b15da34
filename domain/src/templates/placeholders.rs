//! Placeholders: the built-in values that every text can show without declaring them.

use std::sync::LazyLock;

use ::entity::kind::FeeBasis;

use super::{
    ParameterType,
    datum::Datum,
    facts::{Facts, Party},
};

/// A built-in placeholder.
#[derive(Debug)]
pub struct Placeholder {
    /// Group, for example `member`.
    pub group: &'static str,
    /// Name within the group, for example `org_number`.
    pub field: &'static str,
    /// Type of the value.
    pub kind: ParameterType,
    /// `true` if the value may be unknown, so that a text should test it with `{% if … %}` first.
    pub optional: bool,
    /// The only texts that the value can be; empty: any.
    pub words: &'static [&'static str],
    /// Description in Swedish.
    pub label: String,
    /// Description in English.
    pub description: String,
    value: fn(&Facts) -> Option<Datum>,
}

impl Placeholder {
    /// Returns the full name, for example `member.org_number`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.group, self.field)
    }

    /// Returns the value for these facts; `None` if it is unknown.
    #[must_use]
    pub fn of(&self, facts: &Facts) -> Option<Datum> {
        (self.value)(facts)
    }
}

/// The value of `agreement.number` for a draft.
pub const DRAFT: &str = "UTKAST";

/// Returns every placeholder, in the order of the documentation.
pub fn all() -> &'static [Placeholder] {
    static ALL: LazyLock<Vec<Placeholder>> = LazyLock::new(table);
    &ALL
}

/// Returns `true` if a group of placeholders has this name, for example `member`.
#[must_use]
pub fn is_group(name: &str) -> bool {
    all().iter().any(|placeholder| placeholder.group == name)
}

/// Returns the placeholder with this group and field.
#[must_use]
pub fn find(group: &str, field: &str) -> Option<&'static Placeholder> {
    all().iter().find(|placeholder| placeholder.group == group && placeholder.field == field)
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

fn line(line: Option<&String>) -> Option<Datum> {
    line.map(|line| text(line))
}

/// Returns the placeholders of a party. `$party` is the function that returns the party from the
/// facts; `$sure` states that it always returns one.
macro_rules! party {
    ($group:literal, $owner:literal, $english:literal, $sure:literal, $party:path) => {{
        let party = |field, optional, label: &str, description: &str, value| Placeholder {
            group: $group,
            field,
            kind: ParameterType::Text,
            optional,
            words: &[],
            label: format!("{} {label}", $owner),
            description: format!("{description} of {}", $english),
            value,
        };
        [
            party("name", !$sure, "namn", "The name", |facts| Some(text(&$party(facts)?.name))),
            party("org_number", true, "organisationsnummer", "The organisation number", |facts| {
                line($party(facts)?.org_number.as_ref())
            }),
            party("address_line", true, "gatuadress eller box", "Street or box", |facts| {
                line($party(facts)?.address_line.as_ref())
            }),
            party("postal_code", true, "postnummer", "The postal code", |facts| {
                line($party(facts)?.postal_code.as_ref())
            }),
            party("city", true, "postort", "The postal town", |facts| {
                line($party(facts)?.city.as_ref())
            }),
        ]
    }};
}

fn network(facts: &Facts) -> Option<&Party> {
    Some(&facts.network)
}

fn member(facts: &Facts) -> Option<&Party> {
    facts.is_member.then_some(&facts.counterparty)
}

fn counterparty(facts: &Facts) -> Option<&Party> {
    Some(&facts.counterparty)
}

fn table() -> Vec<Placeholder> {
    let mut all = Vec::new();
    all.extend(party!("network", "Nätverkets", "the network, from the settings", true, network));
    all.extend(party!(
        "member",
        "Medlemmens",
        "the member that is the other party; unknown when it is an organisation: test with `{% if member %}`; `counterparty` is either",
        false,
        member
    ));
    all.extend(party!(
        "counterparty",
        "Motpartens",
        "the other party, member or not",
        true,
        counterparty
    ));
    all.extend(of_agreement());
    all.extend(of_fee());
    all
}

/// The placeholders of the activity and the agreement.
fn of_agreement() -> Vec<Placeholder> {
    use ParameterType::{Date, Integer, Text};
    vec![
        one(
            "activity",
            "name",
            Text,
            true,
            "Verksamhetens namn",
            "The name of the activity; `{% if activity %}` tests whether there is one",
            |facts| Some(text(&facts.activity.as_ref()?.name)),
        ),
        one(
            "activity",
            "purpose",
            Text,
            true,
            "Verksamhetens syfte",
            "The purpose of the activity",
            |facts| line(facts.activity.as_ref()?.purpose.as_ref()),
        ),
        one(
            "activity",
            "goal",
            Text,
            true,
            "Verksamhetens mål",
            "The goal of the activity",
            |facts| line(facts.activity.as_ref()?.goal.as_ref()),
        ),
        one(
            "agreement",
            "number",
            Text,
            false,
            "Avtalets nummer",
            "The number of the agreement; UTKAST while it is a draft",
            |facts| Some(text(facts.agreement.number.as_deref().unwrap_or(DRAFT))),
        ),
        one(
            "agreement",
            "starts_on",
            Date,
            false,
            "Avtalets första dag",
            "The first day in force",
            |facts| Some(Datum::Date(facts.agreement.starts_on)),
        ),
        one(
            "agreement",
            "ends_on",
            Date,
            true,
            "Avtalets sista dag",
            "The last day of the agreed term; unknown when it runs until further notice",
            |facts| facts.agreement.ends_on.map(Datum::Date),
        ),
        one(
            "agreement",
            "notice_months",
            Integer,
            false,
            "Uppsägningstid i månader",
            "Months of notice",
            |facts| Some(Datum::Integer(facts.agreement.notice_months.into())),
        ),
        one(
            "agreement",
            "renewal_months",
            Integer,
            true,
            "Förlängning i månader",
            "Months by which it is renewed; unknown without renewal",
            |facts| facts.agreement.renewal_months.map(|months| Datum::Integer(months.into())),
        ),
    ]
}

/// The placeholders of the fee.
fn of_fee() -> Vec<Placeholder> {
    use ParameterType::{Integer, Money, Text};
    vec![
        one(
            "fee",
            "summary",
            Text,
            true,
            "Avgiften i ord",
            "The fee and its basis; `{% if fee %}` tests whether there is one",
            |facts| Some(Datum::Text(facts.fee?.summary())),
        ),
        one(
            "fee",
            "amount",
            Money,
            true,
            "Avgiftens belopp",
            "The amount, without VAT; unknown when the fee is in per mille",
            |facts| facts.fee?.amount.map(Datum::Money),
        ),
        one(
            "fee",
            "per_mille",
            Text,
            true,
            "Avgiften i promille",
            "The rate in per mille; unknown when the fee is an amount",
            |facts| facts.fee?.rate().map(Datum::Text),
        ),
        one(
            "fee",
            "cap",
            Money,
            true,
            "Högsta avgift för ett kalenderår",
            "The maximum fee for a year; unknown without a cap",
            |facts| facts.fee?.cap.map(Datum::Money),
        ),
        one(
            "fee",
            "minimum",
            Money,
            true,
            "Lägsta avgift för ett kalenderår",
            "The minimum fee for a year; unknown without a minimum",
            |facts| facts.fee?.minimum.map(Datum::Money),
        ),
        one(
            "fee",
            "basis",
            Text,
            true,
            "Vad avgiften räknas på",
            "The basis of the fee, a word for conditions: `{% if fee.basis == \"ONE_OFF\" %}`",
            |facts| Some(text(facts.fee?.basis.word())),
        ),
        one(
            "fee",
            "vat",
            Text,
            true,
            "Momsen i en mening",
            "The VAT treatment of the fee, in a sentence",
            |facts| Some(Datum::Text(facts.fee?.vat())),
        ),
        one(
            "fee",
            "vat_percent",
            Integer,
            true,
            "Momssats i procent",
            "The VAT rate in per cent; 0 when none is added",
            |facts| Some(Datum::Integer(facts.fee?.vat_rate.percent())),
        ),
    ]
}

fn one(
    group: &'static str,
    field: &'static str,
    kind: ParameterType,
    optional: bool,
    label: &str,
    description: &str,
    value: fn(&Facts) -> Option<Datum>,
) -> Placeholder {
    Placeholder {
        group,
        field,
        kind,
        optional,
        words: if field == "basis" { FeeBasis::WORDS } else { &[] },
        label: label.to_owned(),
        description: description.to_owned(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_has_its_declared_type() {
        let example = Facts::example();
        for placeholder in all() {
            if let Some(datum) = placeholder.of(&example) {
                assert_eq!(datum.kind(), placeholder.kind, "{}", placeholder.name());
            }
            assert!(
                placeholder.optional || placeholder.of(&Facts::default()).is_some(),
                "{}",
                placeholder.name()
            );
            assert!(
                std::ptr::eq(find(placeholder.group, placeholder.field).unwrap(), placeholder),
                "{}",
                placeholder.name()
            );
        }
        let unknown: Vec<_> = all()
            .iter()
            .filter(|placeholder| placeholder.of(&example).is_none())
            .map(Placeholder::name)
            .collect();
        assert_eq!(unknown, ["fee.per_mille", "fee.cap", "fee.minimum"]);
        assert!(is_group("fee") && !is_group("fee.amount") && find("member", "phone").is_none());
    }
}
