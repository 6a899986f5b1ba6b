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
Another message that would have the same name gets one with a checksum, so none replaces another.

While the disk is full or gone it ends with status 75 (EX_TEMPFAIL of sysexits.h): Watchpost starts it again
with growing pauses, and nothing becomes a dead letter for the disk's sake.

Python 3.6 or newer, standard library only; numpy and opencv-python are used to rescale images if they are there.
"""

import argparse
import base64
import binascii
import datetime
import errno
import json
import os
import re
import sys
import zlib

# Longest part of a file name that comes from data: two of them and the time stay below 255 bytes.
PART_MAX = 80

# Images of this quality and scale 1 are kept as they come: encoding again could only make them worse.
QUALITY_AS_IT_COMES = 90

# EX_TEMPFAIL of sysexits.h: no message is to blame, try again later.
TRY_LATER = 75

# What the file system says of one message and not of the disk. Everything else may pass by itself.
ABOUT_THE_MESSAGE = (errno.ENAMETOOLONG, errno.EFBIG, errno.EISDIR, errno.EINVAL, errno.EILSEQ)


def main():
    options = arguments()
    folder = options.out
    if not os.path.isabs(folder):
        folder = os.path.join(os.environ.get("WATCHPOST_EXPORTS_DIR", "."), folder)
    note("writing to %s" % folder)
    rescale = rescaler(options)
    for message in messages(sys.stdin.buffer):
        try:
            export(message, folder, options, rescale)
        except OSError as error:
            if error.errno not in ABOUT_THE_MESSAGE:
                note("cannot write: %s; trying again later" % error)
                return TRY_LATER
            answer("ERROR %s" % error)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            answer("ERROR %s: %s" % (type(error).__name__, error))
        else:
            answer("OK")
    return 0


def arguments():
    parser = argparse.ArgumentParser(description="Writes events as JSON files, images beside them.")
    parser.add_argument("--out", default="json-export", help="folder; relative to WATCHPOST_EXPORTS_DIR")
    parser.add_argument("--images", default="true", choices=["true", "false"], help="save crops as .jpg")
    parser.add_argument("--quality", type=int, default=90, help="JPEG quality of images that are encoded again")
    parser.add_argument("--scale", type=float, default=1.0, help="size of saved images, 0.1 to 1")
    parser.add_argument("--layout", default="per event", choices=["per event", "per day"])
    return parser.parse_args()


def answer(text):
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()


def note(text):
    """Into Watchpost's log."""
    print(text, file=sys.stderr, flush=True)


def messages(stream):
    """Each message without its NUL byte. What stands behind the last NUL was cut off and comes again."""
    begun = []
    while True:
        data = stream.read1(1 << 16)
        if not data:
            return
        pieces = data.split(b"\0")
        # Joined only once it is whole: a large image comes in many pieces.
        begun.append(pieces[0])
        for piece in pieces[1:]:
            yield b"".join(begun)
            begun = [piece]


def export(message, folder, options, rescale):
    """Writes all files of a message; returns when they are on the disk."""
    group = json.loads(message.decode("utf-8"))
    records = group if isinstance(group, list) else [group]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("expected a record or a list of records")
    images = []
    for record in records:
        image = record.pop("image", None) if str(record.get("$id", "")).startswith("crop") else None
        if image is not None and options.images == "true":
            images.append((record, picture(image)))
    folder, stem = place(records, folder, options.layout)
    make_folder(folder)
    stem, text = choose(folder, stem, records, images, zlib.crc32(message))
    for record, image in images:
        write(folder, record["image_file"], rescale(image))
    # Last, so that a file that is there names only images that are there.
    write(folder, stem + ".json", text)
    sync_folder(folder)


def choose(folder, stem, records, images, checksum):
    """The name, and the text of the JSON file. A name that holds another message gets a checksum."""
    for stem in (stem, "%s_%08x" % (stem, checksum)):
        for number, (record, _) in enumerate(images):
            record["image_file"] = "%s_%d.jpg" % (stem, number)
        text = as_text(records[0] if len(records) == 1 else records)
        try:
            with open(os.path.join(folder, stem + ".json"), "rb") as file:
                if file.read() == text:
                    break
        except FileNotFoundError:
            break
    return stem, text


def as_text(content):
    try:
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair: legal as an escape in JSON, not in UTF-8.
        return (json.dumps(content, indent=2) + "\n").encode("ascii")


def place(records, folder, layout):
    """Folder and file name without its ending: the same for the same message."""
    first = records[0]
    day, clock = moment(first.get("system_timestamp"))
    key = first.get("event_id") or first.get("record_id")
    if key is None:
        # Version 1 crops and attributes have no id of their own.
        about = [str(first.get(name, "")) for name in ("name", "ref_event_id", "ref_tracking_id", "crop_timestamp_ms")]
        key = "_".join(part for part in about if part) or "unknown"
    stem = "%s_%s" % (safe(first.get("$id", "record")), safe(key))
    if layout == "per day":
        return os.path.join(folder, day), "%s_%s" % (clock, stem)
    return folder, "%sT%s_%s" % (day, clock, stem)


def moment(timestamp):
    """Day and time of Unix milliseconds, for file names."""
    try:
        milliseconds = int(timestamp)
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=milliseconds)
    except (TypeError, ValueError, OverflowError):
        # A preprocess command may have taken it out or written anything.
        return "unknown-day", "unknown-time"
    return at.strftime("%Y-%m-%d"), "%s.%03dZ" % (at.strftime("%H-%M-%S"), milliseconds % 1000)


def safe(text):
    """Letters, digits, - and _ only: no separator, no leading dot, nothing a file system reserves."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", str(text))[:PART_MAX].strip("-") or "unknown"


def picture(image):
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("a crop's image is not base64: %s" % error)


def rescaler(options):
    """A function from the bytes of an image to those that are saved."""
    if options.scale >= 1 and options.quality >= QUALITY_AS_IT_COMES:
        return lambda image: image
    try:
        import cv2
        import numpy
    except ImportError as error:
        note(
            "images are saved as they come: to rescale them, install numpy and opencv-python for %s (%s)"
            % (sys.executable, error)
        )
        return lambda image: image

    def rescale(image):
        try:
            pixels = cv2.imdecode(numpy.frombuffer(image, dtype=numpy.uint8), cv2.IMREAD_COLOR)
            if options.scale < 1:
                height, width = pixels.shape[:2]
                size = (max(1, round(width * options.scale)), max(1, round(height * options.scale)))
                pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, options.quality])
            return encoded.tobytes()
        except (cv2.error, AttributeError):
            # AttributeError: what it cannot decode, imdecode returns as None.
            note("an image of %d bytes cannot be decoded and is saved as it came" % len(image))
            return image

    return rescale


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
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        # Nobody reads the answers any more: what is unanswered comes again.
        os._exit(TRY_LATER)
