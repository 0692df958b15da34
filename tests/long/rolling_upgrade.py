"""One rolling upgrade on one PostgreSQL database: two servers of an old program are replaced by the new one under mutations.

    rolling_upgrade.py OLD NEW DATABASE_URL FOLDER [EXPECTED]

EXPECTED is `allows` or `refuses`: whether the migrations of the new program allow the old one to write. Without it, either will do. Each mutation
has an Idempotency-Key, and is sent again with it, to another server, when it was not answered with data. Afterwards each answered mutation is in
the register once, none twice, and `verify` of the new program finds no violation.
"""

import collections
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid

WRITERS = 4
# Seconds between two mutations of a writer: the load is small.
PAUSE = 0.02
# Seconds between the steps of the upgrade, under load.
STEP = 5
# Seconds after which a mutation must have been done, whatever happens to servers.
TIME_LIMIT = 120
# Answers after which a client retries.
TEMPORARY = {"BUSY", "PROGRAM_TOO_OLD", "TOO_MANY_REQUESTS", "TOO_MANY_CONNECTIONS", "COST_BUDGET", "LIMIT_TIME"}

ADMIT = "mutation($name: String!) { memberAdmit(input: { name: $name, joinedOn: \"2026-01-01\" }) { member { id } } }"
MEMBERS = "query($after: String) { members(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } } }"


class Failed(Exception):
    """Something that the upgrade promises did not happen."""


def check(holds, words):
    if not holds:
        raise Failed(words)


def later(version, other):
    """True if a version is later than another."""
    return [int(part) for part in version.split(".")] > [int(part) for part in other.split(".")]


class Program:
    """A build of the program, with the settings of this register."""

    def __init__(self, file, settings):
        self.file, self.settings = file, settings
        self.version = self.run("--version").split()[-1]

    def environment(self, **more):
        own = {name: value for name, value in os.environ.items() if not name.startswith("SAMREGISTER_")}
        return own | self.settings | more

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run([self.file, *arguments], env=self.environment(), capture_output=True, text=True)
        check(done.returncode in codes, f"{self.file} {' '.join(arguments)}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stdout


class Server:
    """A server in a process of its own."""

    def __init__(self, program, name, folder, *arguments):
        self.program, self.name, self.log = program, name, os.path.join(folder, f"{name}.log")
        # A program from before the setting refuses it.
        for settings in ({"SAMREGISTER_DRAIN_SECONDS": "2"}, {}):
            with open(self.log, "w", encoding="utf-8") as log:
                command = [program.file, "serve", "--bind", "127.0.0.1:0", *arguments]
                self.process = subprocess.Popen(command, env=program.environment(**settings), stdout=log, stderr=log)
            if self.listens():
                return
            check("SAMREGISTER_DRAIN_SECONDS" in self.said(), f"{name} did not start: {self.said()}")
        raise Failed(f"{name} did not start: {self.said()}")

    def said(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def listens(self):
        """Waits until it accepts connections; false if it ended."""
        words = "Samregister listens on http://"
        for _ in range(600):
            if words in self.said():
                host, port = self.said().split(words)[1].split()[0].split(",")[0].rsplit(":", 1)
                self.address = (host, int(port))
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.2)
        raise Failed(f"{self.name} does not listen: {self.said()}")

    def send(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask(self, token, document, variables=None, key=None):
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        status, text = self.send("POST", "/graphql", headers, json.dumps({"query": document, "variables": variables or {}}))
        try:
            return json.loads(text)
        except ValueError:
            raise Failed(f"{self.name} answered {status} without JSON: {text[:200]}") from None

    def is_ready(self):
        try:
            return self.send("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_until_ready(self, is_ready=True):
        began = time.monotonic()
        while self.is_ready() != is_ready:
            check(time.monotonic() - began < 60, f"{self.name} is {'not' if is_ready else 'still'} ready: {self.said()}")
            time.sleep(0.2)

    def stop(self):
        """Asks it to stop, and waits until it has."""
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(90) == 0, f"{self.name} ended with {self.process.returncode}: {self.said()}")


class Load:
    """Mutations to all servers that are in use, until stopped."""

    def __init__(self, token):
        self.token, self.servers, self.lock = token, [], threading.Lock()
        self.is_stopping = threading.Event()
        # The id of each answered member by name; and by server and reason, the number of answers.
        self.answered, self.counts = {}, collections.Counter()
        self.done = []
        self.failures = []
        self.threads = [threading.Thread(target=self.write, args=(number,), daemon=True) for number in range(WRITERS)]

    def start(self, servers):
        self.servers = servers
        for thread in self.threads:
            thread.start()

    def use(self, servers):
        with self.lock:
            self.servers = servers

    def write(self, number):
        try:
            count = 0
            while not self.is_stopping.is_set():
                count += 1
                self.admit(f"Medlem {number}-{count}", number + count)
                time.sleep(PAUSE)
        except Exception as failure:  # pylint: disable=broad-except
            self.failures.append(failure)

    def admit(self, name, turn):
        key, began = str(uuid.uuid4()), time.monotonic()
        while True:
            with self.lock:
                server = self.servers[turn % len(self.servers)]
            turn += 1
            at = time.monotonic()
            outcome, member = self.attempt(server, name, key)
            with self.lock:
                self.counts[server.name, outcome] += 1
                if member:
                    self.answered[name] = member
                    self.done.append((server.name, at))
            if member:
                return
            check(time.monotonic() - began < TIME_LIMIT, f"{name} was not done within {TIME_LIMIT} s; the last answer was {outcome} of {server.name}")
            time.sleep(0.1)

    def attempt(self, server, name, key):
        """Sends a mutation once. Returns its outcome, and the member's id if it was answered."""
        try:
            answer = server.ask(self.token, ADMIT, {"name": name}, key)
        except (OSError, http.client.HTTPException) as cause:
            return type(cause).__name__, None
        member = ((answer.get("data") or {}).get("memberAdmit") or {}).get("member")
        if member:
            return "done", member["id"]
        extensions = answer["errors"][0].get("extensions", {})
        reason = extensions.get("reason") or extensions.get("code")
        check(reason in TEMPORARY | {"INTERNAL"}, f"{server.name} refused {name}: {answer}")
        return reason, None

    def done_by(self, servers, since):
        """The number of mutations that these servers did of those that were sent since an instant."""
        names = {server.name for server in servers}
        with self.lock:
            return sum(1 for name, at in self.done if name in names and at >= since)

    def stop(self):
        self.is_stopping.set()
        for thread in self.threads:
            thread.join(TIME_LIMIT + 30)
        check(not self.failures, "; ".join(map(str, self.failures)))


def members(server, token):
    """All members of the register, page by page: their names and ids."""
    found, after = [], None
    while True:
        answer = server.ask(token, MEMBERS, {"after": after})
        check(not answer.get("errors"), f"the members can't be read: {answer}")
        page = answer["data"]["members"]
        found += [(node["name"], node["id"]) for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def allows(old, new):
    """True if no pending migration of the new program needs a later program than the old one."""
    pending = [step for step in json.loads(new.run("migrate", "--dry-run", "--format", "json")) if step["status"] == "PENDING"]
    check(pending, f"there is nothing to migrate from {old.file} to {new.file}: no upgrade is shown")
    refusing = [step["name"] for step in pending if later(step["oldestProgram"], old.version)]
    print(f"{len(pending)} migrations from {old.version} to {new.version}, of which {len(refusing)} do not allow the old program", flush=True)
    return not refusing


def upgrade(old, new, folder, expected):
    old.run("trail-key", "new")
    old.run("migrate")
    token = old.run("token", "--role", "OFFICE", "--days", "2").strip()
    is_allowed = allows(old, new)
    check(expected in (None, "allows" if is_allowed else "refuses"), f"the migrations should be such that the new program {expected} the old one")

    servers = [Server(old, "old-1", folder), Server(old, "old-2", folder)]
    try:
        replace(old, new, folder, servers, token, is_allowed)
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()


def replace(old, new, folder, servers, token, is_allowed):
    """The steps of the upgrade. New servers are added to the list of all."""
    olds = list(servers)
    for server in olds:
        server.wait_until_ready()
    load = Load(token)
    load.start(olds)
    time.sleep(STEP)

    new.run("migrate")
    migrated = time.monotonic()
    if not is_allowed:
        for server in olds:
            server.wait_until_ready(False)
    time.sleep(STEP)
    check(is_allowed == (load.done_by(olds, migrated) > 0), f"the old servers did {load.done_by(olds, migrated)} mutations after the migration")

    # Next to the old ones; then instead of each.
    for number, leaving in enumerate(olds, start=1):
        arriving = Server(new, f"new-{number}", folder, "--no-migrate")
        servers.append(arriving)
        arriving.wait_until_ready()
        load.use([server for server in servers if server.process.poll() is None])
        began = time.monotonic()
        time.sleep(STEP)
        check(load.done_by([arriving], began) > 0, f"{arriving.name} did nothing next to the old servers: {load.counts}")
        if is_allowed:
            check(load.done_by([leaving], began) > 0, f"{leaving.name} did nothing next to the new server: {load.counts}")
        # As a proxy that has seen the probe fail, the load leaves it out when it has ended.
        leaving.stop()
        load.use([server for server in servers if server.process.poll() is None])
    time.sleep(STEP)
    load.stop()

    too_old = sum(count for (_, reason), count in load.counts.items() if reason == "PROGRAM_TOO_OLD")
    check(is_allowed == (too_old == 0), f"{too_old} mutations were refused with PROGRAM_TOO_OLD: {load.counts}")
    compare(members(servers[-1], token), load.answered)
    for server in servers:
        if server.process.poll() is None:
            server.stop()
    print(new.run("verify").strip().splitlines()[-1], flush=True)
    print(f"{len(load.answered)} answered mutations are there, each once; answers: {dict(load.counts)}", flush=True)


def compare(found, answered):
    """Checks that each answered mutation is in the register once, and none twice."""
    twice = [name for name, number in collections.Counter(name for name, _ in found).items() if number > 1]
    check(not twice, f"done twice: {twice}")
    there = dict(found)
    lost = [name for name, member in answered.items() if there.get(name) != member]
    check(not lost, f"answered, and not there: {lost}")
    check(len(answered) > 100, f"only {len(answered)} mutations were answered: this shows nothing")


def main():
    old, new, url, folder, expected = (sys.argv[1:] + [None])[:5]
    os.makedirs(folder, exist_ok=True)
    settings = {
        "DATABASE_URL": url,
        "SAMREGISTER_JWT_SECRET": "a-secret-of-the-test-of-32-bytes-or-more",
        "SAMREGISTER_TRAIL_KEY": os.path.join(folder, "trail-key.pem"),
        "SAMREGISTER_LOG_FORMAT": "text",
        "SAMREGISTER_MAX_COST_PER_MINUTE": "0",
    }
    try:
        upgrade(Program(old, settings), Program(new, settings), folder, expected)
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")


main()
