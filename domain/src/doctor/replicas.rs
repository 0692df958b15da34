//! Check of the read replicas.

use super::diagnosis::{Check, Status, Subject};
use crate::database::replica_facts::{ReplicaFacts, ReplicaRole};

/// Checks that each read replica responds, is a standby of the primary, and does not lag. `None`:
/// the settings name none.
#[must_use]
pub fn read_replicas(found: Option<&[ReplicaFacts]>) -> Check {
    let subject = Subject::ReadReplicas;
    let Some(found) = found else {
        return Check::ok(subject, "the settings name no read replicas");
    };
    let problems: Vec<(Status, String)> = found.iter().filter_map(problem).collect();
    let Some(status) = problems.iter().map(|(status, _)| *status).max() else {
        return Check::ok(
            subject,
            match found.len() {
                1 => "1 read replica is up to date".to_owned(),
                count => format!("{count} read replicas are up to date"),
            },
        );
    };
    let words: Vec<String> = problems.into_iter().map(|(_, words)| words).collect();
    let advice = "check DATABASE_REPLICA_URLS and the replication (primary_conninfo): a server sends no queries to such a replica";
    Check { status, ..Check::fail(subject, words.join("; "), advice) }
}

/// Returns what is wrong with a replica; `None` if nothing is.
fn problem(facts: &ReplicaFacts) -> Option<(Status, String)> {
    let server = &facts.server;
    let finding = match &facts.found {
        Ok(finding) => finding,
        Err(cause) => return Some((Status::Fail, format!("{server} can't be read: {cause}"))),
    };
    if finding.role == ReplicaRole::Other {
        let words = format!("{server} is no standby: it accepts changes that the register lacks");
        return Some((Status::Fail, words));
    }
    if !finding.has_trail {
        let words = format!(
            "{server} has the audit trail of another register, or of a former primary that it follows"
        );
        return Some((Status::Fail, words));
    }
    let noun = if finding.missing == 1 { "revision" } else { "revisions" };
    let words = format!("{server} lacks {} {noun} of the primary", finding.missing);
    (finding.missing > 0).then_some((Status::Warn, words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::replica_facts::ReplicaFinding;

    #[test]
    fn the_worst_replica_decides() {
        let of = |role, has_trail, missing| ReplicaFacts {
            server: "db2:5432".into(),
            found: Ok(ReplicaFinding { role, has_trail, missing }),
        };
        use ReplicaRole::{Other, Primary, Standby};
        let dead = ReplicaFacts { server: "db3:5432".into(), found: Err("refused".into()) };
        let good = || of(Standby, true, 0);
        assert_eq!(read_replicas(None).status, Status::Ok);
        for (facts, status, words) in [
            (vec![good()], Status::Ok, "1 read replica is up to date"),
            (vec![good(), of(Primary, true, 0)], Status::Ok, "2 read replicas are up to date"),
            (vec![good(), of(Standby, true, 1)], Status::Warn, "db2:5432 lacks 1 revision of"),
            (vec![of(Standby, true, 9)], Status::Warn, "lacks 9 revisions"),
            (vec![of(Standby, false, 9)], Status::Fail, "audit trail of another register"),
            (vec![of(Other, true, 0)], Status::Fail, "is no standby"),
            (vec![of(Standby, true, 1), dead], Status::Fail, "db3:5432 can't be read: refused"),
        ] {
            let check = read_replicas(Some(&facts));
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.message.contains(words), "{check:?}");
        }
    }
}
