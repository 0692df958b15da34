//! The content of an audit entry: a record in a form with named fields, which don't change with the
//! columns of a table.

use std::borrow::Cow;

use ::entity::{
    id::{BankPaymentId, ContactId, DecisionId, SignatureId},
    kind::{Form, PersonKind, SubjectKind},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The fields of a record, or of a part of one, as an entry has them.
pub trait Fields {
    /// Writes every field under its name in the form.
    ///
    /// # Errors
    /// The errors of the serializer.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// A record of the trail. `form` and `record_id` together identify one row.
pub trait Recorded: Fields {
    /// The form that it is written in.
    const FORM: Form;
    /// The form's version; increased when a field is renamed, moved or removed, with a converter in
    /// `forms::convert`. An added field needs none.
    const VERSION: i32 = 1;

    /// The object whose history the entry belongs to, as the member of an allocation.
    fn subject(&self) -> (SubjectKind, Uuid);

    /// The record's own id.
    fn record_id(&self) -> Uuid;

    /// Returns the fields that name a person, by person.
    fn personal(&self) -> Vec<Personal> {
        Vec::new()
    }
}

/// A person whose data in the trail has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// Kind of the person.
    pub kind: PersonKind,
    /// Id of the person, among those of the kind.
    pub id: Uuid,
}

impl Person {
    /// Returns a contact.
    #[must_use]
    pub fn contact(id: ContactId) -> Self {
        Self { kind: PersonKind::Contact, id: id.0 }
    }

    /// Returns the signatory of an agreement.
    #[must_use]
    pub fn signatory(id: SignatureId) -> Self {
        Self { kind: PersonKind::Signatory, id: id.0 }
    }

    /// Returns the payer of a payment.
    #[must_use]
    pub fn payer(id: BankPaymentId) -> Self {
        Self { kind: PersonKind::Payer, id: id.0 }
    }

    /// Returns the person named in a decision.
    #[must_use]
    pub fn decision(id: DecisionId) -> Self {
        Self { kind: PersonKind::Decision, id: id.0 }
    }

    /// Returns the person named in the billing details of a member or an organisation, or in the
    /// references of an invoice.
    #[must_use]
    pub fn buyer(id: impl Into<Uuid>) -> Self {
        Self { kind: PersonKind::Buyer, id: id.into() }
    }

    /// Returns the subject of a token, in whatever case.
    #[must_use]
    pub fn subject(subject: &str) -> Self {
        Self { kind: PersonKind::Subject, id: first_half(&Sha256::digest(subject.to_lowercase())) }
    }
}

/// Returns the first 16 bytes of a digest.
pub(super) fn first_half(digest: &[u8]) -> Uuid {
    digest.first_chunk().map(|bytes| Uuid::from_bytes(*bytes)).unwrap_or_default()
}

/// The fields of a record that name one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personal {
    /// The person.
    pub person: Person,
    /// JSON pointers (RFC 6901), as `/name`.
    pub fields: Vec<Cow<'static, str>>,
}

impl Personal {
    /// Returns fields of the record itself.
    #[must_use]
    pub fn of(person: Person, fields: &[&'static str]) -> Self {
        Self { person, fields: fields.iter().map(|field| Cow::Borrowed(*field)).collect() }
    }

    /// Returns fields of a part of the record at `path`.
    #[must_use]
    pub fn within(person: Person, path: &str, fields: &[&str]) -> Self {
        Self {
            person,
            fields: fields.iter().map(|field| Cow::Owned(format!("{path}{field}"))).collect(),
        }
    }
}

/// Serializes a record, or a part of one, by its form.
#[derive(Debug)]
pub struct Written<'r, R>(pub &'r R);

impl<R: Fields> Serialize for Written<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// Returns the parts of a record for serialization, in order.
pub fn parts<R: Fields>(parts: &[R]) -> Vec<Written<'_, R>> {
    parts.iter().map(Written).collect()
}

/// Returns the record as JSON with all of its data in clear, for comparison with an entry.
///
/// # Errors
/// A field that JSON can't hold.
pub fn to_value<R: Fields>(record: &R) -> serde_json::Result<Value> {
    serde_json::to_value(Written(record))
}

/// Implements [`Fields`] for a row: each field under its name in the form, which is the column's
/// unless another is given. It lists every column, so that a new one doesn't compile until it is
/// added to the form; columns after `skip` are in no entry.
macro_rules! fields {
    ($row:ty { $($field:ident $(as $name:literal)?),* $(,)? } $(skip { $($skipped:ident),* })?) => {
        impl $crate::audit::recorded::Fields for $row {
            fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
                let Self { $($field,)* $($($skipped: _),*)? } = self;
                $(map.serialize_entry($crate::audit::recorded::fields!(@name $field $($name)?), $field)?;)*
                Ok(())
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}
pub(crate) use fields;
