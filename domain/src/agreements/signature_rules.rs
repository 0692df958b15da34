//! Rules of signatures: the document and the day that they refer to, and the people who may sign
//! for the network.

use ::entity::{agreement::Model, kind::SignatureParty, signature};
use chrono::NaiveDate;

use super::lifecycle::name;
use crate::{
    clock::day_of,
    collation,
    config::Signatory,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
};

/// Returns the SHA-256 of the document in lower case, or adds an error.
pub(super) fn digest(text: &str, errors: &mut ValidationErrors) -> String {
    let digest = text.trim().to_lowercase();
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let problem = FieldErrorCode::NotADigest
        .problem("is not a SHA-256 in hexadecimal; give that of the agreement's document");
    errors.expect(is_digest, "document_sha256", problem);
    digest
}

/// Fails if a party has signed already.
///
/// # Errors
/// CONFLICT `ALREADY_SIGNED`.
pub(super) fn require_unsigned(
    row: &Model,
    signed: &[signature::Model],
    party: SignatureParty,
) -> Result<()> {
    match signed.iter().find(|signature| signature.party == party) {
        Some(earlier) => Err(already_signed(row, earlier)),
        None => Ok(()),
    }
}

/// Fails unless the signed document is the one that was offered; `None`: the register has none.
///
/// # Errors
/// CONFLICT `NO_DOCUMENT` or `DOCUMENT_DIFFERS`.
pub(super) fn require_document(row: &Model, offered: Option<&str>, signed: &str) -> Result<()> {
    let Some(offered) = offered else {
        let message = format!(
            "the register has no text of {}; withdraw it, and draft and offer it here",
            name(row)
        );
        return Err(Error::conflict(ConflictReason::NoDocument, message));
    };
    if signed != offered {
        let message = format!(
            "the signed document is not the one offered as {}, whose SHA-256 is {offered}",
            name(row)
        );
        return Err(Error::conflict(ConflictReason::DocumentDiffers, message));
    }
    Ok(())
}

/// Fails if a signature would be before the day of the offer.
///
/// # Errors
/// INVALID for the day.
pub(super) fn require_day(row: &Model, signed_on: NaiveDate) -> Result<()> {
    let offered_on = row.offered_at.map(day_of);
    let Some(offered_on) = offered_on.filter(|offered_on| signed_on < *offered_on) else {
        return Ok(());
    };
    let message = format!("must not be before {offered_on}, when it was offered");
    let problem = FieldErrorCode::too_early(offered_on, message);
    Err(Error::invalid("signed_on", problem))
}

/// Returns the conflict of a party that has signed already.
pub(super) fn already_signed(row: &Model, earlier: &signature::Model) -> Error {
    let side = match earlier.party {
        SignatureParty::Network => "the network",
        SignatureParty::Counterparty => "the counterparty",
    };
    Error::conflict(
        ConflictReason::AlreadySigned,
        format!("{} signed {} for {side} on {}", earlier.name, name(row), earlier.signed_on),
    )
}

/// Returns the title with which a person may sign for the network on a day.
///
/// # Errors
/// CONFLICT `NOT_SIGNATORY` with the people who may sign, or the days on which this person may.
pub(super) fn may_sign(
    signatories: &[Signatory],
    name: &str,
    on: NaiveDate,
) -> Result<Option<String>> {
    let is_in_order = |signatory: &&Signatory| {
        signatory.from.is_none_or(|from| from <= on) && signatory.to.is_none_or(|to| on <= to)
    };
    let own: Vec<_> = signatories
        .iter()
        .filter(|signatory| collation::key(&signatory.name) == collation::key(name))
        .collect();
    if let Some(signatory) = own.iter().copied().find(is_in_order) {
        return Ok(signatory.title.clone());
    }
    if signatories.is_empty() {
        return Ok(None);
    }
    let days = |signatory: &&Signatory| {
        let from = signatory.from.map(|day| format!("from {day}"));
        let to = signatory.to.map(|day| format!("to {day}"));
        from.into_iter().chain(to).collect::<Vec<_>>().join(" ")
    };
    let message = if own.is_empty() {
        let names: Vec<_> = signatories
            .iter()
            .filter(is_in_order)
            .map(|signatory| signatory.name.as_str())
            .collect();
        let others = if names.is_empty() {
            "no one may".to_owned()
        } else {
            format!("the signatories are {}", names.join(", "))
        };
        format!(
            "{name} may not sign for the network; on {on} {others}: see [[network.signatories]] in the settings"
        )
    } else {
        format!(
            "{name} may sign for the network {}, not on {on}",
            own.iter().map(days).collect::<Vec<_>>().join(" and ")
        )
    };
    Err(Error::conflict(ConflictReason::NotSignatory, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatories_may_sign_within_their_days() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let ada = Signatory {
            name: "Ada Ås".into(),
            title: Some("Ordförande".into()),
            from: Some(day("2026-01-01")),
            to: Some(day("2026-06-30")),
        };
        let again = Signatory {
            from: Some(day("2027-01-01")),
            to: None,
            title: Some("Vice ordförande".into()),
            ..ada.clone()
        };
        let signatories = [ada, again, Signatory { name: "Bo".into(), ..Signatory::default() }];
        let said = |name: &str, on: &str| {
            may_sign(&signatories, name, day(on)).map_err(|error| error.to_string())
        };
        assert_eq!(said("ada ås", "2026-06-30"), Ok(Some("Ordförande".to_owned())));
        assert_eq!(said("Ada Ås", "2027-01-01"), Ok(Some("Vice ordförande".to_owned())));
        assert_eq!(said("Bo", "1999-01-01"), Ok(None));
        let words = "Ada Ås may sign for the network from 2026-01-01 to 2026-06-30 and from 2027-01-01, not on 2026-07-01";
        assert_eq!(said("Ada Ås", "2026-07-01"), Err(words.to_owned()));
        let words = "Cia may not sign for the network; on 2026-07-01 the signatories are Bo: see [[network.signatories]] in the settings";
        assert_eq!(said("Cia", "2026-07-01"), Err(words.to_owned()));
        assert!(matches!(may_sign(&[], "Cia", day("2026-07-01")), Ok(None)));
    }

    #[test]
    fn a_digest_is_hexadecimal() {
        let mut errors = ValidationErrors::default();
        assert_eq!(digest(&format!(" {} ", "AB".repeat(32)), &mut errors), "ab".repeat(32));
        assert!(errors.is_empty());
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(65)] {
            let mut errors = ValidationErrors::default();
            digest(text, &mut errors);
            assert!(!errors.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_signature_is_of_the_offered_document_from_the_day_of_the_offer() {
        let row = Model {
            // The 2nd in Stockholm.
            offered_at: Some("2026-03-01T23:30:00Z".parse().unwrap()),
            ..Model::default()
        };
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert!(require_day(&row, day("2026-03-02")).is_ok());
        assert!(require_day(&row, day("2026-03-01")).is_err());
        assert!(require_document(&row, Some("ab"), "ab").is_ok());
        for offered in [None, Some("cd")] {
            assert!(require_document(&row, offered, "ab").is_err());
        }
        let signed =
            [signature::Model { party: SignatureParty::Network, ..signature::Model::default() }];
        assert!(require_unsigned(&row, &signed, SignatureParty::Counterparty).is_ok());
        assert!(require_unsigned(&row, &signed, SignatureParty::Network).is_err());
    }
}
