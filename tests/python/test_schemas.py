"""Python's jsonschema agrees with what is published under schemas/: valid schemas, samples that fit them."""

import copy
import json
import pathlib
import unittest

from jsonschema import Draft202012Validator, FormatChecker

SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas"


def published():
    """(name, schema, sample) of every id and version."""
    for path in sorted(SCHEMAS.glob("*-v[0-9]*.json")):
        sample = SCHEMAS / "samples" / path.name
        yield path.name, json.loads(path.read_text()), json.loads(sample.read_text())


class Schemas(unittest.TestCase):
    def test_every_id_is_there_in_both_versions(self):
        names = {name for name, _, _ in published()}
        ids = {name.rsplit("-v", 1)[0] for name in names}
        self.assertGreaterEqual(len(ids), 19)
        self.assertEqual(names, {f"{id}-v{version}.json" for id in ids for version in (1, 2)})

    def test_schemas_are_schemas(self):
        for name, schema, _ in published():
            with self.subTest(name):
                self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
                Draft202012Validator.check_schema(schema)

    def test_samples_fit(self):
        for name, schema, sample in published():
            with self.subTest(name):
                validator = Draft202012Validator(schema, format_checker=FormatChecker())
                self.assertEqual([error.message for error in validator.iter_errors(sample)], [])

    def test_added_keys_are_allowed(self):
        for name, schema, sample in published():
            with self.subTest(name):
                Draft202012Validator(schema).validate({**sample, "added_by_a_filter": {"x": 1}})

    def test_a_schema_refuses_a_wrong_record(self):
        for name, schema, sample in published():
            with self.subTest(name):
                wrong = copy.deepcopy(sample)
                wrong["instance_id"] = 7
                self.assertFalse(Draft202012Validator(schema).is_valid(wrong))


if __name__ == "__main__":
    unittest.main()
