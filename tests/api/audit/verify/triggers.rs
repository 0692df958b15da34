//! Objects of the schema that the migrations do not make, and that run when rows are written:
//! `verify` names each.

use sea_orm::{ConnectionTrait, DbBackend};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::connection,
};

on_both!(what_runs_when_rows_are_written_is_none_of_the_registers, |app| async move {
    let db = connection(&app).await;
    let verify = || {
        let output = app.program().arg("verify").output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
            output.status.code(),
        )
    };
    assert_eq!(verify().1, Some(0));
    let cases: &[(&str, &str, &str)] = if app.db.backend() == DbBackend::Postgres {
        &[
            (
                "ALTER TABLE cost ADD CONSTRAINT own CHECK (amount <> 7)",
                "constraint own of cost is not part",
                "ALTER TABLE cost DROP CONSTRAINT own",
            ),
            (
                "CREATE INDEX own ON cost ((amount + 1))",
                "index own of cost is not part",
                "DROP INDEX own",
            ),
            (
                "CREATE INDEX own ON cost (amount) WHERE amount > 7",
                "index own of cost is not part",
                "DROP INDEX own",
            ),
            (
                "ALTER TABLE cost ADD COLUMN own bigint DEFAULT random()",
                "column cost.own is not part",
                "ALTER TABLE cost DROP COLUMN own",
            ),
            (
                "CREATE TRIGGER search_index_x BEFORE INSERT ON seaql_migrations FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse()",
                "trigger search_index_x of seaql_migrations is not part",
                "DROP TRIGGER search_index_x ON seaql_migrations",
            ),
        ]
    } else {
        &[
            (
                "CREATE TRIGGER search_index_x AFTER INSERT ON cost BEGIN UPDATE cost SET amount = 1; END",
                "trigger search_index_x of cost is not part",
                "DROP TRIGGER search_index_x",
            ),
            (
                "CREATE TRIGGER own AFTER INSERT ON seaql_migrations BEGIN UPDATE cost SET amount = 1; END",
                "trigger own of seaql_migrations is not part",
                "DROP TRIGGER own",
            ),
            (
                "CREATE INDEX search_index_x ON cost (amount + 1)",
                "index search_index_x of cost is not part",
                "DROP INDEX search_index_x",
            ),
            (
                "CREATE INDEX own ON cost (amount) WHERE amount > 7",
                "index own of cost is not part",
                "DROP INDEX own",
            ),
            (
                "ALTER TABLE cost ADD COLUMN own INTEGER CHECK (own <> 7)",
                "table cost differs from",
                "ALTER TABLE cost DROP COLUMN own",
            ),
        ]
    };
    for (made, named, undone) in cases {
        db.execute_unprepared(made).await.unwrap();
        let (found, code) = verify();
        assert!(
            code == Some(3)
                && found.contains(&format!("schema: the {named} "))
                && found.contains("1 violation"),
            "{made}: {found}"
        );
        db.execute_unprepared(undone).await.unwrap();
        assert_eq!(verify().1, Some(0), "{undone}");
    }
    // A plain index makes reading faster, and runs nothing.
    db.execute_unprepared("CREATE INDEX own ON cost (amount)").await.unwrap();
    assert_eq!(verify().1, Some(0));
});
