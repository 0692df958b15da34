//! The last runs of the commands that timers repeat: checkpoints and checks. They are no
//! part of the register and have no entry in the trail.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A command whose last run is recorded. Its word is stored, and labels metrics.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum RecordedCommand {
    /// A checkpoint of the trail.
    Checkpoint,
    /// A check of the whole register.
    Verify,
    /// A check of the changes since a checkpoint.
    VerifySince,
}

/// The last run of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRun {
    /// The end of the last run.
    pub finished_at: DateTime<Utc>,
    /// The end of the last run without findings; null: none.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Findings of the last run: violations of a check, 1 for another command that failed.
    pub findings: u64,
}

/// The last run of each command that has run.
pub type CommandRuns = BTreeMap<RecordedCommand, CommandRun>;

/// Returns the last check, of the whole register or of the changes since a checkpoint. Of two that
/// ended in the same second, the one that found something.
#[must_use]
pub fn last_check(runs: &CommandRuns) -> Option<&CommandRun> {
    let checks = [RecordedCommand::Verify, RecordedCommand::VerifySince];
    let found = checks.iter().filter_map(|command| runs.get(command));
    found.max_by_key(|run| (run.finished_at, run.findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_never_change() {
        let words: Vec<&str> =
            RecordedCommand::VARIANTS.iter().map(|command| (*command).into()).collect();
        assert_eq!(words, ["checkpoint", "verify", "verify_since"]);
    }
}
