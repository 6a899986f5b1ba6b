"""The shipped exporter exporters/json: files, names and pictures, with and without numpy and opencv-python."""

import ast
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "exporters" / "json" / "jsonexport.py"
SAMPLES = ROOT / "schemas" / "samples"


def sample(name, **more):
    return {**json.loads((SAMPLES / (name + ".json")).read_text()), **more}


def jpeg(width, height):
    import cv2
    import numpy

    pixels = numpy.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=numpy.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def crop(image, **more):
    return sample("crop-v2", image=base64.b64encode(image).decode(), **more)


class JsonExport(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.exports = pathlib.Path(folder.name)

    def run_with(self, messages, *arguments, path=None, code=0):
        """Answers, and what it said beside them. `messages` are values, or bytes as they are."""
        data = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
        environment = {"WATCHPOST_EXPORTS_DIR": str(self.exports), "PATH": "/usr/bin:/bin"}
        if path:
            environment["PYTHONPATH"] = str(path)
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            input=b"".join(one + b"\0" for one in data),
            capture_output=True,
            timeout=60,
            env=environment,
        )
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout.decode().splitlines(), done.stderr.decode()

    def files(self):
        return sorted(str(p.relative_to(self.exports)) for p in self.exports.rglob("*") if p.is_file())

    def test_python_3_6_can_read_it(self):
        ast.parse(SCRIPT.read_text(), feature_version=(3, 6))

    def test_every_sample_of_both_versions(self):
        samples = sorted(SAMPLES.glob("*.json"))
        self.assertGreater(len(samples), 30)
        answers, _ = self.run_with([path.read_bytes() for path in samples])
        self.assertEqual(answers, ["OK"] * len(samples))
        written = [f for f in self.files() if f.endswith(".json")]
        self.assertEqual(len(written), len(samples), written)
        for name in written:
            record = json.loads((self.exports / name).read_text())
            expected = sample("%s-v%d" % (record["$id"], record["$version"]))
            if expected.pop("image", None):
                self.assertTrue((self.exports / "json-export" / record.pop("image_file")).exists())
            self.assertEqual(record, expected)

    def test_layouts(self):
        event = sample("event-intrusion-v2")
        key = event["event_id"]
        self.run_with([[event, crop(b"\xff\xd8")]], "--layout=per day")
        self.run_with([event], "--layout=per event", "--out=flat")
        stem = "14-10-53.812Z_event-intrusion_" + key
        self.assertEqual(
            self.files(),
            [
                "flat/2026-07-27T%s.json" % stem,
                "json-export/2026-07-27/%s.json" % stem,
                "json-export/2026-07-27/%s_0.jpg" % stem,
            ],
        )

    def test_a_message_that_comes_again_replaces_its_files_and_no_others(self):
        messages = [[sample("event-intrusion-v2", area=dict(name=n)), crop(n.encode())] for n in ("a", "b", "a", "b")]
        self.assertEqual(self.run_with(messages)[0], ["OK"] * 4)
        self.assertEqual(len(self.files()), 4)
        seen = set()
        for name in self.files():
            if name.endswith(".json"):
                event, picture = json.loads((self.exports / name).read_text())
                image = (self.exports / "json-export" / picture["image_file"]).read_bytes()
                self.assertEqual(image.decode(), event["area"]["name"])
                seen.add(image)
        self.assertEqual(seen, {b"a", b"b"})

    def test_no_id_leaves_the_folder_or_makes_a_long_name(self):
        for n, bad in enumerate(["../../x", "/etc/passwd", "a/b", "..", ".", "", "\0", "CON\\x", "ü" * 300, "n\nl", {}, 7]):
            record = {"$id": bad, "$version": 2, "event_id": bad, "system_timestamp": n, "note": "ü"}
            answers, _ = self.run_with([record], "--out=%d" % n)
            self.assertEqual(answers, ["OK"], bad)
        for name in self.files():
            self.assertRegex(name, r"^\d+/1970-01-01T00-00-00\.\d{3}Z_[A-Za-z0-9_-]+\.json$")
            self.assertLess(len(name), 230)
        self.assertEqual(len(self.files()), 12)

    def test_times_that_are_none(self):
        for timestamp in (None, "soon", 1e300, -(10**18), [], True):
            answers, _ = self.run_with([sample("track-v1", system_timestamp=timestamp)])
            self.assertEqual(answers, ["OK"], timestamp)

    def test_unicode_and_half_pairs(self):
        names = ["Tür 🚪", "שער", "e\u0301", "\u0000", "a\u2028b"]
        answers, _ = self.run_with([sample("event-intrusion-v1", event_id=str(n), area_name=t) for n, t in enumerate(names)])
        self.assertEqual(answers, ["OK"] * len(names))
        written = [json.loads((self.exports / f).read_text()) for f in self.files()]
        self.assertEqual({r["area_name"] for r in written}, set(names))
        self.assertIn("Tür 🚪", "".join((self.exports / f).read_text() for f in self.files()), "readable, not escaped")
        answers, _ = self.run_with([b'{"$id":"half","area_name":"\\ud800"}'])
        self.assertEqual(answers, ["OK"])
        [half] = [f for f in self.files() if "half" in f]
        self.assertEqual(json.loads((self.exports / half).read_text())["area_name"], "\ud800")

    def test_what_is_refused_and_that_it_goes_on(self):
        bad = [b"{", b"\xff", b"7", b"[]", b"[1]", b"", b"[" * 100_000, {"$id": "crop", "image": "%%%"}, {"$id": "crop", "image": 1}]
        answers, _ = self.run_with([*bad, sample("event-intrusion-v2")])
        self.assertEqual([a.split()[0] for a in answers], ["ERROR"] * len(bad) + ["OK"])
        self.assertEqual(len(self.files()), 1)

    def test_what_was_cut_off_at_the_end_is_not_answered(self):
        data = json.dumps(sample("event-intrusion-v2")).encode()
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--out", str(self.exports)], input=data, capture_output=True, timeout=60
        )
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertEqual(self.files(), [])

    def test_a_disk_that_is_not_there_blames_no_message(self):
        (self.exports / "file").write_text("in the way")
        answers, said = self.run_with([sample("event-intrusion-v2")], "--out=file/below", code=75)
        self.assertEqual(answers, [])
        self.assertIn("trying again later", said)

    def test_without_images(self):
        self.run_with([[sample("event-intrusion-v2"), crop(b"\xff\xd8")]], "--images=false")
        [name] = self.files()
        self.assertNotIn("image", (self.exports / name).read_text())

    def size(self):
        import cv2

        [name] = [f for f in self.files() if f.endswith(".jpg")]
        height, width = cv2.imread(str(self.exports / name)).shape[:2]
        return width, height, (self.exports / name).stat().st_size

    def test_rescaling(self):
        image = jpeg(120, 61)
        _, said = self.run_with([crop(image)], "--scale=0.5", "--quality=80")
        self.assertEqual(self.size()[:2], (60, 30))
        self.assertNotIn("as they come", said)

    def test_a_lower_quality_makes_smaller_files(self):
        image = jpeg(120, 60)
        self.run_with([crop(image)], "--quality=20")
        width, height, size = self.size()
        self.assertEqual((width, height), (120, 60))
        self.assertLess(size, len(image) / 2)

    def test_as_it_comes_byte_for_byte(self):
        for arguments in ([], ["--scale=1.0", "--quality=100"]):
            self.run_with([crop(b"\xff\xd8 no decoder sees this")], *arguments)
            [name] = [f for f in self.files() if f.endswith(".jpg")]
            self.assertEqual((self.exports / name).read_bytes(), b"\xff\xd8 no decoder sees this")

    def test_an_image_that_cannot_be_decoded_is_kept(self):
        for image in (b"", b"\xff\xd8 nothing"):
            answers, said = self.run_with([crop(image)], "--scale=0.5")
            self.assertEqual(answers, ["OK"])
            self.assertIn("saved as it came", said)

    def test_without_opencv_it_says_so_once_and_saves_all_the_same(self):
        with tempfile.TemporaryDirectory() as absent:
            pathlib.Path(absent, "cv2.py").write_text("raise ImportError('none here')")
            image = jpeg(40, 20)
            answers, said = self.run_with([crop(image), crop(image)], "--scale=0.5", path=absent)
        self.assertEqual(answers, ["OK", "OK"])
        self.assertEqual(said.count("install numpy and opencv-python"), 1)
        self.assertEqual(self.size(), (40, 20, len(image)))


if __name__ == "__main__":
    unittest.main()
