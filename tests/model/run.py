"""Runs random flows on one or two registers and compares every report with the model's; see `README.md` here."""

import argparse
import json
import os
import random
import sys
import time
import traceback

from client import Refused
from flows import START, Flow
from session import Difference, Session, complain

ROLES = ("OFFICE", "FINANCE")


def ask_driver(line):
    """Sends a line to the driver and returns the words after its `ok`."""
    print(line, flush=True)
    answer = sys.stdin.readline().strip()
    if not answer.startswith("ok"):
        raise Difference(f"{line}: {answer or 'the driver has ended'}")
    return answer.split()[1:]


def options():
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100, help="mutations and clock moves after the setup")
    parser.add_argument("--every", type=int, default=10, help="steps between two comparisons of all reports")
    parser.add_argument("--seconds", type=float, default=0, help="end after so many seconds, whatever --steps says")
    parser.add_argument("--replay", help="take the steps of this file, one JSON object a line, rather than random ones")
    parser.add_argument("--log", help="write the steps to this file")
    return parser.parse_args()


def drawn(session, chosen):
    """The steps of a random flow: mutations, clock moves and, every few, a comparison."""
    draw = random.Random(chosen.seed)
    flow, began = Flow(session.model, draw, session.offered), time.monotonic()
    yield from flow.setup()
    for count in range(1, chosen.steps + 1):
        yield flow.next()
        is_over = chosen.seconds and time.monotonic() - began > chosen.seconds
        if count % chosen.every == 0 or count == chosen.steps or is_over:
            yield {"check": flow.questions()}
        if is_over:
            break
    yield {"exchange": flow.questions()}


def replayed(path):
    """The steps of a log."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("{"):
                yield json.loads(line)


def play(session, steps):
    """Takes every step."""
    session.move_clock(START.isoformat())
    session.prepare()
    for step in steps:
        if "exchange" in step:
            session.log.append(step)
            session.exchange(step["exchange"])
            ask_driver("verify")
        else:
            session.take(step)


def main():
    chosen = options()
    urls = [os.environ["SAMREGISTER_URL"]] + [url for url in [os.environ.get("SAMREGISTER_OTHER_URL")] if url]
    tokens = {role: os.environ[f"SAMREGISTER_{role}_TOKEN"] for role in ROLES}
    session = Session(urls, tokens, START, ask_driver, os.environ.get("SAMREGISTER_WHOLE_KRONOR") == "true")
    status = 0
    try:
        play(session, replayed(chosen.replay) if chosen.replay else drawn(session, chosen))
    except Exception as difference:
        complain("\n".join(json.dumps(step, ensure_ascii=False) for step in session.log))
        complain(f"seed {chosen.seed}, step {len(session.log)} of the log above, on {session.model.today}:\n{difference}")
        status = 1
        if not isinstance(difference, (Difference, Refused)):
            traceback.print_exc()
    if chosen.log:
        with open(chosen.log, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(step, ensure_ascii=False) + "\n" for step in session.log)
    complain(f"seed {chosen.seed}: {session.mutations} mutations, {session.values} values compared, until {session.model.today}")
    return status


if __name__ == "__main__":
    sys.exit(main())
