//! The text of a draft: it is filled in and checked before the transaction that writes the draft,
//! so that no other change waits for it.

use super::document_source::Source;
use crate::{
    auth::viewer::Viewer,
    config::Network,
    documents::agreement as document,
    error::{Error, Result, ValidationErrors},
    worker_pool,
};

/// The findings in a draft's text, and all that the text was made of.
#[derive(Debug, Default)]
pub(super) struct CheckedText {
    source: Option<Source>,
    /// The reason that it can't be filled in.
    error: Option<Error>,
    /// The reason that it can't be typeset.
    problem: Option<String>,
}

impl CheckedText {
    /// Fills in the text of a draft that a mutation is about to write, and checks it, in the worker
    /// pool. `None` is a draft without a text.
    ///
    /// # Errors
    /// CONFLICT `TOO_MANY_REQUESTS` when as many jobs of the viewer wait as may.
    pub async fn of(viewer: &Viewer, network: &Network, source: Option<Source>) -> Result<Self> {
        let Some(of_text) = source.clone() else { return Ok(Self::default()) };
        let network = network.clone();
        let work = move || {
            Ok(match of_text.body(&network, None, "input.parameters") {
                Ok(body) => (None, document::problem(&body)),
                Err(error) => (Some(error), None),
            })
        };
        let (error, problem) = worker_pool::run(&viewer.subject, work).await?;
        Ok(Self { source, error, problem })
    }

    /// `true` if a text made of this is the one that was checked: the draft, its parties, its
    /// activity, its parameters and the template's version are the same.
    pub fn is_of(&self, source: Option<&Source>) -> bool {
        self.source.as_ref() == source
    }

    /// Notes what is wrong with the text.
    ///
    /// # Errors
    /// The conflict of a text that can't be filled in, if nothing else is wrong with the input: the
    /// text may lack a fact because of that.
    pub fn report(&self, errors: &mut ValidationErrors) -> Result<()> {
        match &self.error {
            Some(Error::Invalid(found)) => {
                found.iter().for_each(|error| errors.add(error.path.clone(), error.message.clone()))
            }
            Some(error) if errors.is_empty() => return Err(error.clone()),
            _ => {}
        }
        if let Some(problem) = &self.problem {
            errors.add("input.parameters", format!("make a text that can't be set: it {problem}"));
        }
        Ok(())
    }
}
