"""A child in Python that parses every message and does nothing with it, as an exporter would begin.

read_json.py [FILE]

Messages are JSON, each ended by a NUL byte. At the end the number of messages is written to FILE.
"""

import json
import sys


def main():
    count = 0
    kept = b""
    while chunk := sys.stdin.buffer.read1(1 << 16):
        *messages, kept = (kept + chunk).split(b"\0")
        for message in messages:
            json.loads(message)
        count += len(messages)
    if sys.argv[1:]:
        with open(sys.argv[1], "w", encoding="ascii") as file:
            file.write(str(count))


if __name__ == "__main__":
    main()
