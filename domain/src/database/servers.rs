//! The servers of a register on PostgreSQL, of which the first that is no standby is the primary.

use std::{
    io,
    sync::{
        Arc, Mutex as SyncMutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use sea_orm::sqlx::{
    self, ConnectOptions as _, Connection, Executor, PgConnection, Row,
    pool::PoolConnectionMetadata, postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout},
};

use super::session::Session;
use crate::error::{Error, Result};

/// Time limit of asking a server whether it is the primary.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Time for which a connection was not used before it is pinged. A ping before each use would cost
/// a round trip, which a connection that was used a moment ago does not need: if it has broken
/// since, its statement fails and the connection is replaced.
const PING_AFTER: Duration = Duration::from_secs(1);

/// Time after a change of the primary in which a connection that is opened is not used a second
/// time. It is longer than the time between the check of a new connection and its entry in the
/// pool.
const MOVE_TIME: Duration = Duration::from_secs(1);

/// Selects the name of a session, and removes the mark that [`Servers::pooled`] has put before it.
const UNMARK: &str = "WITH own AS MATERIALIZED (SELECT current_setting('application_name') AS name)
    SELECT name, set_config('application_name', regexp_replace(name, '^[0-9]+:', ''), false) FROM own";

/// The schemes of URLs of PostgreSQL.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The servers of a register.
#[derive(Debug)]
pub(super) struct Servers {
    /// The first URL of the list.
    pub(super) url: String,
    /// Name and time limits of sessions.
    pub(super) session: Arc<Session>,
    all: Vec<PgConnectOptions>,
    /// Servers of notifications, if they are not received from these.
    pub(super) listen: Option<Box<Self>>,
    /// Index of the primary.
    primary: AtomicUsize,
    /// Time of the last change of the primary, before which no connection was opened to it.
    moved_at: SyncMutex<Option<Instant>>,
    /// Changes when another server becomes the primary.
    moved: watch::Sender<()>,
    /// Allows one ping at a time.
    pub(super) ping: Mutex<()>,
    /// `true` while no server is known to be the primary.
    pub(super) is_lost: AtomicBool,
    /// `true` if a pooler gives each transaction another connection.
    pub(super) is_pooled: AtomicBool,
}

/// Splits a list of URLs of PostgreSQL with commas or blanks between them. A comma within a URL, as
/// in a password, separates nothing.
#[must_use]
pub fn urls(text: &str) -> Vec<&str> {
    let is_separator = |character: char| character == ',' || character.is_whitespace();
    let mut starts: Vec<usize> = SCHEMES
        .iter()
        .flat_map(|scheme| text.match_indices(scheme).map(|(position, _)| position))
        .filter(|position| text[..*position].chars().next_back().is_none_or(is_separator))
        .collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(from, to)| text[*from..to].trim_end_matches(is_separator))
        .collect()
}

/// Returns `true` if each URL of a list of PostgreSQL's can be read.
#[must_use]
pub fn are_readable(text: &str) -> bool {
    let is_readable = |url: &str| url.parse::<PgConnectOptions>().is_ok();
    let urls = urls(text);
    !urls.is_empty() && urls.into_iter().all(is_readable)
}

/// Returns `true` if the URL of a register can be read, or each of a list of PostgreSQL's.
#[must_use]
pub fn is_usable(url: &str) -> bool {
    if url.starts_with("sqlite:") {
        url.parse::<SqliteConnectOptions>().is_ok()
    } else {
        are_readable(url)
    }
}

impl Servers {
    /// Parses a URL of PostgreSQL, or a list of them.
    pub(super) fn parse(text: &str, session: &Arc<Session>) -> Result<Self> {
        let own = urls(text).first().map(|url| (*url).to_owned());
        let parsed = urls(text).into_iter().map(|url| Ok(session.options(url.parse()?)));
        let all: Vec<_> = parsed.collect::<Result<_, sqlx::Error>>().map_err(Error::internal)?;
        let Some(url) = own else {
            return Err(Error::internal(io::Error::other("it is no URL of PostgreSQL")));
        };
        Ok(Self {
            url,
            session: Arc::clone(session),
            all,
            listen: None,
            primary: AtomicUsize::new(0),
            moved_at: SyncMutex::default(),
            moved: watch::Sender::default(),
            ping: Mutex::default(),
            is_lost: AtomicBool::new(false),
            is_pooled: AtomicBool::new(false),
        })
    }

    /// Parses the URL or list of a register, and that of its notifications.
    pub(super) fn of_register(text: &str, session: &Arc<Session>) -> Result<Self> {
        let listen = session.listen_url.as_ref().map(|url| Self::parse(url.expose(), session));
        Ok(Self { listen: listen.transpose()?.map(Box::new), ..Self::parse(text, session)? })
    }

    /// Returns `true` if a connection may be used again: it was opened to the present primary, and
    /// answers if it was idle.
    pub(super) async fn may_use(
        &self,
        connection: &mut PgConnection,
        used: PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        if !self.is_current(used.age) {
            return Ok(false);
        }
        if used.idle_for >= PING_AFTER {
            let no_answer = || io::Error::from(io::ErrorKind::TimedOut);
            timeout(PROBE_TIMEOUT, connection.ping()).await.map_err(|_| no_answer())??;
        }
        Ok(true)
    }

    /// `true` if there is no other server to move to.
    pub(super) fn is_single(&self) -> bool {
        self.all.len() == 1
    }

    /// Returns the options of a connection to the primary.
    pub(super) fn primary(&self) -> PgConnectOptions {
        self.all[self.primary.load(SeqCst)].clone()
    }

    /// Returns the options of a connection of a pool to the primary. With several servers, the name
    /// of its session begins with the index of its server, until [`Servers::expect_current`] has
    /// checked it: a pool does not report the options with which it has opened a connection.
    pub(super) fn pooled(&self) -> PgConnectOptions {
        let index = self.primary.load(SeqCst);
        let options = self.all[index].clone();
        if self.is_single() {
            return options;
        }
        let name = options.get_application_name().unwrap_or_default();
        let marked = format!("{index}:{name}");
        options.application_name(&marked)
    }

    /// Fails if a new connection of a pool was opened to a server that is no longer the primary, as
    /// one that was begun before the primary was lost. The pool then opens another one.
    pub(super) async fn expect_current(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if self.is_single() {
            return Ok(());
        }
        let row = connection.fetch_one(sqlx::raw_sql(UNMARK)).await?;
        let name: String = row.try_get(0)?;
        // A pooler may drop the name.
        let Some(index) = mark(&name) else { return Ok(()) };
        if index == self.primary.load(SeqCst) {
            return Ok(());
        }
        Err(io::Error::other("it was opened to a server that is no longer the primary").into())
    }

    /// Returns a receiver that changes when another server becomes the primary.
    pub(super) fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Returns the time of the last change of the primary.
    pub(super) fn moved_at(&self) -> Option<Instant> {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if a connection of this age was opened to the present primary.
    fn is_current(&self, age: Duration) -> bool {
        self.moved_at().is_none_or(|at| age + MOVE_TIME < at.elapsed())
    }

    /// Finds the primary. A single server is taken without being asked: it refuses changes itself
    /// if it is a standby.
    ///
    /// # Errors
    /// INTERNAL naming the reason for each server if none is the primary.
    pub(super) async fn find(&self) -> Result<()> {
        if self.is_single() {
            return Ok(());
        }
        let mut reasons = Vec::new();
        for (index, server) in self.all.iter().enumerate() {
            match ask(server).await {
                Ok(_) => {
                    self.move_to(index);
                    return Ok(());
                }
                Err(reason) => {
                    reasons.push(format!("{}:{}: {reason}", server.get_host(), server.get_port()));
                }
            }
        }
        let reasons = format!("no server of the list is the primary: {}", reasons.join("; "));
        Err(Error::internal(io::Error::other(reasons)))
    }

    /// Makes a server the primary.
    fn move_to(&self, index: usize) {
        if self.primary.swap(index, SeqCst) != index {
            *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.moved.send_replace(());
        }
    }
}

/// Returns the index of the server that a name of a session begins with.
fn mark(name: &str) -> Option<usize> {
    name.split_once(':')?.0.parse().ok()
}

/// Connects to a server that is the primary. Fails with the reason why it is none.
pub(super) async fn ask(server: &PgConnectOptions) -> Result<PgConnection, String> {
    let asked = async {
        let mut connection = server.connect().await.map_err(|cause| cause.to_string())?;
        expect_primary(&mut connection).await?;
        Ok(connection)
    };
    timeout(PROBE_TIMEOUT, asked).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// Fails with the reason why the server of a connection is not the primary.
pub(super) async fn expect_primary(connection: &mut PgConnection) -> Result<(), String> {
    // Not prepared, because a pooler may give each statement another connection.
    let asked = sqlx::raw_sql("SELECT pg_is_in_recovery()").fetch_one(connection).await;
    match asked.and_then(|row| row.try_get::<bool, _>(0)) {
        Ok(false) => Ok(()),
        Ok(true) => Err("it is a standby".to_owned()),
        Err(cause) => Err(cause.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_commas_or_blanks_between_its_urls() {
        let one = "postgres://u:a,b%40@h:1/d?sslmode=require";
        assert_eq!(urls(one), [one]);
        let list = format!("{one}, postgresql://i/d\n\tpostgres://j/d,\n");
        assert_eq!(urls(&list), [one, "postgresql://i/d", "postgres://j/d"]);
        // Not within another URL.
        let odd = "postgres://h/d?options=postgres://";
        assert_eq!(urls(odd), [odd]);
        assert!(urls("sqlite://postgres.db").is_empty());
        assert!(are_readable(&list) && !are_readable("") && !are_readable("postgres://h:x/d"));
        assert!(Servers::parse("mysql://h/d", &Arc::default()).is_err());
    }

    #[test]
    fn connections_from_before_a_move_are_not_used_again() {
        let list = "postgres://h/d,postgres://i/d";
        let Ok(servers) = Servers::parse(list, &Arc::default()) else { panic!("{list}") };
        assert_eq!(servers.primary().get_host(), "h");
        assert!(servers.is_current(Duration::from_secs(9)));
        servers.move_to(1);
        assert_eq!(servers.primary().get_host(), "i");
        assert!(!servers.is_current(Duration::from_secs(9)));
        assert!(!servers.is_current(Duration::ZERO), "it may have been checked before the move");
        let earlier = Instant::now().checked_sub(Duration::from_secs(5));
        *servers.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = earlier;
        assert!(servers.is_current(Duration::from_secs(3)));
        assert!(!servers.is_current(Duration::from_secs(5)));
    }

    #[test]
    fn a_connection_of_a_pool_is_marked_with_its_server() {
        let session =
            Arc::new(Session { name: "samregister 2:1".to_owned(), ..Session::default() });
        let name = |servers: &Servers| {
            servers.pooled().get_application_name().unwrap_or_default().to_owned()
        };
        let Ok(single) = Servers::parse("postgres://h/d", &session) else { panic!() };
        assert_eq!(name(&single), "samregister 2:1");
        let Ok(servers) = Servers::parse("postgres://h/d postgres://i/d", &session) else {
            panic!()
        };
        assert_eq!(
            (name(&servers).as_str(), mark(&name(&servers))),
            ("0:samregister 2:1", Some(0))
        );
        servers.move_to(1);
        assert_eq!(mark(&name(&servers)), Some(1));
        assert_eq!((mark("samregister serve h:8080"), mark("")), (None, None));
        let other = servers.primary();
        assert_eq!(other.get_application_name(), Some("samregister 2:1"));
    }
}
