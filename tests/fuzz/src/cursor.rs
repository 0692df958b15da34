//! The reader of cursors: a position has a single cursor, which is valid in its own list and order
//! alone, and others are refused by name of the argument.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    audit, contacts, document_list,
    error::{Error, FieldErrorCode, ValidationErrors},
    ledger, organisations,
    page::{Args, Cursor, KeyType, Order, PageRequest},
};
use entity::{cost, grant, organisation};
use sea_orm::DbBackend;

/// An id, as a cursor has it.
const ID: &str = "0190b5a41f2e7c3d8a9b0c1d2e3f4a5b";
/// The longest message of an error, in bytes.
const LONGEST: usize = 200;

/// Checks a cursor, a cursor with this content, and that of a row whose key is this text.
pub fn check(input: &str) {
    check_cursor(input);
    check_cursor(&URL_SAFE_NO_PAD.encode(input));
    let of_key = URL_SAFE_NO_PAD.encode(format!("Organisation.NAME\nt{input}\n{ID}"));
    let is_storable = !input.contains('\0');
    assert_eq!(check_cursor(&of_key), is_storable, "{input:?} as a key");
}

/// Checks a text in every list. Returns `true` if it is a cursor.
fn check_cursor(text: &str) -> bool {
    let cursor = Cursor::decode(text);
    if let Some(cursor) = &cursor {
        assert_eq!(cursor.encode(), text, "two texts of {cursor:?}");
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let content = String::from_utf8(bytes).unwrap_or_default();
    for (list, order) in lists() {
        let own = format!("{list}.{}\n{}", order.name, letter(order.key_type));
        let is_own = cursor.is_some() && content.starts_with(&own);
        let name = order.name;
        assert_eq!(is_valid_in(text, list, order), is_own, "{content:?} in {list} by {name}");
    }
    cursor.is_some()
}

/// Lists with orders: of each type of keys, of the same name in several lists, and several of one
/// list.
fn lists() -> [(&'static str, Order); 11] {
    let costs =
        |field, descending| ledger::order::<cost::Model>(DbBackend::Sqlite, field, descending);
    let grants =
        |field, descending| ledger::order::<grant::Model>(DbBackend::Sqlite, field, descending);
    [
        ("Organisation", organisations::order(organisations::Field::Name, false)),
        ("Organisation", organisations::order(organisations::Field::OrgNumber, true)),
        ("ContactArea", contacts::areas::by_name(false)),
        ("Cost", costs(ledger::Field::BookedOn, true)),
        ("Cost", costs(ledger::Field::Amount, false)),
        ("Cost", costs(ledger::Field::Party, false)),
        ("Grant", grants(ledger::Field::BookedOn, true)),
        ("Grant", grants(ledger::Field::Party, true)),
        ("Document", document_list::order(document_list::Field::CreatedOn, true)),
        ("Document", document_list::order(document_list::Field::Title, false)),
        ("AuditEntry", audit::order(true)),
    ]
}

/// Returns the letter with which the keys of this type begin in a cursor.
fn letter(key_type: KeyType) -> char {
    match key_type {
        KeyType::Text => 't',
        KeyType::Day => 'd',
        KeyType::Number => 'n',
    }
}

/// Returns `true` if a list takes the text as a cursor, at both ends of a page.
fn is_valid_in(text: &str, list: &'static str, order: Order) -> bool {
    let args =
        Args { after: Some(text.to_owned()), before: Some(text.to_owned()), ..Args::default() };
    let errors = ValidationErrors::default();
    // Without columns, the type of the rows does not matter.
    match PageRequest::<organisation::Model>::check(list, order, &args, Vec::new(), errors) {
        Ok(_) => true,
        Err(Error::Invalid(errors)) => {
            let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
            assert_eq!(paths, ["after", "before"], "{text:?}");
            for error in &errors {
                assert_eq!(error.code, FieldErrorCode::NotACursor, "{text:?}");
                assert!(error.message.len() <= LONGEST, "{error}");
            }
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}
