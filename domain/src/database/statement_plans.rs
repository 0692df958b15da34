//! Plans of prepared statements on PostgreSQL.

use sea_orm::sqlx::{self, Executor, postgres::PgConnection};

/// Makes a connection to PostgreSQL plan each prepared statement a single time, whatever values are
/// bound.
///
/// PostgreSQL expects ten elements of a bound list, and therefore plans statements with shorter
/// lists again for each execution, which takes longer than to execute them. Values that decide
/// between plans are parts of the text: see [`fixed_day`](super::fixed_day). The mode is set by a
/// statement, since poolers refuse parameters of a connection that they do not know.
pub(super) async fn plan_once(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute("SET plan_cache_mode = force_generic_plan").await.map(drop)
}
