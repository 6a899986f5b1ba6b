#!/usr/bin/env python3
"""A child for tests that is killed at any moment, and of which it is still known what it had read.

    read.py            an exporter that does nothing but read
    read.py filter     a preprocess command that passes everything on

It reads with splice(2), from the pipe into `reads-<n>.log`, one file a life: what left the pipe is in the file, whatever
happens to this program. (A read(2) and a write(2) could be parted by a kill.)
"""
import os
import sys

with open("pid", "w") as file:
    file.write(str(os.getpid()))
life = len([name for name in os.listdir(".") if name.startswith("reads-")])
log = os.open(f"reads-{life:06}.log", os.O_RDWR | os.O_CREAT | os.O_EXCL)
end = b"\0" if sys.argv[1:] else b"\n"
at = 0
rest = b""
while True:
    count = os.splice(0, log, 4096, offset_dst=at)
    if not count:
        break
    rest += os.pread(log, count, at)
    at += count
    *whole, rest = rest.split(end)
    if sys.argv[1:]:
        for message in whole:
            os.write(1, message + b"\n")
