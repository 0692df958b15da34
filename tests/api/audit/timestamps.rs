//! Checkpoints that are signed, and dated by a timestamp service (RFC 3161), which the test runs
//! itself with OpenSSL.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use serde_json::json;

use crate::support::app::{App, on_both, trail_key};

/// Runs OpenSSL, which must succeed.
fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// A timestamp service in a folder: its address and its certificate. It answers for as long as the
/// tests run.
fn service(folder: &Path) -> (String, PathBuf) {
    let subject = [
        "-subj",
        "/CN=A timestamp service of the tests",
        "-addext",
        "extendedKeyUsage=critical,timeStamping",
    ];
    let new = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-days", "30",
    ];
    openssl(folder, &[&new[..], &subject[..]].concat());
    let settings = "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n\
        accuracy = secs:1\ness_cert_id_alg = sha256\n";
    std::fs::write(folder.join("tsa.cnf"), settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, here) =
        (format!("http://{}/tsr", listener.local_addr().unwrap()), folder.to_owned());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut query = vec![0; length];
            reader.read_exact(&mut query).unwrap();
            std::fs::write(here.join("query"), query).unwrap();
            openssl(
                &here,
                &[
                    "ts",
                    "-reply",
                    "-config",
                    "tsa.cnf",
                    "-queryfile",
                    "query",
                    "-signer",
                    "cert.pem",
                    "-inkey",
                    "key.pem",
                    "-out",
                    "reply",
                ],
            );
            let reply = std::fs::read(here.join("reply")).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                reply.len()
            );
            let stream = reader.get_mut();
            stream.write_all(&[head.as_bytes(), &reply].concat()).unwrap();
        }
    });
    (address, folder.join("cert.pem"))
}

/// Runs a command; returns its output and its exit code.
fn run(app: &App, arguments: &[&str], settings: &[(&str, &str)]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).envs(settings.iter().copied()).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

on_both!(a_checkpoint_is_dated_by_a_service, |app| async move {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (url, certificate) = service(folder.path());
    let (_, stranger) = service(other.path());
    let dated = || run(&app, &["checkpoint"], &[("SAMREGISTER_TIMESTAMP_URL", &url)]);
    let file = folder.path().join("checkpoints.txt");
    let verify = |text: &str, certificate: &Path| {
        std::fs::write(&file, text).unwrap();
        let settings = [("SAMREGISTER_TIMESTAMP_CERTIFICATES", certificate.to_str().unwrap())];
        run(&app, &["verify", "--checkpoints", file.to_str().unwrap()], &settings)
    };
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let (first, code) = dated();
    assert_eq!(code, Some(0), "{first}");
    assert!(
        first.lines().skip(1).count() > 5
            && first.lines().skip(1).all(|line| line.starts_with('+') && line.len() <= 77),
        "{first}"
    );
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Bo", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let (second, _) = dated();
    let (reported, code) = verify(&format!("{first}{second}"), &certificate);
    assert!(code == Some(0) && reported.contains("no violation"), "{reported}");
    // OpenSSL agrees on what was dated.
    let line = first.lines().next().unwrap();
    std::fs::write(folder.path().join("line"), line).unwrap();
    let token: String = first.lines().skip(1).map(|line| &line[1..]).collect();
    std::fs::write(folder.path().join("token.b64"), token).unwrap();
    openssl(folder.path(), &["base64", "-d", "-A", "-in", "token.b64", "-out", "token"]);
    openssl(
        folder.path(),
        &[
            "ts",
            "-verify",
            "-data",
            "line",
            "-in",
            "token",
            "-token_in",
            "-CAfile",
            "cert.pem",
            "-partial_chain",
        ],
    );

    // By another service, of another line, cut, or none at all.
    let (reported, code) = verify(&first, &stranger);
    assert!(
        code == Some(3)
            && reported
                .contains("its timestamp was signed by none of the certificates that are trusted"),
        "{reported}"
    );
    let moved = second.replacen(second.lines().next().unwrap(), line, 1);
    let (reported, code) = verify(&moved, &certificate);
    assert!(
        code == Some(3) && reported.contains("its timestamp is of something else"),
        "{reported}"
    );
    let cut: String = first.lines().take(4).map(|line| format!("{line}\n")).collect();
    let (reported, code) = verify(&cut, &certificate);
    assert!(code == Some(3) && reported.contains("its timestamp can't be read"), "{reported}");
    // One that no one dated is no violation, but counted.
    let (reported, code) = verify(&format!("{first}{line}\n"), &certificate);
    assert!(
        code == Some(0) && reported.contains("note: 1 checkpoint without a timestamp"),
        "{reported}"
    );
    let (reported, code) =
        run(&app, &["checkpoint"], &[("SAMREGISTER_TIMESTAMP_URL", "http://127.0.0.1:1/tsr")]);
    assert!(
        code == Some(1) && reported.contains("the timestamp service gave no timestamp"),
        "{reported}"
    );
    // The signed line is there all the same, alone on stdout, and verifies.
    assert!(reported.contains("http://127.0.0.1:1/tsr (SAMREGISTER_TIMESTAMP_URL)"), "{reported}");
    let (printed, error) = reported.split_once('\n').unwrap();
    assert!(
        printed.contains(&format!(" {}:", trail_key().id())) && error.starts_with("error: "),
        "{reported}"
    );
    let (reported, code) = run(&app, &["verify", "--since", printed], &[]);
    assert!(code == Some(0), "{reported}");
});

on_both!(a_checkpoint_is_signed, |app| async move {
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let (line, _) = run(&app, &["checkpoint"], &[]);
    assert!(line.contains(&format!(" {}:", trail_key().id())), "{line}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoints.txt");
    let verify = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(&app, &["verify", "--checkpoints", file.to_str().unwrap()], &[])
    };
    let (reported, code) = verify(&line);
    assert!(code == Some(0) && reported.contains("no violation"), "{reported}");
    let words: Vec<_> = line.split_whitespace().collect();
    let (key, signature) = words[3].split_once(':').unwrap();
    for (forged, reason) in [
        // Another day, another key, none at all.
        (line.replacen("20", "19", 1), "has a signature that does not hold"),
        (
            line.replace(key, &"0".repeat(16)),
            "was signed with the key 0000000000000000, which is none of those that are trusted",
        ),
        (words[..3].join(" "), "is not signed"),
        (line.replace(signature, "AAAA"), "has a signature that does not hold"),
    ] {
        let (reported, code) = verify(&forged);
        assert!(code == Some(3) && reported.contains(reason), "{forged}: {reported}");
    }
});
