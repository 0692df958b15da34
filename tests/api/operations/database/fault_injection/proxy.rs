//! A proxy to PostgreSQL that cuts the connection around a COMMIT.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    task::JoinHandle,
};

/// The point at which the connection of the next COMMIT is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    Nowhere = 0,
    /// The server never hears of it.
    Before = 1,
    /// The server has it; no one waits for the answer.
    At = 2,
    /// The server has answered, and the answer is lost.
    After = 3,
}

/// A proxy in front of a server of PostgreSQL.
pub struct Proxy {
    /// The port at which it listens, at 127.0.0.1.
    pub port: u16,
    next: Arc<AtomicU8>,
    running: JoinHandle<()>,
}

impl Proxy {
    /// One in front of `server`.
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, next) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU8::new(0)));
        let running = tokio::spawn({
            let next = Arc::clone(&next);
            async move {
                while let Ok((near, _)) = listener.accept().await {
                    tokio::spawn(cross(near, server.clone(), Arc::clone(&next)));
                }
            }
        });
        Self { port, next, running }
    }

    /// Cuts the connection of the next COMMIT.
    pub fn cut(&self, cut: Cut) {
        self.next.store(cut as u8, SeqCst);
    }

    /// `true` until the next COMMIT has come.
    pub fn is_waiting(&self) -> bool {
        self.next.load(SeqCst) != Cut::Nowhere as u8
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Carries one connection.
async fn cross(near: TcpStream, server: String, next: Arc<AtomicU8>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = near.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
    let (cut, mut is_cut) = tokio::sync::oneshot::channel();
    let back = tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = &mut is_cut => {}
            // What the server ends ends for the client too.
            _ = copy(&mut from_server, &mut to_client) => drop(to_client.shutdown().await),
        }
        // After a cut the client's side is closed when the server's answer has come.
        (from_server, to_client)
    });
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = from_client.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        let is_commit = bytes[..read].windows(7).any(|window| window == b"COMMIT\0");
        match if is_commit { next.swap(0, SeqCst) } else { 0 } {
            0 => to_server.write_all(&bytes[..read]).await?,
            1 => {
                back.abort();
                return Ok(());
            }
            2 => {
                to_server.write_all(&bytes[..read]).await?;
                back.abort();
                return Ok(());
            }
            _ => {
                cut.send(()).ok();
                let (from_server, _to_client) = back.await.map_err(std::io::Error::other)?;
                to_server.write_all(&bytes[..read]).await?;
                return answer(from_server).await;
            }
        }
    }
}

/// Waits for the server's answer, which goes nowhere.
async fn answer(mut from_server: OwnedReadHalf) -> std::io::Result<()> {
    from_server.read(&mut [0; 1024]).await.map(drop)
}
