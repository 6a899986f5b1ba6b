#!/usr/bin/env python3
"""A preprocess command for tests: filter.py MODE [NUMBER]. All it does goes by what it is told to.

Everything that read(2) returns is kept in `reads-<n>.log` of the working folder, one file a life, before it is looked
at: so a test knows what this program had when it was killed.
"""
import json
import os
import sys
import time

mode = sys.argv[1]
number = int(sys.argv[2]) if len(sys.argv) > 2 else 0


def open_reads():
    """The log of this life."""
    life = 0
    while True:
        try:
            return life, os.open(f"reads-{life:04}.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            life += 1


life, reads = open_reads()


def messages():
    """Messages as they become complete."""
    rest = b""
    while True:
        data = os.read(0, 4096)
        os.write(reads, data)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\0")
        yield from whole


def say(value):
    """One line. Small ones are written at once or not at all (PIPE_BUF), large ones until all is out."""
    line = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    while line:
        line = line[os.write(1, line):]


def as_list(text):
    """The records of a message."""
    message = json.loads(text)
    records = message if isinstance(message, list) else [message]
    for record in records:
        record["added"] = mode
    return records


held = None
count = -1
for text in messages():
    # Nothing but events, so that tests can count; others are answered with nothing.
    if not text.lstrip(b"[").startswith(b'{"$id":"event-'):
        say([])
        continue
    count += 1
    if mode == "hang" and life == 0:
        time.sleep(1000)
    if mode == "slow" and count == 0:
        time.sleep(number)
    if mode == "crash" and count + 1 == number:
        os._exit(3)
    records = as_list(text)
    if mode == "half":
        say(records if count % 2 == 0 else [])
    elif mode == "split":
        say(records + records)
    elif mode == "merge":
        # Every second message takes the one before along, in one group.
        say([] if held is None else held + records)
        held = records if held is None else None
    elif mode == "reorder":
        say([] if held is None else records + held)
        held = records if held is None else None
    elif mode == "big":
        for record in records:
            record["pad"] = "x" * (number << 20)
        say(records)
    elif mode == "late":
        # Free-running in the extreme: says everything at the end of its input.
        held = (held or []) + [records]
    else:
        say(records)
if mode in ("merge", "reorder") and held is not None:
    say(held)
if mode == "late":
    for records in held or []:
        say(records)
