#!/usr/bin/env python3
"""A preprocess command as the reference documentation's sample is described (REFERENCE "Exporters and preprocessing").

Free-running: answers are not tied to questions. Reads 4096 bytes at a time, keeps an unparsable last piece to join it
with the next read, pauses 10 ms after each read, and means to end when its parent is gone. It notices neither the end
of its STDIN nor a parent that was replaced, so it never ends by itself.
"""
import json
import os
import time

import psutil

parent = psutil.Process(os.getppid())
rest = b""
while parent.is_running():
    pieces = (rest + os.read(0, 4096)).split(b"\0")
    rest = b""
    for piece in pieces:
        if not piece:
            continue
        try:
            message = json.loads(piece)
        except ValueError:
            rest = piece
            continue
        records = message if isinstance(message, list) else [message]
        print(json.dumps(records), flush=True)
    time.sleep(0.01)
