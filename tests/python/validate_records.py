#!/usr/bin/env python3
"""Validates records against the published schemas, with an implementation that is not ours.

    validate_records.py SCHEMAS FILE...

SCHEMAS is the folder with event-intrusion-v1.json and so on. Each FILE holds JSON: one record per
line, records one after another, indented or not, or lists of them (an MQTT payload); `-` is
standard input. Prints how many records of each id and version were valid. Exit status 1 if any
was not, or if there was none at all; 2 if the arguments are wrong.

Needs the package jsonschema (PyPI) or python3-jsonschema (Debian).
"""

import collections
import json
import pathlib
import sys

import jsonschema

# An invalid record is most often one of many: the first few tell enough.
SHOWN_MAX = 20


def values(text):
    """The JSON values that stand one after another in text."""
    decoder = json.JSONDecoder()
    position = 0
    while True:
        while position < len(text) and text[position] in " \t\r\n\0":
            position += 1
        if position == len(text):
            return
        value, position = decoder.raw_decode(text, position)
        yield value


def records(text):
    for value in values(text):
        if isinstance(value, list):
            yield from value
        else:
            yield value


class Schemas:
    def __init__(self, folder):
        self.folder = folder
        self.validators = {}

    def errors(self, record):
        """The name of the record's schema, and what is wrong with it."""
        if not isinstance(record, dict):
            return "?", ["expected an object, found %s" % type(record).__name__]
        name = "%s-v%s" % (record.get("$id"), record.get("$version"))
        if name not in self.validators:
            path = self.folder / (name + ".json")
            # Parts of a path in `$id` must not lead out of the folder.
            if "/" in name or not path.is_file():
                return name, ["there is no schema %s" % path]
            schema = json.loads(path.read_text(encoding="utf-8"))
            jsonschema.Draft202012Validator.check_schema(schema)
            self.validators[name] = jsonschema.Draft202012Validator(schema)
        errors = self.validators[name].iter_errors(record)
        return name, ["/" + "/".join(map(str, error.absolute_path)) + ": " + error.message for error in errors]


def main(arguments):
    if len(arguments) < 2 or not pathlib.Path(arguments[0]).is_dir():
        print(__doc__.strip(), file=sys.stderr)
        return 2
    schemas = Schemas(pathlib.Path(arguments[0]))
    valid = collections.Counter()
    wrong = 0
    for path in arguments[1:]:
        try:
            text = sys.stdin.read() if path == "-" else pathlib.Path(path).read_text(encoding="utf-8")
            for number, record in enumerate(records(text), 1):
                name, errors = schemas.errors(record)
                if not errors:
                    valid[name] += 1
                    continue
                wrong += 1
                if wrong <= SHOWN_MAX:
                    print("%s: record %d (%s): %s" % (path, number, name, "; ".join(errors)), file=sys.stderr)
        except (OSError, ValueError) as error:
            wrong += 1
            print("%s: %s" % (path, error), file=sys.stderr)
    for name, count in sorted(valid.items()):
        print("%8d  %s" % (count, name))
    print("%d valid, %d invalid" % (sum(valid.values()), wrong))
    return 0 if valid and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
