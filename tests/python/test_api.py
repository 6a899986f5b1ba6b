"""The API against its own description: schemathesis makes requests of docs/openapi.json, good ones and bad ones, and
holds every answer of a live server against it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What is tried and what is held against the answers.
CONFIG = ROOT / "tests/python/schemathesis.toml"
# Bodies that it cannot make up by itself.
HOOKS = ROOT / "tests/python/schemathesis_hooks.py"
# How long it may take before it counts as hanging, in seconds; it takes a minute or two.
PATIENCE = 900


def program():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for profile in ["debug", "release"]:
        if (target / profile / "watchpost").exists():
            return target / profile / "watchpost"
    raise AssertionError(f"no watchpost in {target}: build it first (cargo build)")


class Api(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.log = open(os.path.join(self.folder, "log"), "w+")
        data = os.path.join(self.folder, "data")
        # With a user, so that one that is made in between does not change who may do what.
        subprocess.run([program(), "--data", data, "password"], input=b"correct horse\n", check=True)
        self.server = subprocess.Popen(
            [program(), "--data", data, "serve", "--listen", "127.0.0.1:0"], stderr=self.log, stdin=subprocess.DEVNULL
        )
        for _ in range(300):
            found = re.search(r"listening on (http://\S+:\d+)", pathlib.Path(self.log.name).read_text())
            if found:
                break
            time.sleep(0.1)
        self.url = found.group(1)
        answer, self.cookie = self.ask("POST", "/api/v1/session", {"user": "admin", "password": "correct horse"})
        made, _ = self.ask("POST", "/api/v1/tokens", {"name": "test", "role": "admin"})
        self.token = made["token"]
        document = {"DisplayName": "gate", "Input": {"uri": "ndjson+post://"}}
        made, _ = self.ask("POST", "/api/v1/instances", document)
        self.instance = made["id"]

    def ask(self, method, path, body):
        headers = {"Content-Type": "application/json", "Cookie": getattr(self, "cookie", "")}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer), (answer.headers["Set-Cookie"] or "").split(";")[0]

    def tearDown(self):
        self.server.terminate()
        self.server.wait(20)
        self.log.close()
        shutil.rmtree(self.folder)

    def test_every_answer_is_as_described(self):
        st = os.path.join(os.path.dirname(sys.executable), "st")
        command = [
            st, "--config-file", CONFIG, "run", f"{self.url}/openapi.json",
            "--seed", "1", "--no-color",
        ]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "WATCHPOST_TOKEN": self.token}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        self.assertEqual(done.returncode, 0, done.stdout[-20000:] + done.stderr[-2000:])
        self.assertIsNone(self.server.poll(), "the server still runs")


if __name__ == "__main__":
    unittest.main()
