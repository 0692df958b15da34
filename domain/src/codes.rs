//! Codes of the API: enums of words that clients rely on, each with a description.

use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoEnumIterator};

/// An enum of codes. Its words are part of the API's contract and never change; the doc comment of
/// each variant is its description in the schema.
pub trait Code: Copy + Eq + Send + Sync + 'static {
    /// Returns every code, in the order of the enum.
    fn all() -> Vec<Self>;
    /// Returns the word that clients get.
    fn word(self) -> &'static str;
    /// Returns the description; empty if there is none.
    fn description(self) -> &'static str;
}

impl<T> Code for T
where
    T: IntoEnumIterator + EnumMessage + Into<&'static str> + Copy + Eq + Send + Sync + 'static,
{
    fn all() -> Vec<Self> {
        Self::iter().collect()
    }

    fn word(self) -> &'static str {
        self.into()
    }

    fn description(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end()
    }
}

/// Declares an enum of codes, whose words are its variants in capitals, as `ALREADY_SIGNED`.
macro_rules! code_enum {
    ($(#[$attribute:meta])* pub enum $name:ident { $($variants:tt)* }) => {
        #[derive(
            Clone,
            Copy,
            Debug,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            strum::Display,
            strum::EnumIter,
            strum::EnumMessage,
            strum::EnumString,
            strum::IntoStaticStr,
        )]
        #[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
        $(#[$attribute])*
        pub enum $name { $($variants)* }
    };
}
pub(crate) use code_enum;

code_enum! {
    /// Code of an error: `extensions.code`.
    pub enum ErrorCode {
        /// The request has no valid token.
        Unauthenticated,
        /// The caller lacks the permission.
        Forbidden,
        /// The object does not exist, or the caller may not see it.
        NotFound,
        /// The request is invalid: `extensions.fields` names every invalid field. For a limit of
        /// the server, `extensions.reason` is a `LimitReason`.
        Invalid,
        /// A business rule forbids it, or a concurrent change won; `extensions.reason` is a
        /// `ConflictReason`.
        Conflict,
        /// The server failed. Its log has the cause under `extensions.requestId`.
        Internal,
    }
}

code_enum! {
    /// Reason of an INVALID error about a limit of the server: `extensions.reason`.
    pub enum LimitReason {
        /// The answer would have more bytes than the server sends. Request fewer rows or fields.
        AnswerTooLarge,
        /// The document queries the schema, and introspection is off on this server.
        IntrospectionOff,
        /// The document has too many aliases.
        LimitAliases,
        /// The batch has too many documents, or batches are off on this server.
        LimitBatch,
        /// The body of the request has too many bytes.
        LimitBody,
        /// The document costs too many points.
        LimitComplexity,
        /// The document selects fields on too many levels.
        LimitDepth,
        /// The document has too many directives.
        LimitDirectives,
        /// The fragments of the document expand to too many fields.
        LimitExpansion,
        /// A query of the schema costs too many points.
        LimitIntrospectionComplexity,
        /// A query of the schema selects fields on too many levels.
        LimitIntrospectionDepth,
        /// The document nests brackets, fields or fragments on too many levels.
        LimitNesting,
        /// The request took too long, or was aborted because the server stops. Retry later, or
        /// request less.
        LimitTime,
        /// The document has too many tokens.
        LimitTokens,
    }
}

code_enum! {
    /// Code of a warning about something that succeeded.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum WarningCode {
        /// An interest invoice claims more than is owed since the invoice was credited or paid;
        /// reported for the invoice and for its credit notes.
        Overclaimed,
        /// A line has the day of issue as its day of supply, since no other day was stated.
        SupplyDateAssumed,
        /// The VAT treatment of a line differs from the tax decision in force on the day of issue.
        TaxDecisionDiffers,
    }
}

/// Returns the codes without a description that is a sentence.
#[cfg(test)]
pub(crate) fn undescribed<T: Code>() -> Vec<&'static str> {
    T::all().into_iter().filter(|code| !code.description().ends_with('.')).map(T::word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<T: Code>() -> Vec<&'static str> {
        T::all().into_iter().map(T::word).collect()
    }

    #[test]
    fn clients_know_every_code() {
        assert_eq!(
            words::<ErrorCode>(),
            ["UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "INVALID", "CONFLICT", "INTERNAL"]
        );
        assert_eq!(
            words::<WarningCode>(),
            ["OVERCLAIMED", "SUPPLY_DATE_ASSUMED", "TAX_DECISION_DIFFERS"]
        );
        assert_eq!(
            words::<LimitReason>(),
            [
                "ANSWER_TOO_LARGE",
                "INTROSPECTION_OFF",
                "LIMIT_ALIASES",
                "LIMIT_BATCH",
                "LIMIT_BODY",
                "LIMIT_COMPLEXITY",
                "LIMIT_DEPTH",
                "LIMIT_DIRECTIVES",
                "LIMIT_EXPANSION",
                "LIMIT_INTROSPECTION_COMPLEXITY",
                "LIMIT_INTROSPECTION_DEPTH",
                "LIMIT_NESTING",
                "LIMIT_TIME",
                "LIMIT_TOKENS",
            ]
        );
    }

    #[test]
    fn every_code_has_a_description() {
        assert_eq!(undescribed::<ErrorCode>(), [""; 0]);
        assert_eq!(undescribed::<LimitReason>(), [""; 0]);
        assert_eq!(undescribed::<WarningCode>(), [""; 0]);
    }

    #[test]
    fn a_stored_warning_has_the_word_of_its_code() -> Result<(), serde_json::Error> {
        for code in WarningCode::all() {
            let stored = serde_json::to_string(&code)?;
            assert_eq!(stored, format!("\"{}\"", code.word()));
            assert_eq!(serde_json::from_str::<WarningCode>(&stored)?, code);
        }
        Ok(())
    }
}
