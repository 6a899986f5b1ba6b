#!/usr/bin/env python3
"""A preprocess command: adds the key "site" to every record that passes.

In, on standard input: JSON messages, each ended by a NUL byte. A message is one record (an object) or a group of
records that belong together (a list). Out, on standard output: one line of JSON per message. What is printed is what
goes on; a message answered with [] is dropped.

    add_site.py [SITE]
"""

import json
import sys

# One read takes what is there, up to this much: a burst costs few calls, a single record no wait.
READ_BYTES = 65536


def messages(stream):
    """The messages of a stream, as they become complete."""
    rest = b""
    while True:
        data = stream.read1(READ_BYTES)
        if not data:
            break
        *complete, rest = (rest + data).split(b"\0")
        yield from complete
    if rest.strip():
        print("input ended inside a message; it is left out", file=sys.stderr)


def with_site(message, site):
    """The message with the site in each of its records."""
    if isinstance(message, list):
        return [with_site(record, site) for record in message]
    return {**message, "site": site}


def main():
    site = sys.argv[1] if len(sys.argv) > 1 else "campus"
    for text in messages(sys.stdin.buffer):
        if text.strip():
            answer = with_site(json.loads(text), site)
            print(json.dumps(answer, separators=(",", ":"), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
