//! Rounds of requests at several connections: their number, their times, and the processor time
//! that they took.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Failure,
    client::Client,
    processor::{self, Server},
};

/// A server with the requests that it gets.
#[derive(Clone, Debug)]
pub struct Contender {
    pub name: &'static str,
    pub address: String,
    pub token: String,
    /// Bytes of the request of each connection; those beyond them begin again.
    pub requests: Vec<Vec<u8>>,
    /// Status of each answer.
    pub status: u16,
    /// Body of each answer; `None` if each has its own.
    pub body: Option<Vec<u8>>,
}

/// Figures of one or several rounds.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Time of each request.
    pub times: Vec<Duration>,
    /// Duration of the rounds.
    pub seconds: f64,
    /// Processor time of this process without its clients, in seconds.
    pub process: f64,
    /// Processor time of PostgreSQL, in seconds.
    pub database: f64,
}

impl Contender {
    /// Returns a connection.
    pub fn client(&self) -> Client {
        Client::new(self.address.clone(), self.token.clone())
    }

    /// Asks once, and checks the answer, whose body is left in `body`.
    pub fn ask(
        &self,
        client: &mut Client,
        request: &[u8],
        body: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let status = client.send(request, body)?;
        let is_expected = match &self.body {
            Some(expected) => *body == *expected,
            None => !String::from_utf8_lossy(body).contains("\"errors\""),
        };
        if status == self.status && is_expected {
            return Ok(());
        }
        let start: String = String::from_utf8_lossy(body).chars().take(500).collect();
        Err(format!("{} answers {status}: {start}", self.name).into())
    }

    /// Asks for so long on so many connections.
    pub fn round(
        &self,
        clients: usize,
        duration: Duration,
        database: Option<Server>,
    ) -> Result<Figures, Failure> {
        let barrier = Arc::new(Barrier::new(clients + 1));
        let threads: Vec<_> = (0..clients)
            .map(|position| {
                let (contender, barrier) = (self.clone(), Arc::clone(&barrier));
                thread::spawn(move || contender.ask_repeatedly(position, duration, &barrier))
            })
            .collect();
        barrier.wait();
        let of_database = || database.map_or(0.0, Server::seconds);
        let before = (processor::of_process(), of_database(), Instant::now());
        let mut figures = Figures::default();
        let mut clients_used = 0.0;
        for thread in threads {
            let (times, used) = thread.join().map_err(|_| "a client panicked")??;
            figures.times.extend(times);
            clients_used += used;
        }
        figures.seconds = before.2.elapsed().as_secs_f64();
        figures.process = processor::of_process() - before.0 - clients_used;
        figures.database = of_database() - before.1;
        Ok(figures)
    }

    /// Asks until the time is over; returns the time of each request, and the processor time that
    /// this thread used.
    fn ask_repeatedly(
        &self,
        position: usize,
        duration: Duration,
        barrier: &Barrier,
    ) -> Result<(Vec<Duration>, f64), Failure> {
        let (mut client, mut body, mut times) = (self.client(), Vec::new(), Vec::new());
        let request = &self.requests[position % self.requests.len()];
        // The connection is open before the round begins.
        let first = self.ask(&mut client, request, &mut body);
        barrier.wait();
        first?;
        let (used, begun) = (processor::of_thread(), Instant::now());
        loop {
            let asked = Instant::now();
            if asked - begun >= duration {
                break;
            }
            self.ask(&mut client, request, &mut body)?;
            times.push(asked.elapsed());
        }
        Ok((times, processor::of_thread() - used))
    }
}

impl Figures {
    /// Adds another round.
    pub fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.seconds += other.seconds;
        self.process += other.process;
        self.database += other.database;
    }

    /// Returns the requests in a second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.seconds.max(f64::EPSILON)
    }

    /// Returns the processor time of a request, in milliseconds: of this process and of PostgreSQL.
    pub fn milliseconds(&self) -> (f64, f64) {
        let each = 1e3 / self.times.len().max(1) as f64;
        (self.process * each, self.database * each)
    }

    /// Returns the time within which this part of the requests was answered, in milliseconds.
    pub fn percentile(&self, part: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let position = (times.len().saturating_sub(1) as f64 * part) as usize;
        times.get(position).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}
