//! Registers of earlier versions: a change of the schema loses none of their data.

use domain::clock::Clock;
use domain::database::{Database, plan::Plan};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::support::{
    app::{App, on_both},
    test_database::TestDatabase,
};

/// A register as it was before this change of the schema, and a connection to it.
async fn before(app: &App, change: &str) -> (TestDatabase, Database, DatabaseConnection) {
    let database = app.empty_database().await;
    let db = Database::connect(&database.url(), None).await.unwrap();
    db.apply(&Plan::current().before(change), Clock::system().now()).await.unwrap();
    let connection = sea_orm::Database::connect(database.url()).await.unwrap();
    (database, db, connection)
}

/// A statement with ids as `{1}`, in the notation of the database.
fn with_ids(db: &DatabaseConnection, sql: &str) -> String {
    let is_sqlite = db.get_database_backend() == sea_orm::DbBackend::Sqlite;
    (1..=3).fold(sql.to_owned(), |sql, number| {
        let id = if is_sqlite { format!("X'{number:032x}'") } else { format!("'{number:032x}'") };
        sql.replace(&format!("{{{number}}}"), &id)
    })
}

/// The texts that a query finds; null as `-`.
async fn texts<const COLUMNS: usize>(db: &DatabaseConnection, sql: &str) -> Vec<[String; COLUMNS]> {
    let rows =
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let text = |row: &sea_orm::QueryResult, position| {
        row.try_get_by_index::<Option<String>>(position).unwrap().unwrap_or_else(|| "-".to_owned())
    };
    rows.iter().map(|row| std::array::from_fn(|position| text(row, position))).collect()
}

on_both!(long_texts_move_to_tables_of_their_own, |app| async move {
    let (_position, register, db) = before(&app, "m2026_11_24_01_texts").await;
    // Longer than a page of either database.
    let long = "Å".repeat(20_000);
    let fill = format!(
        "INSERT INTO activity (id, slug, name, name_key, purpose, goal, starts_on, ends_on) VALUES
            ({{1}}, 'bip', 'BIP', 'bip', '{long}', NULL, '2020-01-01', '2026-12-31'),
            ({{2}}, 'jgl', 'JGL', 'jgl', 'Kurser', 'Rad ett\nRad två', '2021-01-01', NULL),
            ({{3}}, 'tyst', 'Tyst', 'tyst', NULL, NULL, '2022-01-01', NULL);
        INSERT INTO status_report (id, activity_id, period, health, summary, deviations, next_steps, reported_by, reported_at) VALUES
            ({{1}}, {{1}}, '2026-T1', 'GREEN', 'Bra', NULL, NULL, 'Lena', '2026-04-05T08:00:00+00:00'),
            ({{2}}, {{1}}, '2026-T2', 'RED', '{long}', 'Sent', '{long}', 'Lena', '2026-08-05T08:00:00+00:00')"
    );
    db.execute_unprepared(&with_ids(&db, &fill)).await.unwrap();
    assert_eq!(register.migrate(Clock::system().now()).await.unwrap()[0], "m2026_11_24_01_texts");

    let of_activities = "SELECT slug, CAST(ends_on AS text), purpose, goal FROM activity JOIN activity_text ON activity_id = id ORDER BY slug";
    let [bip, jgl, silent] = texts::<4>(&db, of_activities).await.try_into().unwrap();
    assert!(bip == ["bip", "2026-12-31", &long, "-"], "the long text is another");
    assert_eq!(
        (jgl, silent),
        (
            ["jgl", "-", "Kurser", "Rad ett\nRad två"].map(Into::into),
            ["tyst", "-", "-", "-"].map(Into::into)
        )
    );

    let of_reports =
        "SELECT period, health, summary, deviations, next_steps, reported_by FROM status_report
        JOIN status_report_text ON status_report_id = id ORDER BY period";
    let [short, long_report] = texts::<6>(&db, of_reports).await.try_into().unwrap();
    assert_eq!(short, ["2026-T1", "GREEN", "Bra", "-", "-", "Lena"]);
    assert!(
        long_report == ["2026-T2", "RED", &long, "Sent", &long, "Lena"],
        "the long texts are others"
    );

    for (table, column) in [
        ("activity", "purpose"),
        ("activity", "goal"),
        ("status_report", "summary"),
        ("status_report", "deviations"),
        ("status_report", "next_steps"),
    ] {
        let left = Statement::from_string(
            db.get_database_backend(),
            format!("SELECT {table}.{column} FROM {table}"),
        );
        assert!(db.query_all_raw(left).await.is_err(), "{table} has its {column} still");
    }
    db.close().await.unwrap();
    register.close().await.unwrap();
});

on_both!(costs_and_reports_of_before_are_searched, |app| async move {
    let change = "m2026_12_05_30_list_search";
    let (_position, register, db) = before(&app, change).await;
    let fill = "INSERT INTO activity (id, slug, name, name_key, starts_on) VALUES ({1}, 'bip', 'BIP', 'bip', '2020-01-01');
        INSERT INTO cost (id, activity_id, booked_on, amount, description, occurrence, reference)
            VALUES ({2}, {1}, '2026-01-01', 100, 'Lokal', 1, 'F-17');
        INSERT INTO status_report (id, activity_id, period, health, reported_by, reported_at)
            VALUES ({3}, {1}, '2026', 'GREEN', 'Lena', '2026-04-05T08:00:00+00:00');
        INSERT INTO status_report_text (status_report_id, summary) VALUES ({3}, 'Bra')";
    db.execute_unprepared(&with_ids(&db, fill)).await.unwrap();
    assert_eq!(register.migrate(Clock::system().now()).await.unwrap()[0], change);
    let words = texts::<1>(&db, "SELECT words FROM search_document ORDER BY words").await;
    assert_eq!(words, [["c17 cf clokal"], ["sbra"], ["vbip"]].map(|[words]| [words.to_owned()]));
    db.close().await.unwrap();
    register.close().await.unwrap();
});

on_both!(a_total_that_no_column_holds_stops_the_migration_with_a_message, |app| async move {
    let (_position, register, db) = before(&app, "m2026_12_04_60_revenue_of_members").await;
    // Twice 2^62 öre of one buyer in one year.
    let fill = "INSERT INTO organisation (id, name, name_key) VALUES ({1}, 'Region', 'region');
        INSERT INTO invoice (id, kind, number, number_key, organisation_id, issued_on, due_on, net, vat, rounding, total, paid, credited)
        VALUES ({1}, 'INVOICE', '1', '1', {1}, '2026-01-15', '2026-02-14', 4611686018427387904, 0, 0, 4611686018427387904, 0, 0),
            ({2}, 'INVOICE', '2', '2', {1}, '2026-03-15', '2026-04-14', 4611686018427387904, 0, 0, 4611686018427387904, 0, 0)";
    db.execute_unprepared(&with_ids(&db, fill)).await.unwrap();
    let cause = register.migrate(Clock::system().now()).await.unwrap_err().cause();
    assert!(
        cause.contains("m2026_12_04_60_revenue_of_members failed and changed nothing")
            && cause.contains("the largest stored total"),
        "{cause}"
    );
    db.close().await.unwrap();
    register.close().await.unwrap();
});
