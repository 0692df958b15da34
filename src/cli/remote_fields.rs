//! Fields of the API that lists show: selection, heading and type.

use documents::Kind;

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    /// Name, for --json.
    pub name: &'static str,
    /// Selection of the query.
    pub selection: &'static str,
    /// Path of the value that a table shows.
    pub path: &'static str,
    /// Heading of its column.
    pub heading: &'static str,
    /// Type of its column.
    pub kind: Kind,
    /// Enum of its values, which tables show by their Swedish labels.
    pub labels: Option<&'static str>,
    /// `true` if lists show it without --json.
    pub is_column: bool,
}

/// A type of object of the API.
#[derive(Debug)]
pub(super) struct Noun {
    /// Name of one object, as its query and its ids begin.
    pub one: &'static str,
    /// Name of several, as their query.
    pub many: &'static str,
    /// Type of the filter.
    pub filter: &'static str,
    /// Field of the query for one object, other than its id; null: it is found by search, too.
    pub key: &'static str,
    /// Fields that a list can show.
    pub fields: &'static [Field],
}

impl Noun {
    /// Returns the field with this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns the fields of the table.
    pub fn columns(&self) -> Vec<&'static Field> {
        self.fields.iter().filter(|field| field.is_column).collect()
    }
}

/// Declares fields: `+` before those that lists show.
macro_rules! fields {
    (@column +) => { true };
    (@column -) => { false };
    (@labels) => { None };
    (@labels $labels:literal) => { Some($labels) };
    ($($mark:tt $name:literal $selection:literal $path:literal $heading:literal $kind:ident $(of $labels:literal)?),* $(,)?) => {
        &[$(Field {
            name: $name,
            selection: $selection,
            path: $path,
            heading: $heading,
            kind: Kind::$kind,
            labels: fields!(@labels $($labels)?),
            is_column: fields!(@column $mark),
        }),*]
    };
}

/// Members.
pub(super) const MEMBERS: Noun = Noun {
    one: "member",
    many: "members",
    filter: "MemberFilter",
    key: "orgNumber",
    fields: fields![
        - "id" "id" "id" "Id" Text,
        + "name" "name" "name" "Namn" Text,
        + "orgNumber" "orgNumber" "orgNumber" "Organisationsnummer" Text,
        + "status" "status" "status" "Status" Text of "MemberStatus",
        + "county" "county" "county" "Län" Text,
        + "contactArea" "contactArea { name }" "contactArea.name" "Kontaktområde" Text,
        - "municipalities" "municipalities" "municipalities" "Kommuner" Text,
        + "joinedOn" "joinedOn" "joinedOn" "Medlem från" Day,
        - "leftOn" "leftOn" "leftOn" "Medlem till" Day,
        - "formerNames" "formerNames" "formerNames" "Tidigare namn" Text,
        - "leavingReason" "leavingReason" "leavingReason" "Skäl för utträde" Text,
        - "balance" "balance { outstanding overpaid }" "balance.outstanding" "Obetalt" Money,
    ],
};

/// Agreements.
pub(super) const AGREEMENTS: Noun = Noun {
    one: "agreement",
    many: "agreements",
    filter: "AgreementFilter",
    key: "number",
    fields: fields![
        - "id" "id" "id" "Id" Text,
        + "number" "number" "number" "Nummer" Text,
        + "counterparty" "counterparty { id name }" "counterparty.name" "Motpart" Text,
        + "activity" "activity { slug name }" "activity.name" "Verksamhet" Text,
        + "kind" "kind" "kind" "Slag" Text of "AgreementKind",
        + "status" "status" "status" "Status" Text of "AgreementStatus",
        + "startsOn" "startsOn" "startsOn" "Från" Day,
        + "termEndsOn" "termEndsOn" "termEndsOn" "Till" Day,
        - "endsOn" "endsOn" "endsOn" "Avtalad sista dag" Day,
        - "direction" "direction" "direction" "Riktning" Text of "AgreementDirection",
        - "noticeMonths" "noticeMonths" "noticeMonths" "Uppsägningstid, månader" Number,
        - "renewalMonths" "renewalMonths" "renewalMonths" "Förlängs, månader" Number,
        - "offeredAt" "offeredAt" "offeredAt" "Erbjudet" Text,
        - "signedOn" "signedOn" "signedOn" "Undertecknat" Day,
        - "noticeGivenOn" "noticeGivenOn" "noticeGivenOn" "Uppsagt" Day,
        - "withdrawnOn" "withdrawnOn" "withdrawnOn" "Återkallat" Day,
        - "fee" "fee { basis amount perMille vatRate }" "fee.amount" "Avgift" Money,
        - "document" "document { pdfUrl sha256 }" "document.pdfUrl" "PDF" Text,
    ],
};

/// Activities.
pub(super) const ACTIVITIES: Noun = Noun {
    one: "activity",
    many: "activities",
    filter: "ActivityFilter",
    key: "slug",
    fields: fields![
        - "id" "id" "id" "Id" Text,
        + "slug" "slug" "slug" "Kortnamn" Text,
        + "name" "name" "name" "Namn" Text,
        + "funding" "funding" "funding" "Finansiering" Text of "FundingKind",
        + "startsOn" "startsOn" "startsOn" "Från" Day,
        + "endsOn" "endsOn" "endsOn" "Till" Day,
        + "coverage" "coverage { connectedCount memberCount share }" "coverage.connectedCount" "Anslutna" Number,
        - "purpose" "purpose" "purpose" "Syfte" Text,
        - "goal" "goal" "goal" "Mål" Text,
    ],
};

/// Invoices.
pub(super) const INVOICES: Noun = Noun {
    one: "invoice",
    many: "invoices",
    filter: "InvoiceFilter",
    key: "number",
    fields: fields![
        - "id" "id" "id" "Id" Text,
        + "number" "number" "number" "Nummer" Text,
        + "kind" "kind" "kind" "Slag" Text of "InvoiceKind",
        + "status" "status" "status" "Status" Text of "InvoiceStatus",
        + "buyer" "buyer { ... on Member { id name } ... on Organisation { id name } }" "buyer.name" "Köpare" Text,
        + "issuedOn" "issuedOn" "issuedOn" "Fakturadatum" Day,
        + "dueOn" "dueOn" "dueOn" "Förfallodag" Day,
        + "total" "total" "total" "Belopp" Money,
        + "outstanding" "outstanding" "outstanding" "Obetalt" Money,
        - "ocr" "ocr" "ocr" "OCR-nummer" Text,
        - "net" "net" "net" "Netto" Money,
        - "vat" "vat" "vat" "Moms" Money,
        - "paid" "paid" "paid" "Betalt" Money,
        - "credited" "credited" "credited" "Krediterat" Money,
        - "overpaid" "overpaid" "overpaid" "Överbetalt" Money,
        - "lines" "lines { description quantity unitPrice vatRate }" "lines.description" "Rader" Text,
        - "pdfUrl" "pdfUrl" "pdfUrl" "PDF" Text,
        - "peppolUrl" "peppolUrl" "peppolUrl" "E-faktura" Text,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::client::is_document;

    #[test]
    fn every_field_has_a_selection_of_its_name() {
        for noun in [&MEMBERS, &AGREEMENTS, &ACTIVITIES, &INVOICES] {
            for field in noun.fields {
                let query = format!("{{ {} }}", field.selection);
                assert!(is_document(&query), "{query}");
                for text in [field.selection, field.path] {
                    assert!(text.starts_with(field.name), "{text} is not of {}", field.name);
                }
            }
            assert!(noun.columns().len() >= 5 && noun.field("id").is_some(), "{}", noun.many);
        }
    }
}
