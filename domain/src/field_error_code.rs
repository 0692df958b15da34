//! Codes of invalid fields: the stable codes that clients get with INVALID.

use crate::codes::code_enum;

code_enum! {
    /// Code of an invalid field.
    ///
    /// The code that clients get is the variant in capitals, as `CHECK_DIGIT`. It is part of the
    /// API's contract and never changes.
    pub enum FieldErrorCode {
        /// The check digit of the number is wrong.
        CheckDigit,
        /// The text has control characters, as a line break in a text of one line.
        ControlCharacters,
        /// The list or file has the value twice, or another object has it.
        Duplicate,
        /// The text or list is empty.
        Empty,
        /// The GraphQL document is invalid; `locations` has the position.
        InvalidDocument,
        /// The value is invalid for another reason; the message has it.
        InvalidValue,
        /// The request exceeds a limit of the server; `extensions.reason` names it.
        LimitExceeded,
        /// The value contradicts another field, or an object that the input refers to.
        Mismatch,
        /// The value is not an amount in kronor with at most two decimals.
        NotAnAmount,
        /// The value is not an e-mail address.
        NotAnEmailAddress,
        /// The value is not a global id, or is the id of another type.
        NotAnId,
        /// The value is not an organisation number.
        NotAnOrgNumber,
        /// The value is not a cursor of this list in this order.
        NotACursor,
        /// The value is not a date, or not a date and time.
        NotADate,
        /// The value is not a digest (SHA-256) in hexadecimal, or not that of the document.
        NotADigest,
        /// The value is not a number, or has too many decimals.
        NotANumber,
        /// The value is not an id in Peppol.
        NotAPeppolId,
        /// The value is not a slug: lower-case letters, digits and hyphens.
        NotASlug,
        /// The field must be left out: another field, or the object, excludes it.
        NotAllowed,
        /// The number or amount is outside its range: `min`, `max` or both, or not above
        /// `exclusiveMin`.
        OutOfRange,
        /// The value is required, and missing.
        Required,
        /// The text or the parameters of a template have an error.
        Template,
        /// The day is before the first possible one, `min`.
        TooEarly,
        /// The day is after the last possible one, `max`.
        TooLate,
        /// The text is longer than `max` characters.
        TooLong,
        /// The list has more than `max` items, or the result more than `max` rows.
        TooMany,
        /// No object has this id or name, or the caller may not see it.
        Unknown,
        /// The input has no field, the field no argument, or the request no parameter of this name.
        UnknownField,
        /// The value is none of the possible ones.
        UnknownValue,
        /// The text has characters that documents can't show.
        Unprintable,
        /// The file or text can't be read.
        Unreadable,
        /// The server does not support the value.
        Unsupported,
        /// The status of the object that the field refers to does not allow it.
        WrongStatus,
        /// The value has another type, as a number instead of a text.
        WrongType,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{Code, undescribed};

    /// The codes that clients know.
    const CODES: &str = "CHECK_DIGIT CONTROL_CHARACTERS DUPLICATE EMPTY INVALID_DOCUMENT \
        INVALID_VALUE LIMIT_EXCEEDED MISMATCH NOT_AN_AMOUNT NOT_AN_EMAIL_ADDRESS NOT_AN_ID \
        NOT_AN_ORG_NUMBER NOT_A_CURSOR NOT_A_DATE NOT_A_DIGEST NOT_A_NUMBER NOT_A_PEPPOL_ID \
        NOT_A_SLUG NOT_ALLOWED OUT_OF_RANGE REQUIRED TEMPLATE TOO_EARLY TOO_LATE TOO_LONG \
        TOO_MANY UNKNOWN UNKNOWN_FIELD UNKNOWN_VALUE UNPRINTABLE UNREADABLE UNSUPPORTED \
        WRONG_STATUS WRONG_TYPE";

    #[test]
    fn clients_know_every_code() {
        let codes: Vec<&str> = FieldErrorCode::all().into_iter().map(Code::word).collect();
        assert_eq!(codes, CODES.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn every_code_has_a_description() {
        assert_eq!(undescribed::<FieldErrorCode>(), [""; 0]);
    }
}
