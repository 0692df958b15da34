//! Parameters of the addresses of files: their names, which the options of the commands have too,
//! and their values.

use chrono::NaiveDate;
use domain::error::{
    Error, FieldError, FieldErrorCode, FieldProblem, LINE, Origin, ValidationErrors,
};

/// Returns the name of the parameter or option that sets a field of a rule's input. One that may be
/// repeated has its name in the singular.
pub fn name_of(field: &str) -> String {
    match field.split(['.', '[']).next().unwrap_or_default() {
        "activities" | "activity_slugs" => "activity".to_owned(),
        "member_ids" => "member".to_owned(),
        field => field.replace('_', "-"),
    }
}

/// Returns the error of a rule with the `name` of a parameter in the place of each field of the
/// rule's input. Stored objects and settings have their own names.
pub(super) fn with_names(error: Error, name: fn(&str) -> String) -> Error {
    error.map_fields(|field| match field.origin {
        Origin::Input | Origin::Filter => {
            FieldError { origin: Origin::Request, path: name(&field.path), ..field }
        }
        Origin::Record | Origin::Setting | Origin::Request => field,
    })
}

/// Parses a day.
pub(super) fn day(value: &str) -> Result<NaiveDate, FieldProblem> {
    let problem = |_| FieldErrorCode::NotADate.problem("is not a date; write 2026-11-21");
    value.parse().map_err(problem)
}

/// Parses a flag.
pub(super) fn flag(value: &str) -> Result<bool, FieldProblem> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(FieldErrorCode::UnknownValue.problem("must be true or false")),
    }
}

/// Adds an error for a parameter that there is not. To ignore a misspelled one would make a wrong
/// file.
pub(super) fn refuse_unknown(name: &str, known: &[&str], errors: &mut ValidationErrors) {
    let values = known.join(", ");
    errors.add(
        name.chars().take(LINE).collect::<String>(),
        FieldErrorCode::UnknownField.problem(format!("is none of {values}")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_rule_have_the_names_of_parameters() {
        let names = ["activity_slugs[2]", "member_ids[0]", "group_by", "from"].map(name_of);
        assert_eq!(names, ["activity", "member", "group-by", "from"]);
    }

    #[test]
    fn only_fields_of_an_input_are_renamed() {
        for (origin, path) in [(Origin::Filter, "activity"), (Origin::Record, "activity_slugs[0]")]
        {
            let error = Error::invalid_of(origin, "activity_slugs[0]", "is bad");
            let Error::Invalid(errors) = with_names(error, name_of) else {
                unreachable!("it names a field")
            };
            assert_eq!(errors[0].path, path);
        }
    }
}
