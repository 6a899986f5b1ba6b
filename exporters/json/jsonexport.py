#!/usr/bin/env python3
"""JSONExport: one indented JSON file per event, its images beside it.

Reads messages from STDIN, each a list of records (an event with its attributes and crops) or one record,
ended by a NUL byte. Answers each with OK once everything it stands for is written and synced, or with
ERROR and the reason, after which it is sent again. Ends when STDIN closes.

Layout "per event":   <folder>/2024-05-01T10-00-00.123Z_event-intrusion_<event id>.json
Layout "per day":     <folder>/2024-05-01/10-00-00.123Z_event-intrusion_<event id>.json
Images: the same name without .json, then _0.jpg, _1.jpg, ... The record names its file instead of
holding it: "image" becomes "image_file".

A message that comes again after a crash gives the same names, so files are replaced and never doubled.
Python 3.6 or newer, standard library only.
"""

import argparse
import base64
import binascii
import datetime
import json
import os
import re
import sys
import time

# Longest part of a file name that comes from data: two of them and the time stay below 255 bytes.
PART_MAX = 80

# Pause before a message is refused for the disk's sake. With the manifest's 500 retries that bridges more
# than an hour, and stays below its timeout_ms.
DISK_PAUSE_S = 8


def main():
    options = arguments()
    folder = options.out
    if not os.path.isabs(folder):
        folder = os.path.join(os.environ.get("WATCHPOST_EXPORTS_DIR", "."), folder)
    print("writing to %s" % folder, file=sys.stderr)
    for message in messages(sys.stdin.buffer):
        try:
            export(message, folder, options)
        except OSError as error:
            # A full disk or a lost mount may come back: no hurry to use up the retries.
            time.sleep(DISK_PAUSE_S)
            answer("ERROR %s" % error)
        except (ValueError, KeyError, TypeError) as error:
            answer("ERROR %s: %s" % (type(error).__name__, error))
        else:
            answer("OK")


def arguments():
    parser = argparse.ArgumentParser(description="Writes events as JSON files, images beside them.")
    parser.add_argument("--out", default="json-export", help="folder; relative to WATCHPOST_EXPORTS_DIR")
    parser.add_argument("--images", default="true", choices=["true", "false"], help="save crops as .jpg")
    parser.add_argument("--layout", default="per event", choices=["per event", "per day"])
    return parser.parse_args()


def answer(text):
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()


def messages(stream):
    """Each message without its NUL byte. What stands behind the last NUL was cut off and comes again."""
    rest = b""
    while True:
        data = stream.read1(1 << 16)
        if not data:
            return
        if b"\0" not in data:
            # Joined only once it is whole: a large image comes in many pieces.
            rest = [rest, data] if isinstance(rest, bytes) else rest + [data]
            continue
        if not isinstance(rest, bytes):
            rest = b"".join(rest)
        pieces = (rest + data).split(b"\0")
        rest = pieces.pop()
        for piece in pieces:
            yield piece


def export(message, folder, options):
    """Writes all files of a message; returns when they are on the disk."""
    group = json.loads(message.decode("utf-8"))
    records = group if isinstance(group, list) else [group]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("expected a record or a list of records")
    folder, stem = place(records, folder, options.layout)
    make_folder(folder)
    number = 0
    for record in records:
        image = record.pop("image", None) if str(record.get("$id", "")).startswith("crop") else None
        if image is not None and options.images == "true":
            name = "%s_%d.jpg" % (stem, number)
            write(folder, name, picture(image))
            record["image_file"] = name
            number += 1
    content = records[0] if len(records) == 1 else records
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # Last, so that a file that is there names only images that are there.
    write(folder, stem + ".json", text.encode("utf-8", "replace"))
    sync_folder(folder)


def place(records, folder, layout):
    """Folder and file name without its ending: the same for the same message."""
    first = records[0]
    milliseconds = int(first.get("system_timestamp", 0))
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=milliseconds)
    day = moment.strftime("%Y-%m-%d")
    clock = "%s.%03dZ" % (moment.strftime("%H-%M-%S"), milliseconds % 1000)
    key = first.get("event_id") or first.get("record_id")
    if key is None:
        # Version 1 crops and attributes have no id of their own.
        about = [str(first.get(name, "")) for name in ("name", "ref_event_id", "ref_tracking_id", "crop_timestamp_ms")]
        key = "_".join(part for part in about if part) or "unknown"
    stem = "%s_%s" % (safe(first.get("$id", "record")), safe(key))
    if layout == "per day":
        return os.path.join(folder, day), "%s_%s" % (clock, stem)
    return folder, "%sT%s_%s" % (day, clock, stem)


def safe(text):
    """Letters, digits, - and _ only: no separator, no leading dot, nothing a file system reserves."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", str(text))[:PART_MAX].strip("-") or "unknown"


def picture(image):
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError("a crop's image is not base64: %s" % error)


def write(folder, name, content):
    """Replaces a file in one step; its content is on the disk before it has its name."""
    path = os.path.join(folder, name)
    with open(path + ".part", "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".part", path)


def make_folder(folder):
    if os.path.isdir(folder):
        return
    os.makedirs(folder, exist_ok=True)
    sync_folder(os.path.dirname(os.path.abspath(folder)))


def sync_folder(folder):
    """Makes the names in it durable, as os.fsync does for what is in a file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
