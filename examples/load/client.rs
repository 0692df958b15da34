//! A small client over HTTP/1.1 and graphql-transport-ws, on blocking sockets: it should cost
//! little next to what it measures.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use super::Failure;

/// A connection with a token.
pub struct Client {
    address: String,
    token: String,
    stream: Option<BufReader<TcpStream>>,
    /// Line of an answer's head, reused for each.
    line: String,
    /// Header ETag of the last answer; empty: it had none.
    etag: String,
}

/// An answer.
pub struct Reply {
    pub status: u16,
    pub bytes: usize,
    pub json: Value,
}

impl Client {
    pub fn new(address: String, token: String) -> Self {
        Self { address, token, stream: None, line: String::new(), etag: String::new() }
    }

    /// Asks a document.
    pub fn ask(
        &mut self,
        document: &str,
        variables: Value,
        wants_cost: bool,
    ) -> Result<Reply, Failure> {
        let extensions = if wants_cost { json!({ "cost": true }) } else { json!({}) };
        let body = json!({ "query": document, "variables": variables, "extensions": extensions });
        let request = self.prepare_post("/graphql", &body);
        self.exchange(&request)
    }

    /// Asks for a path.
    pub fn get(&mut self, path: &str) -> Result<Reply, Failure> {
        let request = self.prepare_get(path, "");
        self.exchange(&request)
    }

    /// Returns the bytes of a POST with a JSON body, to be sent any number of times.
    pub fn prepare_post(&self, path: &str, body: &Value) -> Vec<u8> {
        let body = body.to_string();
        let headers =
            format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        self.prepare(&format!("POST {path}"), &headers, &body)
    }

    /// Returns the bytes of a GET with more headers, each with its line break.
    pub fn prepare_get(&self, path: &str, headers: &str) -> Vec<u8> {
        self.prepare(&format!("GET {path}"), headers, "")
    }

    fn prepare(&self, target: &str, headers: &str, body: &str) -> Vec<u8> {
        let (address, token) = (&self.address, &self.token);
        format!("{target} HTTP/1.1\r\n{headers}host: {address}\r\nauthorization: Bearer {token}\r\n\r\n{body}").into_bytes()
    }

    /// Sends a prepared request and reads the answer into `body`; returns its status. The next
    /// request connects again after a failure.
    pub fn send(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<u16, Failure> {
        let sent = self.try_send(request, body);
        if sent.is_err() {
            self.stream = None;
        }
        sent
    }

    /// Returns the header ETag of the last answer; empty if it had none.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Reply, Failure> {
        let mut body = Vec::new();
        let status = self.send(request, &mut body)?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Reply { status, bytes: body.len(), json })
    }

    fn try_send(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<u16, Failure> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(connect(&self.address)?),
        };
        stream.get_mut().write_all(request)?;
        let line = &mut self.line;
        line.clear();
        stream.read_line(line)?;
        let status =
            line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let mut length = 0;
        self.etag.clear();
        loop {
            line.clear();
            stream.read_line(line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("etag") {
                self.etag.push_str(value.trim());
            }
        }
        body.resize(length, 0);
        stream.read_exact(body)?;
        Ok(status)
    }
}

fn connect(address: &str) -> Result<BufReader<TcpStream>, Failure> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(300)))?;
    Ok(BufReader::new(stream))
}

/// A socket on which it has been said who asks.
pub struct Socket(BufReader<TcpStream>);

impl Socket {
    pub fn open(client: &Client) -> Result<Self, Failure> {
        let mut stream = connect(&client.address)?;
        let head = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: c2FtcmVnaXN0ZXIgbG9hZA==\r\n\
                    sec-websocket-protocol: graphql-transport-ws\r\n";
        write!(
            stream.get_mut(),
            "GET /graphql/ws HTTP/1.1\r\nhost: {}\r\n{head}\r\n",
            client.address
        )?;
        let mut line = String::new();
        while line.trim() != "" || line.is_empty() {
            line.clear();
            stream.read_line(&mut line)?;
        }
        let mut socket = Self(stream);
        socket.send(&json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", client.token) } }))?;
        socket.receive()?;
        Ok(socket)
    }

    pub fn subscribe(&mut self, document: &str) -> Result<(), Failure> {
        self.send(&json!({ "id": "1", "type": "subscribe", "payload": { "query": document } }))
    }

    /// Waits for the next event.
    pub fn next_event(&mut self) -> Result<Value, Failure> {
        loop {
            let message = self.receive()?;
            match message["type"].as_str() {
                Some("next") => return Ok(message),
                Some("ping" | "pong") => {}
                _ => return Err(message.to_string().into()),
            }
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let text = message.to_string();
        let mut frame = vec![0x81];
        match text.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
        }
        // A mask of zeros masks nothing.
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        Ok(self.0.get_mut().write_all(&frame)?)
    }

    fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head)?;
            let length = match head[1] & 127 {
                126 => {
                    let mut length = [0; 2];
                    self.0.read_exact(&mut length)?;
                    u64::from(u16::from_be_bytes(length))
                }
                127 => {
                    let mut length = [0; 8];
                    self.0.read_exact(&mut length)?;
                    u64::from_be_bytes(length)
                }
                length => u64::from(length),
            };
            let mut bytes = vec![0; length as usize];
            self.0.read_exact(&mut bytes)?;
            match head[0] & 15 {
                1 => return Ok(serde_json::from_slice(&bytes)?),
                8 => {
                    return Err(format!(
                        "closed: {}",
                        String::from_utf8_lossy(bytes.get(2..).unwrap_or_default())
                    )
                    .into());
                }
                _ => {}
            }
        }
    }
}
