"""The shipped exporter exporters/webhook against a real web server that is slow, refuses, redirects, breaks off."""

import ast
import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import hook_server  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "exporters" / "webhook" / "webhook.py"
SAMPLES = ROOT / "schemas" / "samples"
# No test waits longer for anything.
BOUND_S = 60


def sample(name, **more):
    return {**json.loads((SAMPLES / (name + ".json")).read_text()), **more}


def events(count):
    return [sample("event-intrusion-v2", sequence=n, record_id="id-%d" % n) for n in range(count)]


class Webhook(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.log = self.folder / "log"

    def serve(self, *plan, **more):
        server = hook_server.serve(self.log, plan, **more)
        self.addCleanup(server.log.close)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def url(self, server, path="/hook", scheme="http"):
        return "%s://127.0.0.1:%d%s" % (scheme, server.server_port, path)

    def seen(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def accepted(self):
        return [json.loads(one["body"]) for one in self.seen() if one["accepted"]]

    def start(self, url, path=SCRIPT, **settings):
        environment = {"PATH": os.environ["PATH"], "WATCHPOST_INSTANCE_ID": "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867"}
        for name, value in {"url": url, **settings}.items():
            environment["WATCHPOST_SETTING_" + name.upper()] = str(value)
        pipe = subprocess.PIPE
        child = subprocess.Popen(
            [sys.executable, str(path)], stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        self.addCleanup(lambda: (child.kill(), child.wait(), [p.close() for p in (child.stdin, child.stdout, child.stderr)]))
        return child

    def send(self, messages, url, code=0, **settings):
        """Answers, and what it said beside them."""
        child = self.start(url, **settings)
        data = b"".join((m if isinstance(m, bytes) else json.dumps(m).encode()) + b"\0" for m in messages)
        child.stdin.write(data)
        child.stdin.flush()
        # Answers first: the end of the input ends what it is still trying.
        answers = []
        while len(answers) < len(messages):
            line = child.stdout.readline().decode()
            if not line:
                break
            answers.append(line.strip())
        child.stdin.close()
        said = child.stderr.read().decode()
        self.assertEqual(child.wait(BOUND_S), code, said)
        return answers, said

    def test_python_3_6_can_read_it(self):
        ast.parse(SCRIPT.read_text(), feature_version=(3, 6))

    def test_records_arrive_as_they_are_in_order_over_one_connection(self):
        server = self.serve()
        messages = [json.dumps(e).encode() for e in events(50)] + [(SAMPLES / "event-intrusion-v1.json").read_bytes()]
        answers, _ = self.send(messages, self.url(server, "/a b?x=1&y=ü"), headers='{"X-Site": "north"}')
        self.assertEqual(answers, ["OK"] * 51)
        seen = self.seen()
        self.assertEqual([one["body"].encode() for one in seen], messages, "byte for byte")
        self.assertEqual({one["method"] for one in seen}, {"POST"})
        self.assertEqual({one["path"] for one in seen}, {"/a%20b?x=1&y=%C3%BC"})
        self.assertEqual({one["connection"] for one in seen}.__len__(), 1)
        headers = seen[0]["headers"]
        self.assertEqual((headers["content-type"], headers["x-site"]), ("application/json", "north"))
        self.assertEqual(headers["webhook-id"], "id-0")
        self.assertNotIn("authorization", headers)
        self.assertNotIn("webhook-signature", headers)

    def test_put_and_authorization(self):
        server = self.serve()
        self.send(events(1), self.url(server), method="PUT", authorization="Bearer s3cret")
        self.send(events(1), self.url(server).replace("//", "//me:p%40ss@"))
        first, second = self.seen()
        self.assertEqual((first["method"], first["headers"]["authorization"]), ("PUT", "Bearer s3cret"))
        self.assertEqual(base64.b64decode(second["headers"]["authorization"].split()[1]), b"me:p@ss")

    def test_signature_follows_standard_webhooks_and_its_time_is_new_at_every_try(self):
        server = self.serve("500", "200")
        secret = "whsec_" + base64.b64encode(b"a key of some bytes").decode()
        self.send(events(1), self.url(server), signing_secret=secret)
        first, second = self.seen()
        for one in (first, second):
            h = one["headers"]
            self.assertLess(abs(int(h["webhook-timestamp"]) - one["at"]), 5)
            signed = ".".join([h["webhook-id"], h["webhook-timestamp"], one["body"]]).encode()
            expected = base64.b64encode(hmac.new(b"a key of some bytes", signed, hashlib.sha256).digest()).decode()
            self.assertEqual(h["webhook-signature"], "v1," + expected)
        self.assertEqual(first["headers"]["webhook-id"], second["headers"]["webhook-id"])
        self.send(events(1), self.url(server), signing_secret="plain text")
        h = self.seen()[2]["headers"]
        signed = ".".join([h["webhook-id"], h["webhook-timestamp"], self.seen()[2]["body"]]).encode()
        digest = hmac.new(b"plain text", signed, hashlib.sha256).digest()
        self.assertEqual(h["webhook-signature"], "v1," + base64.b64encode(digest).decode())

    def test_the_vector_of_the_standard_webhooks_specification(self):
        """The example of its reference implementations' tests."""
        sys.path.insert(0, str(SCRIPT.parent))
        import webhook

        key = webhook.signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        self.assertEqual(base64.b64encode(digest).decode(), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")

    def test_cloudevents_structured(self):
        server = self.serve()
        record = sample("event-intrusion-v2")
        self.send([record, [record, sample("crop-v2")]], self.url(server), format="CloudEvents structured")
        one, batch = self.seen()
        self.assertEqual(one["headers"]["content-type"], "application/cloudevents+json; charset=UTF-8")
        event = json.loads(one["body"])
        self.assertEqual(event.pop("data"), record)
        self.assertEqual(
            event,
            {
                "specversion": "1.0",
                "id": record["record_id"],
                "source": "/watchpost/instance/" + record["instance_id"],
                "type": "watchpost.event-intrusion.v2",
                "time": "2026-07-27T14:10:53.812Z",
                "subject": record["tracking_id"],
                "sequence": "%020d" % record["sequence"],
                "datacontenttype": "application/json",
            },
        )
        self.assertEqual(batch["headers"]["content-type"], "application/cloudevents-batch+json; charset=UTF-8")
        self.assertEqual([e["type"] for e in json.loads(batch["body"])], ["watchpost.event-intrusion.v2", "watchpost.crop.v2"])

    def test_cloudevents_binary(self):
        server = self.serve()
        record = sample("event-intrusion-v1", ref_tracking_id='Tür "1" 5%')
        answers, _ = self.send([record, [record, sample("crop-v2")]], self.url(server), format="CloudEvents binary")
        self.assertEqual(answers, ["OK", "OK"])
        first, second, third = self.seen()
        h = first["headers"]
        self.assertEqual(json.loads(first["body"]), record)
        self.assertEqual(h["ce-subject"], "T%C3%BCr%20%221%22%205%25")
        self.assertEqual((h["ce-specversion"], h["ce-type"]), ("1.0", "watchpost.event-intrusion.v1"))
        self.assertEqual((h["ce-time"], h["content-type"]), ("2026-07-27T14:10:53Z", "application/json"))
        self.assertEqual(h["ce-id"], hashlib.sha256(json.dumps(record).encode()).hexdigest())
        self.assertEqual((second["headers"]["ce-type"], third["headers"]["ce-type"]), (h["ce-type"], "watchpost.crop.v2"))

    def test_template(self):
        server = self.serve()
        record = sample("event-intrusion-v2", area={"name": 'Tür "1"\n'}, list=[{"a": 7}])
        template = '{"text": "{obj.area.name} {obj.no.such}", "box": {obj.location}, "n": {obj.list.0.a}, "all": {obj}, "x": {}}'
        self.send([record], self.url(server), format="template", template=template)
        body = json.loads(self.seen()[0]["body"])
        self.assertEqual(body, {"text": 'Tür "1"\n unknown', "box": record["location"], "n": 7, "all": record, "x": {}})
        self.send([record], self.url(server), format="template", template="{obj.frame_id}", content_type="text/plain")
        one = self.seen()[1]
        self.assertEqual((one["body"], one["headers"]["content-type"]), ("6556", "text/plain"))

    def test_only_some_ids(self):
        server = self.serve()
        answers, _ = self.send([sample("crop-v2"), *events(1)], self.url(server), only="event-intrusion, track")
        self.assertEqual(answers, ["OK", "OK"])
        self.assertEqual([r["$id"] for r in self.accepted()], ["event-intrusion"])

    def test_what_may_pass_is_tried_again_in_order(self):
        plan = ["500", "408", "200", "425", "close", "half", "503", "200", "200", "huge", "slow:0.3", "502"]
        server = self.serve(*plan)
        answers, said = self.send(events(12), self.url(server))
        self.assertEqual(answers, ["OK"] * 12)
        self.assertIn("reached again", said)
        self.assertEqual([r["sequence"] for r in self.accepted()], list(range(12)))

    def test_retry_after_is_kept_to(self):
        for wait in ("2", "date"):
            if wait == "date":
                # Whole seconds: between 2 and 3 from now.
                step = "429:" + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
            else:
                step = "503:2"
            server = self.serve(step)
            before = len(self.seen())
            answers, _ = self.send(events(1), self.url(server))
            self.assertEqual(answers, ["OK"])
            first, second = self.seen()[before:]
            self.assertGreater(second["at"] - first["at"], 1.7)

    def test_what_cannot_pass_is_refused_and_the_next_goes_on(self):
        for status in (400, 401, 404, 410, 413, 422):
            server = self.serve(str(status))
            answers, _ = self.send(events(2), self.url(server))
            self.assertTrue(answers[0].startswith("ERROR HTTP %d " % status), answers)
            self.assertIn("because of the plan", answers[0])
            self.assertEqual(answers[1], "OK")

    def test_redirects(self):
        other = self.serve()
        there = self.url(other, "/there")
        server = self.serve("307:/moved", "200", "308:" + there)
        answers, _ = self.send(events(2), self.url(server), authorization="Bearer s3cret", signing_secret="key")
        self.assertEqual(answers, ["OK", "OK"])
        self.assertEqual([(o["method"], o["path"]) for o in self.seen()], [("POST", "/hook"), ("POST", "/moved"), ("POST", "/hook"), ("POST", "/there")])
        self.assertEqual([r["sequence"] for r in self.accepted()], [0, 1])
        self.assertEqual(self.seen()[1]["headers"]["authorization"], "Bearer s3cret")
        self.assertNotIn("authorization", self.seen()[3]["headers"], "nobody else gets the token")

        for plan, reason in [
            (["301:/x"], "would not be a POST"),
            (["303:/x"], "would not be a POST"),
            (["307:ftp://x/"], "no address"),
            (["307"], "no address"),
            (["307:/a"] * 6, "more than 5 times"),
        ]:
            [refused], _ = self.send(events(1), self.url(self.serve(*plan)))
            self.assertTrue(refused.startswith("ERROR") and reason in refused, refused)

    def test_an_outage_ends_with_75_and_a_reason(self):
        # The time it holds on is 20 s; here it is less.
        quick = self.folder / "webhook.py"
        quick.write_text(SCRIPT.read_text().replace("HOLD_S = 20", "HOLD_S = 1"))
        closed = self.serve()
        closed.shutdown()
        closed.server_close()
        for url, reason, more in [
            (self.url(closed), "refused", {}),
            (self.url(self.serve(*["500"] * 99)), "HTTP 500", {}),
            (self.url(self.serve("hang", "hang", "hang")), "no answer within 1 s", {"timeout_s": 1}),
            ("http://no-such-host.invalid/", "service not known", {}),
        ]:
            answers, said = self.send(events(3), url, code=75, path=quick, **more)
            self.assertEqual(answers, [], url)
            last = said.strip().splitlines()[-1]
            self.assertTrue(reason in last and "trying again later" in last, last)

    def test_the_end_of_the_input_ends_the_wait(self):
        server = self.serve("429:600")
        child = self.start(self.url(server))
        child.stdin.write(json.dumps(events(1)[0]).encode() + b"\0")
        child.stdin.flush()
        while not self.seen():
            time.sleep(0.01)
        child.stdin.close()
        self.assertEqual(child.wait(BOUND_S), 75)
        self.assertEqual(child.stdout.read(), b"")

    def test_bad_settings_are_named_before_anything_is_read(self):
        good = "http://127.0.0.1:1/"
        for url, settings, reason in [
            ("", {}, "expected http://host/path"),
            ("ftp://x", {}, "expected http://host/path"),
            ("http://x:99999/", {}, "`url` cannot be read"),
            ("http://" + "a" * 70 + "/", {}, "no name of a host"),
            (good, {"headers": "X: y"}, "`headers` is not JSON"),
            (good, {"headers": '{"X": 1}'}, "not an object of texts"),
            (good, {"headers": '{"Content-Length": "1"}'}, "set for you"),
            (good, {"headers": '{"X": "a\\r\\nY: b"}'}, "no header may hold"),
            (good, {"authorization": "ü"}, "no header may hold"),
            (good, {"format": "template"}, "`template` is empty"),
            (good, {"ca_file": "/no/such.pem"}, "`ca_file` /no/such.pem"),
            (good, {"signing_secret": "whsec_%%%"}, "not base64"),
        ]:
            answers, said = self.send([], url, code=78, **settings)
            self.assertIn(reason, said)

    def test_secrets_are_not_logged(self):
        server = self.serve("500")
        url = self.url(server, "/hook?token=s3cret").replace("//", "//me:s3cret@")
        _, said = self.send(events(1), url, authorization="Bearer s3cret", signing_secret="s3cret")
        self.assertIn("HTTP 500", said)
        self.assertNotIn("s3cret", said)

    def test_what_is_no_record_is_refused(self):
        server = self.serve()
        bad = [b"{", b"\xff", b"7", b"[]", b"[1]", b"[" * 100_000]
        answers, _ = self.send([*bad, *events(1)], self.url(server))
        self.assertEqual([a.split()[0] for a in answers], ["ERROR"] * len(bad) + ["OK"])


    def certificate(self, name):
        key, certificate = self.folder / (name + ".key"), self.folder / (name + ".pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-addext", "subjectAltName=" + name, "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )
        return str(certificate), str(key)

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not there to make certificates")
    def test_certificates(self):
        right, wrong = self.certificate("IP:127.0.0.1"), self.certificate("DNS:elsewhere.example")
        quick = self.folder / "webhook.py"
        quick.write_text(SCRIPT.read_text().replace("HOLD_S = 20", "HOLD_S = 1"))
        server = self.serve(tls=right)
        url = self.url(server, scheme="https")
        answers, _ = self.send(events(2), url, ca_file=right[0])
        self.assertEqual(answers, ["OK", "OK"])
        for settings in ({}, {"ca_file": wrong[0]}):
            answers, said = self.send(events(1), url, code=75, path=quick, **settings)
            self.assertEqual(answers, [])
            self.assertIn("CERTIFICATE_VERIFY_FAILED", said)
        other = self.url(self.serve(tls=wrong), scheme="https")
        answers, said = self.send(events(1), other, code=75, path=quick, ca_file=wrong[0])
        self.assertEqual(answers, [], "its name is another")
        answers, _ = self.send(events(1), other, verify="false")
        self.assertEqual(answers, ["OK"])
        plain = self.url(self.serve())
        [refused], _ = self.send(events(1), self.url(self.serve("307:" + plain, tls=right), scheme="https"), ca_file=right[0])
        self.assertIn("from https", refused)


if __name__ == "__main__":
    unittest.main()
