#!/bin/sh
# A preprocess command of two ordinary tools: every message as a list on one line, each record marked.
exec stdbuf -oL tr '\0' '\n' | jq -c --unbuffered 'if type == "array" then . else [.] end | map(.added = "jq")'
