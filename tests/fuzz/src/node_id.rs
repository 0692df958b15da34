//! The reader of global ids: an object has a single id, which is of one type and is refused where
//! another type is expected.

use domain::{
    agreements::Counterparty,
    error::{FieldErrorCode, ValidationErrors},
};
use entity::id::{
    AcknowledgementId, ActivityId, AdjustmentId, AgreementId, AllocationId, ArchivedDocumentId,
    ArchivedDocumentReadId, AuditEntryId, BankPaymentId, BooksClosingId, ContactAreaId, ContactId,
    ContactReadId, CostId, DecisionId, ExportBatchId, FeeScheduleId, GrantId, Identifier,
    InvoiceId, InvoiceLineId, MemberId, NodeType, OrganisationId, PaymentId, ReferenceRateId,
    ReminderId, RequisitionId, SignatureId, StatusReportId, StoredFileId, TaxDecisionId,
    TemplateId, TemplateVersionId, TokenRevocationId,
};
use samregister::graphql::{
    agreements::queries::counterparty,
    scalars::{InvalidId, NodeId, row_id},
};

/// The longest message of an error, in bytes.
const LONGEST: usize = 200;

/// A check of a text where an id of one type is expected. Returns `true` if it is one.
type OfType = fn(&str, Result<NodeId, InvalidId>) -> bool;

/// The checks of all types.
const OF_TYPES: [OfType; 33] = [
    of_type::<MemberId>,
    of_type::<ContactAreaId>,
    of_type::<AllocationId>,
    of_type::<ContactId>,
    of_type::<ContactReadId>,
    of_type::<OrganisationId>,
    of_type::<DecisionId>,
    of_type::<ActivityId>,
    of_type::<FeeScheduleId>,
    of_type::<TaxDecisionId>,
    of_type::<CostId>,
    of_type::<GrantId>,
    of_type::<StatusReportId>,
    of_type::<TemplateId>,
    of_type::<TemplateVersionId>,
    of_type::<AgreementId>,
    of_type::<SignatureId>,
    of_type::<AcknowledgementId>,
    of_type::<InvoiceId>,
    of_type::<InvoiceLineId>,
    of_type::<PaymentId>,
    of_type::<ReminderId>,
    of_type::<RequisitionId>,
    of_type::<AdjustmentId>,
    of_type::<BankPaymentId>,
    of_type::<ExportBatchId>,
    of_type::<BooksClosingId>,
    of_type::<ReferenceRateId>,
    of_type::<TokenRevocationId>,
    of_type::<StoredFileId>,
    of_type::<ArchivedDocumentId>,
    of_type::<ArchivedDocumentReadId>,
    of_type::<AuditEntryId>,
];

/// Checks a text, and each of its lines.
pub fn check(input: &str) {
    check_text(input);
    input.lines().for_each(check_text);
}

/// Checks a text where an id is expected.
fn check_text(text: &str) {
    let read = text.parse::<NodeId>();
    let count = OF_TYPES.iter().filter(|is_of_type| is_of_type(text, read)).count();
    assert_eq!(count, usize::from(read.is_ok()), "{text:?} is of {count} types");
    check_counterparty(text, read);
    let Ok(NodeId { node_type, id }) = read else { return check_refused(text, read) };
    let word = node_type.word();
    assert_eq!(text, format!("{word}_{}", id.simple()), "two texts of an id");
    assert_eq!(word.parse::<NodeType>(), Ok(node_type));
    // The same with other letters, with white space, or without its end.
    let others = [
        text.to_uppercase(),
        format!(" {text}"),
        format!("{text}\n"),
        format!("{text}0"),
        text[..text.len() - 1].to_owned(),
        format!("_{text}"),
        format!("{word}_{}", id.hyphenated()),
    ];
    for other in others {
        assert!(other.parse::<NodeId>().is_err(), "{other:?} is like {text:?}");
    }
}

/// Checks a text that is no id: only one with the form of an id is of an unknown type.
fn check_refused(text: &str, read: Result<NodeId, InvalidId>) {
    let form = text.rsplit_once('_').filter(|(word, digits)| {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        !word.is_empty() && digits.len() == 32 && digits.bytes().all(is_digit)
    });
    let expected = match form {
        Some((word, _)) => {
            assert!(word.parse::<NodeType>().is_err(), "{text:?} is an id of type {word}");
            InvalidId::UnknownType
        }
        None => InvalidId::Malformed,
    };
    assert_eq!(read, Err(expected), "{text:?}");
}

/// Checks a text where an id of type `T` is expected. Returns `true` if it is one.
fn of_type<T: Identifier>(text: &str, read: Result<NodeId, InvalidId>) -> bool {
    let mut errors = ValidationErrors::default();
    let id: T = row_id(&text.into(), "id", &mut errors);
    let is_of_type = read.is_ok_and(|read| read.node_type == T::NODE_TYPE);
    check_errors(text, errors, !is_of_type);
    assert!(!is_of_type || id.global_id() == text, "{text:?} became {}", id.global_id());
    if let Ok(read) = read {
        let own = T::from(read.id).global_id();
        let expected = NodeId { node_type: T::NODE_TYPE, id: read.id };
        assert_eq!(own.parse::<NodeId>(), Ok(expected), "{own}");
        assert_eq!(own == text, is_of_type, "{own} is like {text:?}");
    }
    is_of_type
}

/// Checks a text where the id of a member or an organisation is expected.
fn check_counterparty(text: &str, read: Result<NodeId, InvalidId>) {
    let mut errors = ValidationErrors::default();
    let found = counterparty(&text.into(), "id", &mut errors);
    let expected = read.ok().and_then(|NodeId { node_type, id }| match node_type {
        NodeType::Member => Some(Counterparty::Member(id.into())),
        NodeType::Organisation => Some(Counterparty::Organisation(id.into())),
        _ => None,
    });
    assert_eq!(found, expected, "{text:?}");
    check_errors(text, errors, expected.is_none());
}

/// Checks that there is one short error of the id, if any is expected.
fn check_errors(text: &str, errors: ValidationErrors, is_expected: bool) {
    let errors = errors.into_inner();
    assert_eq!(errors.len(), usize::from(is_expected), "{errors:?} of {text:?}");
    for error in &errors {
        assert_eq!((error.path.as_str(), error.code), ("id", FieldErrorCode::NotAnId), "{text:?}");
        assert!(error.message.len() <= LONGEST, "{error}");
    }
}
