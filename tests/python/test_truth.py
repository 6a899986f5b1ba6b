"""The demo's ground truth and its instance file speak of the same line and areas, and the numbers hang together."""

import json
import pathlib
import unittest

DEMO = pathlib.Path(__file__).parents[2] / "demo"


def load(name):
    return json.loads((DEMO / name).read_text())


class Truth(unittest.TestCase):
    def setUp(self):
        self.truth = load("truth.json")
        self.instance = load("vtest.json")

    def test_same_geometry(self):
        for key, table in (
            ("lines", self.instance["Tripwire"]["Tripwires"]),
            ("areas", self.instance["Zone"]["Zones"]),
        ):
            self.assertEqual({place["id"] for place in self.truth[key]}, set(table))
            for place in self.truth[key]:
                self.assertEqual(place["name"], table[place["id"]]["name"])
                self.assertEqual(place["vertices"], table[place["id"]]["vertices"])
                self.assertEqual(self.truth["anchor"], table[place["id"]]["check_anchor_point"])

    def test_frames_are_inside_the_clip_and_in_order(self):
        frames = self.truth["clip"]["frames"]
        for key in ("crossings", "entries"):
            listed = [event["frame"] for event in self.truth[key]]
            self.assertEqual(listed, sorted(listed))
            self.assertTrue(all(0 <= frame < frames for frame in listed))
        for entry in self.truth["entries"]:
            if entry["exit_frame"] is not None:
                self.assertLess(entry["frame"], entry["exit_frame"])

    def test_loiterings_are_the_long_stays(self):
        fps = self.truth["clip"]["fps"]
        last = self.truth["clip"]["frames"] - 1
        for zone in self.instance["Zone"]["Zones"].values():
            if not zone["trigger_loitering"]:
                continue
            stays = [
                entry["frame"]
                for entry in self.truth["entries"]
                if entry["area_id"] == zone["id"]
                and ((entry["exit_frame"] or last) - entry["frame"]) / fps >= zone["loitering_min_duration"]
            ]
            expected = [
                loitering["frame"] - round(loitering["duration_s"] * fps)
                for loitering in self.truth["loiterings"]
                if loitering["area_id"] == zone["id"]
            ]
            self.assertEqual(stays, expected)


if __name__ == "__main__":
    unittest.main()
