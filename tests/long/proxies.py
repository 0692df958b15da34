"""Checks a register behind a proxy: proxies.py NAME PORT TOKEN LOG."""

import base64
import http.client
import json
import os
import socket
import ssl
import sys
import time

name, port, token, log = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
HOST = "register.example.se"
# Not the address of the proxy, which the server trusts.
CLIENT = "127.0.0.2"
TRUST = ssl.create_default_context()
TRUST.check_hostname = False
TRUST.verify_mode = ssl.CERT_NONE


def stream():
    """Opens a connection over TLS, as soon as the proxy listens."""
    for _ in range(100):
        try:
            return TRUST.wrap_socket(socket.create_connection(("127.0.0.1", port), 30, (CLIENT, 0)), server_hostname=HOST)
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{name} does not listen")


def ask(method, path, body=None, **headers):
    """Sends a request, and returns the status and the body of the answer."""
    connection = http.client.HTTPConnection(HOST)
    connection.sock = stream()
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    sent.update({key.replace("_", "-"): value for key, value in headers.items()})
    connection.request(method, path, body, {key: value for key, value in sent.items() if value is not None})
    answer = connection.getresponse()
    return answer.status, answer.read()


def check(what, found, wanted):
    """Ends with a message unless both are equal."""
    if found != wanted:
        sys.exit(f"{name}: {what}: {found!r} instead of {wanted!r}")
    print(f"{name}: {what}: ok")


def graphql(query, **headers):
    return ask("POST", "/graphql", json.dumps({"query": query}), **headers)


def read_until(connection, part, seconds=15):
    """Reads until the text has the part, and returns it with the time that took."""
    began, text = time.monotonic(), b""
    connection.settimeout(seconds)
    while part not in text:
        more = connection.recv(65536)
        if not more:
            sys.exit(f"{name}: the connection ended after {text!r}")
        text += more
    return text, time.monotonic() - began


def change(number):
    """Changes the register, and fails unless that was done."""
    document = 'mutation { memberAdmit(input: { name: "Proxy %s %d", joinedOn: "2026-01-01" }) { member { id } } }'
    status, body = graphql(document % (name, number))
    check(f"change {number}", (status, b'"errors"' in body), (200, False))


def frame(text):
    """Returns a masked text frame of a WebSocket."""
    data = text.encode()
    mask = os.urandom(4)
    head = bytes([0x81]) + (bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + len(data).to_bytes(2, "big"))
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


check("a query", graphql("{ viewer { roles } }"), (200, b'{"data":{"viewer":{"roles":["OFFICE"]}}}'))
check("metrics are not passed on", ask("GET", "/metrics")[0], 404)

# Bodies.
status, body = ask("POST", "/graphql", json.dumps({"query": "{ viewer { roles } }", "x": "x" * (2 << 20)}))
# Caddy before 2.7 says that of its own limit.
check("a request over the limit is refused", status in ((413, 502) if name == "Caddy" else (413,)), True)
status, body = ask("POST", "/files?name=a.pdf", b"%PDF-1.4\n" + b"x" * (20 << 20), Content_Type="application/pdf")
check("an upload of 20 MiB reaches the server", status in (200, 201, 400) and b"{" in body, True)

# The address of the client, and no forged one.
with open(log) as lines:
    lines.seek(0, 2)
    status, _ = graphql("{ viewer { roles } }", Authorization="Bearer wrong", X_Forwarded_For="203.0.113.9")
    time.sleep(0.5)
    said = lines.read()
check("a wrong token", status, 401)
check("the client's address is logged, and no forged one", (CLIENT in said, "203.0.113.9" in said), (True, False))

# Links state the address that the client used.
status, body = graphql('{ invoice(by: { number: "1081" }) { pdfUrl } }')
link = json.loads(body)["data"]["invoice"]["pdfUrl"]
check("a link has the client's address", link.startswith(f"https://{HOST}/files/"), True)
check("a link opens the file", ask("GET", link.removeprefix(f"https://{HOST}"), Authorization=None)[0], 200)

# Events come when they happen.
query = json.dumps({"query": "subscription { changes { action } }"})
connection = stream()
connection.sendall(
    f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(query)}\r\n\r\n{query}".encode()
)
read_until(connection, b"text/event-stream")
time.sleep(1)
change(1)
_, took = read_until(connection, b"memberAdmit")
check("an event comes at once", took < 5, True)
connection.close()

# A socket.
connection = stream()
key = base64.b64encode(os.urandom(16)).decode()
connection.sendall(
    f"GET /graphql/ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
)
head, _ = read_until(connection, b"\r\n\r\n")
check("a socket is opened", head.split(b"\r\n")[0].split(b" ")[1], b"101")
connection.sendall(frame(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})))
read_until(connection, b"connection_ack")
connection.sendall(frame(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "subscription { changes { action } }"}})))
time.sleep(1)
change(2)
read_until(connection, b"memberAdmit")
check("a subscription over a socket", True, True)
