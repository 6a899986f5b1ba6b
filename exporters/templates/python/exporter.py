#!/usr/bin/env python3
"""__NAME__: keeps every record as a line of JSON.

Watchpost starts this program, writes records to its STDIN, one per line, and waits for one answer each on STDOUT,
in order: OK, or ERROR and a reason. Everything it has not answered when it ends is sent to it again, so a record may
come twice, but none is lost. What it prints to STDERR goes to Watchpost's log.

Try it:  watchpost exporter test .
"""

import argparse
import json
import os
import sys

# EX_TEMPFAIL of sysexits.h: no record is to blame; Watchpost starts this program again after a pause.
TRY_LATER = 75


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="__FOLDER__", help="folder; relative to WATCHPOST_EXPORTS_DIR")
    folder = os.path.join(os.environ.get("WATCHPOST_EXPORTS_DIR", "."), parser.parse_args().out)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "records.jsonl"), "ab") as out:
        for batch in batches(sys.stdin.buffer):
            answers = [handle(line, out) for line in batch]
            # One sync for all that came together. Only then OK: it says that this program answers for them.
            out.flush()
            os.fsync(out.fileno())
            sys.stdout.write("".join(answer + "\n" for answer in answers))
            sys.stdout.flush()


def handle(line, out):
    """What is to be done with one record. Put your own in here."""
    try:
        record = json.loads(line)
    except ValueError as error:
        return "ERROR not JSON: %s" % error
    # For example: record["$id"] == "event-intrusion", record.get("object_class"), record["system_timestamp"]
    kept = {"site": "my site", **record}
    out.write(json.dumps(kept).encode() + b"\n")
    return "OK"


def batches(stream):
    """The lines that have come, as soon as there are any, until the input ends."""
    begun = []
    while True:
        data = stream.read1(1 << 16)
        if not data:
            return
        pieces = data.split(b"\n")
        begun.append(pieces[0])
        if len(pieces) > 1:
            # Joined only once it is whole: a line with a picture comes in many pieces.
            yield [b"".join(begun)] + pieces[1:-1]
            begun = [pieces[-1]]


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        print("cannot write: %s" % error, file=sys.stderr)
        sys.exit(TRY_LATER)
