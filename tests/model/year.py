"""Draws a year of documents, has the program take them in and proves its books at every month end; see `README.md` here."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, timedelta

from client import Client
from dates import swedish_today
from year_bank import Bank
from year_draw import Year
from year_events import Events
from year_proof import Proof

SETTINGS = """SAMREGISTER_MAX_COST_PER_MINUTE = "0"
SAMREGISTER_REQUEST_SECONDS = 120
[network]
name = "Nätverket Åäö"
org_number = "802555-0008"
vat_number = "SE802555000801"
address_line = "Kansligatan 1"
postal_code = "111 11"
city = "Stockholm"
bankgiro = "5050-1055"
[network.payments]
iban = ["SE45 5000 0000 0583 9825 7466"]
[network.invoicing]
reminder_fee = 60
"""
SECRET = "a secret of the tests, which opens nothing"


class Program:
    """The program over one register, with a server of it while mutations are sent."""

    def __init__(self, path, folder):
        self.path, self.folder, self.server = path, folder, None
        self.environment = {**os.environ, "SAMREGISTER_JWT_SECRET": os.environ.get("SAMREGISTER_JWT_SECRET", SECRET)}
        self.environment.setdefault("DATABASE_URL", f"sqlite://{folder}/register.db?mode=rwc")
        with open(os.path.join(folder, "samregister.toml"), "w", encoding="utf-8") as file:
            file.write(SETTINGS)

    def run(self, *arguments, statuses=(0,)):
        """Runs a command and returns what it writes. Fails when its status is another."""
        done = subprocess.run([self.path, *arguments], cwd=self.folder, env=self.environment, capture_output=True, check=False)
        if done.returncode not in statuses:
            raise RuntimeError(f"{arguments} ends with {done.returncode}: {done.stderr.decode()[:3000]}{done.stdout.decode(errors='replace')[:1000]}")
        return done.stdout

    def file(self, name, data):
        """Writes a file for a command and returns its path."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def serve(self):
        """Starts a server and returns a client of it."""
        token = self.run("token", "--role", "OFFICE", "FINANCE", "--subject", "ada@example.se").decode().strip()
        arguments = [self.path, "serve", "--no-migrate", "--bind", "127.0.0.1:0"]
        self.server = subprocess.Popen(arguments, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.server.stderr:
            if b"listens on" in line:
                # What it logs is read to its end, so that it never waits for a reader.
                threading.Thread(target=self.server.stderr.read, daemon=True).start()
                return Client(line.split()[-1].decode(), {"FINANCE": token})
        raise RuntimeError("the server did not start")

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait()


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="the program to be tested")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=300, help="invoices and credit notes through November")
    parser.add_argument("--sie", help="write the SIE file of all days to this file")
    # All of the year is over, and so is the time to pay its last invoices.
    parser.add_argument("--year", type=int, default=(swedish_today() - timedelta(days=100)).year - 1)
    return parser.parse_args()


def play(program, chosen):
    """Draws and books everything. Returns what to prove it with."""
    draw = random.Random(chosen.seed)
    year, last = Year(chosen.year, draw), date(chosen.year, 12, 31)
    year.draw(chosen.documents)
    folder = os.path.join(program.folder, "csv")
    os.makedirs(folder)
    year.write(folder)
    program.run("migrate")
    program.run("import", folder)
    said(f"imported {len(year.files['invoices'])} invoices and credit notes, {len(year.files['payments'])} payments")

    bank, events = Bank(year), Events(program, year)
    closed = date(chosen.year, 3, 31)
    claims, count = year.for_bank, max(4, chosen.documents // 60)
    rows = [row for claim in claims for row in bank.of_claim(claim)] + list(bank.twins(draw.sample(year.recorded, len(year.recorded) // 4)))
    rows += bank.strays(count * 3, year.first, last)
    # What comes of the closed months after they were closed.
    late_claims = {id(row.claim) for row in rows if row.on <= closed and row.kind == "OCR" and draw.random() < 0.06}
    is_late = lambda row: id(row.claim) in late_claims or row.kind == "NO_REFERENCE" and row.on <= closed and row.number % 9 == 0
    late, rows = [row for row in rows if is_late(row)], [row for row in rows if not is_late(row)]
    events.files(bank, [row for row in rows if row.on <= closed])
    events.close(closed)
    events.files(bank, sorted(late, key=lambda row: row.on), is_late=True)
    events.serve()
    events.issue(max(5, chosen.documents // 40))
    events.files(bank, [row for row in rows if row.on > closed] + [row for claim in events.issued for row in bank.of_claim(claim) if draw.random() < 0.6])
    events.files(bank, events.refund_rows(bank, count) + events.doubles(bank, count), is_camt=True)
    events.mutations(count)
    return year, events


def said(text):
    print(text, file=sys.stderr, flush=True)


def main():
    chosen, began = options(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(os.path.abspath(chosen.program), folder)
        try:
            year, events = play(program, chosen)
            said(f"seed {chosen.seed}: {events.done} after {time.monotonic() - began:.0f} s")
            proof = Proof(program, year, events.client)
            found = proof.differences()
        finally:
            program.stop()
        said(f"{proof.values} amounts compared, {time.monotonic() - began:.0f} s")
        if chosen.sie:
            with open(chosen.sie, "wb") as file:
                file.write(proof.sie)
        for line in found[:60]:
            said(line)
        print(proof.summary())
        return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
