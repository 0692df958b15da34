//! Checks of what timers repeat: backups, checkpoints and checks of the register.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::diagnosis::{Check, Subject};
use crate::{
    backup::Last,
    database::{CommandRun, CommandRuns, RecordedCommand, last_check},
};

/// Age from which a checkpoint or a check is late: a week was left out.
const WEEKLY_HOURS: i64 = 8 * 24;

/// Checks that there is a backup by `samregister backup` that is younger than the settings allow.
#[must_use]
pub fn backup(found: Result<Option<Last>, String>, max_age: Duration, now: DateTime<Utc>) -> Check {
    let subject = Subject::Backup;
    let advice = "run `samregister backup` each night; if you use another program, watch it there";
    let last = match found {
        Ok(last) => last.unwrap_or_default(),
        Err(cause) => {
            let message = format!("the result of the last backup can't be read: {cause}");
            return Check::warn(subject, message, "run it as the user of the backups");
        }
    };
    if let Some(failure) = last.failure.as_ref().filter(|_| last.has_failed()) {
        let message = format!("the backup of {} failed: {}", words(failure.at), failure.message);
        return Check::fail(subject, message, "docs/operations/backup.md describes backups");
    }
    let Some(success) = &last.success else {
        return Check::warn(subject, "no backup is recorded", advice);
    };
    let message = format!("the last backup is of {}", words(success.at));
    if last.is_stale(now, max_age) {
        let hours = max_age.as_secs() / 3600;
        Check::warn(subject, format!("{message}, more than {hours} hours ago"), advice)
    } else {
        Check::ok(subject, message)
    }
}

/// Checks that there is a recent checkpoint.
#[must_use]
pub fn checkpoint(runs: &CommandRuns, now: DateTime<Utc>) -> Check {
    let run = runs.get(&RecordedCommand::Checkpoint);
    let advice = "run `samregister checkpoint` each night, and send its line to the auditor";
    repeated((Subject::Checkpoint, "checkpoint"), run, now, advice)
}

/// Checks that the register was checked recently, and that nothing was found.
#[must_use]
pub fn verify(runs: &CommandRuns, now: DateTime<Utc>) -> Check {
    let subject = Subject::Verify;
    let whole = runs.get(&RecordedCommand::Verify);
    if let Some(run) = last_check(runs).filter(|run| run.findings > 0) {
        let noun = if run.findings == 1 { "violation" } else { "violations" };
        let message =
            format!("the check of {} found {} {noun}", words(run.finished_at), run.findings);
        let advice = "run `samregister verify`, and follow docs/verify.md";
        return Check::fail(subject, message, advice);
    }
    let advice = "run `samregister verify` each week; --since is no check of the whole register";
    repeated((subject, "check of the whole register"), whole, now, advice)
}

fn words(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Checks that a command ran in the last week, and did not fail.
fn repeated(
    (subject, noun): (Subject, &str),
    run: Option<&CommandRun>,
    now: DateTime<Utc>,
    advice: &str,
) -> Check {
    let Some(run) = run else {
        return Check::warn(subject, format!("no {noun} is recorded"), advice);
    };
    if run.findings > 0 {
        let message = format!("the {noun} of {} failed", words(run.finished_at));
        return Check::fail(subject, message, advice);
    }
    let message = format!("the last {noun} is of {}", words(run.finished_at));
    if now - run.finished_at > TimeDelta::hours(WEEKLY_HOURS) {
        Check::warn(subject, format!("{message}, more than {WEEKLY_HOURS} hours ago"), advice)
    } else {
        Check::ok(subject, message)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::diagnosis::Status, *};
    use crate::backup::{Failure, Success};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn runs(command: RecordedCommand, finished: &str, findings: u64) -> CommandRuns {
        let run = CommandRun { finished_at: at(finished), succeeded_at: None, findings };
        CommandRuns::from([(command, run)])
    }

    const NOW: &str = "2026-12-02T09:00:00Z";

    #[test]
    fn what_is_late_is_a_warning_and_what_failed_a_failure() {
        use RecordedCommand::{Checkpoint, Verify};
        type Judge = fn(&CommandRuns, DateTime<Utc>) -> Check;
        let judges: [(RecordedCommand, Judge, &str); 2] = [
            (Checkpoint, checkpoint, "2026-11-24T08:00:00Z"),
            (Verify, verify, "2026-11-24T08:00:00Z"),
        ];
        for (command, judge, late) in judges {
            let of = |finished, findings| judge(&runs(command, finished, findings), at(NOW)).status;
            assert_eq!(judge(&CommandRuns::new(), at(NOW)).status, Status::Warn, "{command}");
            assert_eq!(of("2026-12-02T02:00:00Z", 0), Status::Ok, "{command}");
            assert_eq!(of(late, 0), Status::Warn, "{command}");
            assert_eq!(of("2026-12-02T02:00:00Z", 1), Status::Fail, "{command}");
        }
    }

    #[test]
    fn a_backup_is_younger_than_the_settings_allow() {
        let failure = |text: &str| Failure { at: at(text), message: "the disk is full".into() };
        let success = |text: &str| Success {
            at: at(text),
            finished_at: Some(at(text)),
            revision: 7,
            bytes: 4096,
            file: "b.db".into(),
        };
        let of = |last: Option<Last>| backup(Ok(last), Duration::from_secs(26 * 3600), at(NOW));
        assert_eq!(of(None).status, Status::Warn);
        assert_eq!(backup(Err("x".into()), Duration::ZERO, at(NOW)).status, Status::Warn);
        let last = |succeeded: &str, failed: Option<&str>| {
            Some(Last {
                success: Some(success(succeeded)),
                failure: failed.map(failure),
                ..Last::default()
            })
        };
        assert_eq!(of(last("2026-12-02T02:00:00Z", None)).status, Status::Ok);
        assert_eq!(of(last("2026-12-01T02:00:00Z", None)).status, Status::Warn);
        let failed = of(last("2026-12-02T02:00:00Z", Some("2026-12-02T03:00:00Z")));
        assert!(failed.status == Status::Fail && failed.message.ends_with("disk is full"));
        let retried = last("2026-12-02T02:00:00Z", Some("2026-12-02T01:00:00Z"));
        assert_eq!(of(retried).status, Status::Ok);
    }

    #[test]
    fn a_check_of_changes_is_none_of_the_whole_register() {
        use RecordedCommand::{Verify, VerifySince};
        let mut both = runs(VerifySince, "2026-12-02T08:00:00Z", 0);
        assert_eq!(verify(&both, at(NOW)).status, Status::Warn);
        both.extend(runs(Verify, "2026-12-01T08:00:00Z", 3));
        assert_eq!(verify(&both, at(NOW)).status, Status::Fail, "its whole check found some");
        both = runs(Verify, "2026-12-01T08:00:00Z", 0);
        both.extend(runs(VerifySince, "2026-12-02T08:00:00Z", 2));
        let check = verify(&both, at(NOW));
        assert!(
            check.status == Status::Fail && check.message.contains("2 violations"),
            "{check:?}"
        );
    }

    #[test]
    fn of_two_checks_that_ended_at_once_the_one_with_violations_is_named() {
        use RecordedCommand::{Verify, VerifySince};
        let finished = "2026-12-02T08:00:00Z";
        for (whole, since, named) in [(3, 0, "3 violations"), (0, 1, "1 violation")] {
            let mut both = runs(Verify, finished, whole);
            both.extend(runs(VerifySince, finished, since));
            let check = verify(&both, at(NOW));
            assert!(
                check.status == Status::Fail && check.message.ends_with(named),
                "{whole} and {since}: {check:?}"
            );
        }
    }
}
