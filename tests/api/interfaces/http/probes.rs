//! Probes: `/healthz`, `/readyz` and `/metrics` are answered whatever else the server does.

use std::{sync::mpsc, time::Duration};

use futures_util::future::join_all;
use tokio::{net::TcpStream, runtime::Builder, sync::oneshot, time::timeout};

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
    http_server::{HttpServer, comes_to, get, take_readers},
};

on_both!(probes_are_answered_while_nothing_else_is, |app| async move {
    let limited =
        app.with(&[("SAMREGISTER_MAX_CONNECTIONS", "2"), ("SAMREGISTER_REQUEST_SECONDS", "600")]);
    let (served, settings) = limited.server();
    let main = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = main.spawn(HttpServer::of(served, settings)).await.unwrap();
    // It has begun when it answers.
    comes_to(server.address, app.office().authorization().unwrap(), 200).await;
    let held = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    // Every thread of the runtime that answers requests is blocked.
    let mut gates = Vec::new();
    for _ in 0..2 {
        let (open, gate) = mpsc::channel::<()>();
        let (say, began) = oneshot::channel();
        main.spawn(async move {
            say.send(()).ok();
            gate.recv().ok();
        });
        began.await.unwrap();
        gates.push(open);
    }
    let ask = async |path: &str| {
        timeout(Duration::from_secs(20), get(server.address, path, None))
            .await
            .unwrap_or_else(|_| panic!("{path} is not answered"))
    };
    for _ in 0..20 {
        for (path, says) in
            [("/healthz", "alive"), ("/readyz", "ready"), ("/metrics", "samregister_database_up 1")]
        {
            let answer = ask(path).await;
            assert!(
                answer.starts_with("HTTP/1.1 200") && answer.contains(says),
                "{path}: {answer}"
            );
        }
    }
    let refused = ask("/graphql").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    drop((gates, held));
    comes_to(server.address, app.office().authorization().unwrap(), 200).await;
    server.stop().await;
    main.shutdown_background();
});

on_both!(a_database_with_busy_readers_is_up_and_ready, |app| async move {
    Samples::fill(&app).await;
    let taken = [take_readers(&app, false).await, take_readers(&app, true).await];
    let measured = app.get("/metrics").await.text();
    assert!(measured.lines().any(|line| line == "samregister_database_up 1"), "{measured}");
    assert!(measured.contains("samregister_agreements_expiring{"), "{measured}");
    let answers = join_all((0..500).map(|_| app.get("/readyz"))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{:?}",
        answers.iter().find(|answer| answer.status != 200)
    );
    drop(taken);
});
