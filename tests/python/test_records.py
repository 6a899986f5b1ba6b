"""The published schemas and samples, as seen by an implementation that is not ours."""

import copy
import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "schemas"
SAMPLES = sorted((SCHEMAS / "samples").glob("*.json"))


def validate(text):
    """Exit status and output of validate_records.py for records on standard input."""
    command = [sys.executable, str(HERE / "validate_records.py"), str(SCHEMAS), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Records(unittest.TestCase):
    def test_every_schema_has_a_sample(self):
        names = {path.name for path in SCHEMAS.glob("*-v*.json")}
        self.assertTrue(names)
        self.assertEqual(names, {path.name for path in SAMPLES})

    def test_samples_are_valid_in_every_form_they_are_sent_in(self):
        records = [json.loads(path.read_text(encoding="utf-8")) for path in SAMPLES]
        for text in (
            "".join(json.dumps(record) + "\n" for record in records),
            "".join(json.dumps(record, indent=2) + "\n" for record in records),
            "\0".join(json.dumps(record) for record in records) + "\0",
            json.dumps(records),
        ):
            status, output = validate(text)
            self.assertEqual(status, 0, output)
            self.assertIn("%d valid, 0 invalid" % len(records), output)

    def test_a_record_without_a_required_key_is_invalid(self):
        for path in SAMPLES:
            schema = json.loads((SCHEMAS / path.name).read_text(encoding="utf-8"))
            record = json.loads(path.read_text(encoding="utf-8"))
            for key in schema["required"]:
                self.assertIn(key, record, path.name)
        broken = copy.deepcopy(record)
        del broken["instance_id"]
        status, output = validate(json.dumps([record, broken]))
        self.assertEqual(status, 1, output)
        self.assertIn("1 valid, 1 invalid", output)
        self.assertIn("'instance_id' is a required property", output)

    def test_added_keys_are_allowed(self):
        records = [json.loads(path.read_text(encoding="utf-8")) for path in SAMPLES]
        for record in records:
            record["added_by_a_filter"] = {"any": ["thing"]}
        status, output = validate(json.dumps(records))
        self.assertEqual(status, 0, output)

    def test_nothing_and_nonsense_are_no_success(self):
        for text in ("", "[]", "{", "{}", '{"$id": "../../etc/passwd", "$version": 1}', "[1]"):
            status, output = validate(text)
            self.assertEqual(status, 1, output)


if __name__ == "__main__":
    unittest.main()
