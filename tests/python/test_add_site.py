"""demo/add_site.py keeps the rules of a preprocess command: NUL-ended messages in, one line of JSON each out."""

import json
import pathlib
import subprocess
import sys
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "demo" / "add_site.py"


def run(data, *arguments):
    """Feeds it and reads its answers."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], input=data, capture_output=True, timeout=30, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


class AddSite(unittest.TestCase):
    def test_objects_and_lists(self):
        answers = run(b'{"a":1}\0[{"a":2},{"b":"\xc3\xa9"}]\0[]\0', "gate")
        self.assertEqual(
            answers, [{"a": 1, "site": "gate"}, [{"a": 2, "site": "gate"}, {"b": "é", "site": "gate"}], []]
        )

    def test_large_message_over_many_reads(self):
        record = {"image": "x" * 1_000_000}
        answers = run(json.dumps(record).encode() + b"\0")
        self.assertEqual(answers, [{**record, "site": "campus"}])

    def test_answers_while_input_stays_open(self):
        """A record must not wait for the next one."""
        child = subprocess.Popen([sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            child.stdin.write(b'{"a":1}\0')
            child.stdin.flush()
            self.assertEqual(json.loads(child.stdout.readline()), {"a": 1, "site": "campus"})
        finally:
            child.stdin.close()
            child.stdout.close()
            self.assertEqual(child.wait(timeout=30), 0)

    def test_cut_off_last_message_is_left_out(self):
        self.assertEqual(run(b'{"a":1}\0{"b"'), [{"a": 1, "site": "campus"}])


if __name__ == "__main__":
    unittest.main()
