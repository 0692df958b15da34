//! Key sets of token issuers: changed without a restart, and at an issuer that may be down,
//! slow to change, or hidden behind a flood.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use domain::{auth::token::Keys, config::Settings};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use samregister::http::{self, graphiql};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    app::{App, NOW, instant},
    http_server::{ASK, HttpServer, comes_to, status, tls_config},
};

/// Keys made for these tests alone, which open nothing; bodies of PEM files, the private one and
/// its public half.
const KEYS: [(&str, &str); 2] = [
    (
        "MC4CAQAwBQYDK2VwBCIEIMpA9bDNvL7SXBJj9D8BeXHg58xMVPGez0mN2kxHBWig",
        "MCowBQYDK2VwAyEAs4RvotiMFvl6gBRzldaH+bhKqHrw31sb/oNKdXVbdxQ=",
    ),
    ("MC4CAQAwBQYDK2VwBCIEIBMp1/1T4eGnYybk+Jicct9oII26bAo7/danRApENhVo", ""),
];

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn encoding(which: usize) -> EncodingKey {
    EncodingKey::from_ed_pem(pem("PRIVATE KEY", KEYS[which].0).as_bytes()).unwrap()
}

/// A set of these keys, by their paths and names.
fn set(keys: &[(usize, &str)]) -> String {
    let keys = keys.iter().map(|(which, id)| {
        let mut key = serde_json::to_value(
            Jwk::from_encoding_key(&encoding(*which), Algorithm::EdDSA).unwrap(),
        )
        .unwrap();
        key["kid"] = json!(id);
        key
    });
    json!({ "keys": keys.collect::<Vec<Value>>() }).to_string()
}

/// The header of a caller whose token this key has signed.
fn signed(key: &EncodingKey, algorithm: Algorithm, id: Option<&str>) -> String {
    // For a day from both clocks of these tests: the one that stands still, and the machine's.
    let now = instant(NOW).timestamp().max(chrono::Utc::now().timestamp());
    let claims = json!({ "iss": "samregister", "aud": "samregister", "sub": "a@example.se", "exp": now + 86_400, "roles": ["OFFICE"] });
    let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
    format!("Bearer {}", jsonwebtoken::encode(&header, &claims, key).unwrap())
}

fn by(which: usize, id: &str) -> String {
    signed(&encoding(which), Algorithm::EdDSA, Some(id))
}

/// A server of the register that verifies tokens by what this setting names.
async fn served(app: &App, setting: &str, file: &Path) -> HttpServer {
    let settings =
        Settings::load([(setting.to_owned(), file.display().to_string())], None).unwrap();
    let keys = Keys::from_settings(&settings).unwrap();
    HttpServer::of(
        http::App::new(app.db.clone(), app.clock, keys, &settings, graphiql::Settings::default()),
        settings,
    )
    .await
}

#[tokio::test]
async fn a_key_set_in_a_file_is_read_again_when_it_changes() {
    let (app, folder) = (App::sqlite().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("keys.json");
    std::fs::write(&file, set(&[(0, "first")])).unwrap();
    let server = served(&app, "SAMREGISTER_JWT_JWKS", &file).await;
    let address = server.address;
    let asks = async |authorization: &str| status(address, ASK, Some(authorization)).await;
    assert_eq!(asks(&by(0, "first")).await, 200);
    // The only one needs no name.
    assert_eq!(asks(&signed(&encoding(0), Algorithm::EdDSA, None)).await, 200);
    // A new one is known as soon as someone comes with it.
    std::fs::write(&file, set(&[(0, "first"), (1, "second")])).unwrap();
    assert_eq!((asks(&by(1, "second")).await, asks(&by(0, "first")).await), (200, 200));
    assert_eq!(asks(&signed(&encoding(0), Algorithm::EdDSA, None)).await, 401);
    // A name is not enough, nor is what everyone can read of a key.
    assert_eq!((asks(&by(1, "first")).await, asks(&by(0, "third")).await), (401, 401));
    let public = set(&[(0, "first")]);
    let public: Value = serde_json::from_str(&public).unwrap();
    for secret in
        [public["keys"][0]["x"].as_str().unwrap(), &public["keys"][0].to_string(), KEYS[0].1]
    {
        assert_eq!(
            asks(&signed(
                &EncodingKey::from_secret(secret.as_bytes()).unwrap(),
                Algorithm::HS256,
                Some("first")
            ))
            .await,
            401
        );
    }
    // One that is taken away is refused, though a broken file was there meanwhile.
    std::fs::write(&file, "{").unwrap();
    assert_eq!(asks(&by(0, "first")).await, 200);
    std::fs::write(&file, set(&[(1, "second")])).unwrap();
    comes_to(address, &by(0, "first"), 401).await;
    assert_eq!(asks(&by(1, "second")).await, 200);
}

#[tokio::test]
async fn a_public_key_is_read_again_when_it_changes() {
    let (app, folder) = (App::sqlite().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("key.pem");
    let other = EncodingKey::from_ec_pem(
        pem(
            "PRIVATE KEY",
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoDMMBdh7AgUvAjx0Qt0FPyCiCjKy+nWfVSPqBJfeydKhRANCAASyf4uTQ6/kDS1AgIYHuL5dRvCf8mcKKTFaaYNHzQ+a7Ci198uKIjq/uKHP4XI51pmxognwAIfl3Wp6Qzb1gQWx",
        )
        .as_bytes(),
    );
    let public = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsn+Lk0Ov5A0tQICGB7i+XUbwn/JnCikxWmmDR80PmuwotffLiiI6v7ihz+FyOdaZsaIJ8ACH5d1qekM29YEFsQ==";
    std::fs::write(&file, pem("PUBLIC KEY", public)).unwrap();
    let server = served(&app, "SAMREGISTER_JWT_PUBLIC_KEY", &file).await;
    let address = server.address;
    // By whatever name: there is only one.
    let by_other = signed(&other.unwrap(), Algorithm::ES256, Some("x"));
    assert_eq!(
        (
            status(address, ASK, Some(&by_other)).await,
            status(address, ASK, Some(&by(0, "x"))).await
        ),
        (200, 401)
    );
    std::fs::write(&file, pem("PUBLIC KEY", KEYS[0].1)).unwrap();
    comes_to(address, &by(0, "x"), 200).await;
    assert_eq!(status(address, ASK, Some(&by_other)).await, 401);
}

#[tokio::test]
async fn the_program_mints_for_a_key_of_its_set() {
    let (app, folder) = (App::sqlite().await, tempfile::tempdir().unwrap());
    let (file, key) = (folder.path().join("keys.json"), folder.path().join("key.pem"));
    std::fs::write(&file, set(&[(0, "first"), (1, "second")])).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", KEYS[1].0)).unwrap();
    let mut program = app.program();
    program
        .env_remove("SAMREGISTER_JWT_SECRET")
        .env("SAMREGISTER_JWT_JWKS", &file)
        .env("SAMREGISTER_JWT_SIGNING_KEY", &key);
    let minted = program.args(["token", "--role", "BOARD"]).output().unwrap();
    assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
    let token = String::from_utf8(minted.stdout).unwrap();
    assert_eq!(jsonwebtoken::decode_header(token.trim()).unwrap().kid.as_deref(), Some("second"));
    // The program goes by the machine's clock.
    let server =
        served(&app.at(&chrono::Utc::now().to_rfc3339()), "SAMREGISTER_JWT_JWKS", &file).await;
    let address = server.address;
    assert_eq!(status(address, ASK, Some(&format!("Bearer {}", token.trim()))).await, 200);
}

/// Listens at this address, as soon as it is free.
async fn listening(at: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(at).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

/// Runs an issuer of tokens: it answers every request over TLS with this status and its keys, and
/// counts them.
fn issuer(
    listener: TcpListener,
    certified: &rcgen::CertifiedKey<rcgen::KeyPair>,
    status: &'static str,
    keys: String,
    asked: Arc<AtomicUsize>,
) -> JoinHandle<()> {
    let acceptor = TlsAcceptor::from(tls_config(certified));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                asked.fetch_add(1, Ordering::Relaxed);
                let head = format!(
                    "HTTP/1.1 {status}\r\nlocation: /elsewhere\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    keys.len()
                );
                stream.write_all(format!("{head}{keys}").as_bytes()).await.ok();
                stream.shutdown().await.ok();
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_may_be_down_and_a_flood_of_unknown_keys_does_not_reach_it() {
    use std::io::{BufRead, BufReader};
    let (app, folder) = (App::sqlite().await, tempfile::tempdir().unwrap());
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, certified.cert.pem()).unwrap();
    // An address where no one listens yet.
    let at = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut program = app.program();
    program
        .env_remove("SAMREGISTER_JWT_SECRET")
        .env("SAMREGISTER_JWT_JWKS", format!("https://localhost:{}/keys", at.port()));
    program.env("NO_PROXY", "localhost").env("SSL_CERT_FILE", &trusted).args([
        "serve",
        "--bind",
        "127.0.0.1:0",
    ]);
    let mut server = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(server.stderr.take().unwrap()).lines();
    let listens = said
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.starts_with("Samregister listens on "))
        .unwrap();
    // Anyone who writes into a full pipe waits for ever.
    std::thread::spawn(move || said.for_each(drop));
    let address: SocketAddr =
        listens.split("http://").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    // It starts without its issuer, says that it is not ready, and believes no one.
    assert_eq!(
        (status(address, "/readyz", None).await, status(address, ASK, Some(&by(0, "first"))).await),
        (503, 401)
    );
    let asked = Arc::new(AtomicUsize::new(0));
    // The body of a redirect is not trusted.
    let redirects = issuer(
        listening(at).await,
        &certified,
        "302 Found",
        set(&[(0, "first")]),
        Arc::clone(&asked),
    );
    while asked.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(
        (status(address, "/readyz", None).await, status(address, ASK, Some(&by(0, "first"))).await),
        (503, 401)
    );
    redirects.abort();
    drop(redirects.await);
    let keys =
        issuer(listening(at).await, &certified, "200 OK", set(&[(0, "first")]), Arc::clone(&asked));
    comes_to(address, &by(0, "first"), 200).await;
    assert_eq!(status(address, "/readyz", None).await, 200);
    // Keys that no one knows are asked for once in half a minute, however many come.
    let before = asked.load(Ordering::Relaxed);
    let flood = (0..200)
        .map(|n| async move { status(address, ASK, Some(&by(1, &format!("unknown {n}")))).await });
    assert!(futures_util::future::join_all(flood).await.iter().all(|status| *status == 401));
    assert!(
        asked.load(Ordering::Relaxed) <= before + 1,
        "the issuer was asked {} times",
        asked.load(Ordering::Relaxed) - before
    );
    // What is known holds when the issuer is gone.
    keys.abort();
    assert_eq!(
        (
            status(address, ASK, Some(&by(0, "first"))).await,
            status(address, ASK, Some(&by(1, "other"))).await
        ),
        (200, 401)
    );
    server.kill().unwrap();
    server.wait().unwrap();
}
