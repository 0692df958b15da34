//! Billing details of members and organisations, as a user enters them.

use ::entity::{id::MemberId, member_billing, number::check_peppol_id};

use crate::error::{FieldErrorCode, LINE, ValidationErrors};

/// Billing details as a user enters them.
#[derive(Clone, Debug, Default)]
pub struct NewBilling {
    /// E-mail address for invoices.
    pub email: Option<String>,
    /// Peppol participant, `0007:2220001834`, in the format that [`check_peppol_id`] accepts.
    pub peppol_id: Option<String>,
    /// Buyer's reference (er referens).
    pub buyer_reference: Option<String>,
    /// Street address or P.O. box.
    pub address_line: Option<String>,
    /// Postal code (postnummer).
    pub postal_code: Option<String>,
    /// City (postort).
    pub city: Option<String>,
}

impl NewBilling {
    /// Trims the fields and adds an error under `path` for each one that is invalid.
    pub fn readable(&self, path: &str, errors: &mut ValidationErrors) -> Self {
        let mut line = |name: &str, text: Option<&String>| {
            errors.optional_text(&format!("{path}{name}"), text.map(String::as_str), LINE)
        };
        let row = Self {
            email: line("email", self.email.as_ref()),
            peppol_id: line("peppol_id", self.peppol_id.as_ref()),
            buyer_reference: line("buyer_reference", self.buyer_reference.as_ref()),
            address_line: line("address_line", self.address_line.as_ref()),
            postal_code: line("postal_code", self.postal_code.as_ref()),
            city: line("city", self.city.as_ref()),
        };
        if let Some(email) = &row.email {
            errors.expect(
                is_email(email),
                &format!("{path}email"),
                FieldErrorCode::NotAnEmailAddress.problem("is not an e-mail address"),
            );
        }
        if let Some(peppol) = &row.peppol_id {
            let checked = check_peppol_id(peppol)
                .map_err(|message| FieldErrorCode::NotAPeppolId.problem(message));
            errors.take(&format!("{path}peppol_id"), checked);
        }
        row
    }

    /// Trims and checks the fields like [`Self::readable`], and also rejects characters that
    /// documents cannot show.
    pub fn written(&self, path: &str, errors: &mut ValidationErrors) -> Self {
        let row = self.readable(path, errors);
        let texts = [
            ("buyer_reference", &row.buyer_reference),
            ("address_line", &row.address_line),
            ("city", &row.city),
        ];
        for (name, text) in
            texts.into_iter().chain([("postal_code", &row.postal_code), ("email", &row.email)])
        {
            errors.settable_change(&format!("{path}{name}"), None, text.as_deref());
        }
        row
    }

    /// Returns the row, and adds an error under `path` for each invalid field.
    pub fn check(
        &self,
        member: MemberId,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> member_billing::Model {
        let Self { email, peppol_id, buyer_reference, address_line, postal_code, city } =
            self.written(path, errors);
        member_billing::Model {
            member_id: member,
            email,
            peppol_id,
            buyer_reference,
            address_line,
            postal_code,
            city,
        }
    }
}

impl From<member_billing::Model> for NewBilling {
    fn from(row: member_billing::Model) -> Self {
        let member_billing::Model {
            member_id: _,
            email,
            peppol_id,
            buyer_reference,
            address_line,
            postal_code,
            city,
        } = row;
        Self { email, peppol_id, buyer_reference, address_line, postal_code, city }
    }
}

/// Returns `true` if a text has the form of an e-mail address. It does not check that the address
/// exists.
#[must_use]
pub fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !text.contains(char::is_whitespace)
            && !host.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_name_and_a_host_with_a_dot() {
        for text in ["a@b.se", "förnamn.efternamn@kommun.se", "a+b@x.y.z"] {
            assert!(is_email(text), "{text}");
        }
        for text in ["", "a", "a@", "@b.se", "a@b", "a@.se", "a@b.", "a b@c.se", "a@b@c.se"] {
            assert!(!is_email(text), "{text}");
        }
    }

    #[test]
    fn details_are_trimmed_and_empty_ones_left_out() {
        let mut errors = ValidationErrors::default();
        let typed = NewBilling {
            email: Some(" faktura@alfa.se ".into()),
            city: Some("  ".into()),
            ..NewBilling::default()
        };
        let read = typed.readable("billing.", &mut errors);
        assert_eq!((read.email.as_deref(), read.city), (Some("faktura@alfa.se"), None));
        assert!(errors.is_empty());
    }

    #[test]
    fn each_bad_detail_is_reported_under_its_path() {
        let mut errors = ValidationErrors::default();
        let bad = NewBilling {
            email: Some("faktura".into()),
            peppol_id: Some("0007:1".into()),
            ..NewBilling::default()
        };
        bad.readable("billing.", &mut errors);
        let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["billing.email", "billing.peppol_id"]);
    }
}
