//! Reload of keys and settings by a running server, and the time between the request to stop and
//! the end of its listener.

use std::{path::Path, time::Duration};

use tokio::net::TcpStream;

use crate::support::{
    app::App,
    http_server::{ASK, HttpServer, get_with, status},
    server_process::Server,
    test_database::TestDatabase,
};

const OLD: &str = "an-old-secret-for-tests-of-32-bytes-or-more";
const NEW: &str = "a-newer-secret-for-tests-of-32-bytes-or-more";

/// Waits until this holds.
async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let comes = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), comes)
        .await
        .unwrap_or_else(|_| panic!("it never comes to this: {what}"));
}

/// A server whose secret and settings are in files of this folder.
struct Site<'f> {
    folder: &'f Path,
    database: TestDatabase,
}

impl Site<'_> {
    fn write(&self, secret: &str, settings: &str) {
        std::fs::write(self.folder.join("secret"), secret).unwrap();
        std::fs::write(self.folder.join("samregister.toml"), settings).unwrap();
    }

    fn program(&self) -> std::process::Command {
        let mut program = self.database.program();
        program.env_remove("SAMREGISTER_JWT_SECRET").current_dir(self.folder);
        program
    }

    fn token(&self) -> String {
        let minted = self.program().args(["token", "--role", "OFFICE"]).output().unwrap();
        assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        format!("Bearer {}", String::from_utf8(minted.stdout).unwrap().trim())
    }
}

/// Settings with the secret in a file, a token for metrics, and a limit that needs a restart.
fn settings(metrics: &str, depth: u8) -> String {
    format!(
        "SAMREGISTER_JWT_SECRET_FILE = 'secret'\nSAMREGISTER_METRICS_TOKEN = '{metrics}'\nSAMREGISTER_MAX_DEPTH = {depth}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reloads_keys_and_says_what_needs_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), database: TestDatabase::sqlite() };
    site.write(OLD, &settings(OLD, 15));
    let server = Server::start(site.program(), "serve --bind 127.0.0.1:0");
    let address = server.address.parse().unwrap();
    let metrics = async |token: &str| {
        let (forwarded, token) = ("x-forwarded-for: 10.9.8.7\r\n", format!("Bearer {token}"));
        let answer = get_with(address, "/metrics", Some(&token), forwarded).await;
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let old = site.token();
    assert_eq!(status(address, ASK, Some(&old)).await, 200);
    assert_eq!((metrics(OLD).await, metrics(NEW).await), ("200".into(), "401".into()));

    site.write(NEW, &settings(NEW, 9));
    let new = site.token();
    assert_eq!(status(address, ASK, Some(&new)).await, 401, "it is not known yet");
    server.signal("HUP");
    wait_until("the settings are reloaded", async || server.log().contains("need a restart")).await;
    assert_eq!(status(address, ASK, Some(&old)).await, 401, "it was known from before");
    assert_eq!(status(address, ASK, Some(&new)).await, 200);
    assert_eq!((metrics(OLD).await, metrics(NEW).await), ("401".into(), "200".into()));
    let log = server.log();
    let line = |words: &str| log.lines().find(|line| line.contains(words)).unwrap().to_owned();
    let reloaded = line("reloaded the keys");
    assert!(
        reloaded.contains("SAMREGISTER_JWT_SECRET, SAMREGISTER_METRICS_TOKEN")
            && !reloaded.contains("SAMREGISTER_MAX_DEPTH"),
        "{reloaded}"
    );
    let pending = line("need a restart");
    assert!(pending.contains("SAMREGISTER_MAX_DEPTH") && !pending.contains("JWT"), "{pending}");
    assert!(!log.contains(NEW) && !log.contains(OLD), "{log}");

    // Nothing of a bad file is taken.
    for (secret, settings) in [("short", settings(OLD, 9)), (OLD, "SAMREGISTER_NO = 1".to_owned())]
    {
        let before = server.log().len();
        site.write(secret, &settings);
        server.signal("HUP");
        let refused = async || {
            server.log()[before..].lines().any(|line| line.contains("nothing was reloaded"))
        };
        wait_until("a bad file is refused", refused).await;
        let line = server.log()[before..].to_owned();
        assert!(line.contains("ERROR"), "{line}");
        assert_eq!(status(address, ASK, Some(&new)).await, 200);
        assert_eq!((metrics(OLD).await, metrics(NEW).await), ("401".into(), "200".into()));
    }
    assert_eq!(server.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_not_ready_before_its_listener_closes() {
    // It drains until the test is over.
    let app = App::sqlite().await.with(&[("SAMREGISTER_DRAIN_SECONDS", "3600")]);
    let server = HttpServer::start(&app).await;
    let (address, office) = (server.address, app.office());
    assert_eq!(status(address, "/readyz", None).await, 200);
    let stopping = tokio::spawn(server.stop());
    wait_until("it is not ready", async || status(address, "/readyz", None).await == 503).await;
    assert_eq!(status(address, "/healthz", None).await, 200);
    assert_eq!(
        status(address, ASK, office.authorization()).await,
        200,
        "it still answers requests"
    );
    stopping.abort();

    let app = app.with(&[("SAMREGISTER_DRAIN_SECONDS", "1")]);
    let server = HttpServer::start(&app).await;
    let address = server.address;
    server.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}
