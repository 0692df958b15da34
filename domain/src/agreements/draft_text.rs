//! The text of a draft. It is rendered and checked before the transaction that stores the draft, so
//! that no other change waits for it.

use documents::agreement as document;

use super::document_source::Source;
use crate::{
    config::Network,
    context::Context,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    worker_pool,
};

/// Maximum number of parameters whose unsupported characters are reported.
pub(super) const MAX_PARAMETERS: usize = 100;

/// Maximum number of times that a text is rendered because its source changed meanwhile.
pub(super) const ATTEMPTS: usize = 5;

/// The errors of a draft's text, with the source that the text was made from.
#[derive(Debug, Default)]
pub(super) struct CheckedText {
    source: Option<Source>,
    /// The reason why it can't be rendered.
    error: Option<Error>,
    /// The reason why it can't be typeset.
    problem: Option<String>,
}

impl CheckedText {
    /// Renders the text of a draft that a mutation is about to store, and checks it, in the worker
    /// pool. `None` is a draft without a text.
    ///
    /// # Errors
    /// CONFLICT `TOO_MANY_REQUESTS` when the viewer's queue of jobs is full.
    pub async fn of(ctx: Context<'_>, network: &Network, source: Option<Source>) -> Result<Self> {
        let Some(of_text) = source.clone() else { return Ok(Self::default()) };
        let network = network.clone();
        let work = move || {
            Ok(match of_text.body(&network, None, "parameters") {
                Ok(body) => (None, document::problem(&body)),
                Err(error) => (Some(error), None),
            })
        };
        let (error, problem) = worker_pool::run(&ctx.viewer.subject, work).await?;
        Ok(Self { source, error, problem })
    }

    /// `true` if the checked text was made from this source: the draft, its parties, its activity,
    /// its parameters and the template's version are the same.
    pub fn is_of(&self, source: Option<&Source>) -> bool {
        self.source.as_ref() == source
    }

    /// Adds the errors of the text.
    ///
    /// # Errors
    /// The conflict of a text that can't be rendered, if the input has no other errors: those may
    /// be why the text lacks a fact.
    pub fn report(&self, errors: &mut ValidationErrors) -> Result<()> {
        match &self.error {
            Some(Error::Invalid(found)) => {
                for error in found {
                    errors.add(error.path.clone(), error.clone().into_problem());
                }
            }
            Some(error) if errors.is_empty() => return Err(error.clone()),
            _ => {}
        }
        if let Some(problem) = &self.problem {
            let message = format!("make a text that can't be typeset: it {problem}");
            errors.add("parameters", FieldErrorCode::Template.problem(message));
        }
        Ok(())
    }
}
