"""What benchmarks' own tools say of MOTChallenge and COCO exports: motmetrics and pycocotools read them, and find in
them exactly what went in. Run by tests/recorded.rs, which says in WATCHPOST which program to try."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import motmetrics
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

WATCHPOST = os.environ["WATCHPOST"]
WIDTH, HEIGHT = 1280, 720
FRAMES = 60


def truth():
    """Two people who walk, and a car from frame 20 on: frame, track, category, box in pixels."""
    for frame in range(FRAMES):
        yield frame, 1, 1, (100 + 4.0 * frame, 200.0, 40.0, 120.0)
        yield frame, 2, 1, (900 - 5.0 * frame, 300.5, 44.0, 130.25)
        if frame >= 20:
            yield frame, 3, 3, (300.0, 500 - 2.0 * frame, 160.0, 90.0)


class BenchmarkFormats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="watchpost-test-")
        root = pathlib.Path(cls.folder.name)
        cls.data = root / "data"
        cls.data.mkdir()
        rows = [f"{frame + 1},{track},{x + 1},{y + 1},{w},{h},1,-1,-1,-1" for frame, track, _, (x, y, w, h) in truth()]
        (cls.data / "gt.txt").write_text("\n".join(rows) + "\n")
        results = [
            {"image_id": frame, "category_id": category, "bbox": box, "score": 0.9, "track_id": track}
            for frame, track, category, box in truth()
        ]
        (cls.data / "results.json").write_text(json.dumps(results))
        for name, uri in [("mot", "mot:///gt.txt"), ("coco", "coco:///results.json")]:
            handlers = {
                "mot": {"uri": f"mot:///{name}.txt", "sink": "output-detections"},
                "coco": {"uri": f"coco:///{name}.jsonl", "sink": "output-detections"},
            }
            size = {"width": WIDTH, "height": HEIGHT}
            for handler in handlers.values():
                handler["config"] = {"frame_size": size}
            instance = {
                "DisplayName": name, "Solution": "securt", "Input": {"uri": uri, "frame_size": size},
                "Output": {"handlers": handlers},
            }
            file = root / f"{name}.json"
            file.write_text(json.dumps(instance))
            command = [WATCHPOST, "run", str(file), "--data", str(cls.data)]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode != 0:
                raise AssertionError(ran.stdout + ran.stderr)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def export(self, name):
        return self.data / "exports" / name

    def test_motmetrics_finds_no_difference(self):
        wanted = motmetrics.io.loadtxt(self.data / "gt.txt", fmt="mot15-2D")
        for name in ("mot", "coco"):
            with self.subTest(name):
                got = motmetrics.io.loadtxt(self.export(f"{name}.txt"), fmt="mot15-2D")
                self.assertEqual(len(got), len(wanted))
                accumulator = motmetrics.utils.compare_to_groundtruth(wanted, got, "iou", distth=0.5)
                metrics = ["mota", "motp", "idf1", "num_switches"]
                summary = motmetrics.metrics.create().compute(accumulator, metrics=metrics)
                mota, motp, idf1, switches = summary.iloc[0]
                self.assertEqual((mota, idf1, switches), (1.0, 1.0, 0))
                self.assertLess(motp, 1e-4)  # 1 - IoU
                self.assertEqual(sorted(set(got.index.get_level_values("Id"))), [1, 2, 3])

    def test_pycocotools_finds_no_difference(self):
        dataset = COCO()
        dataset.dataset = {
            "images": [{"id": frame, "width": WIDTH, "height": HEIGHT} for frame in range(FRAMES)],
            "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
            "annotations": [
                {"id": number, "image_id": frame, "category_id": category, "bbox": list(box), "area": box[2] * box[3], "iscrowd": 0}
                for number, (frame, _, category, box) in enumerate(truth(), 1)
            ],
        }
        dataset.createIndex()
        lines = self.export("coco.jsonl").read_text().splitlines()
        results = [json.loads(line) for line in lines]
        self.assertEqual(len(results), len(dataset.dataset["annotations"]))
        evaluation = COCOeval(dataset, dataset.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        self.assertAlmostEqual(evaluation.stats[0], 1.0, places=6)
        for result, (_, _, _, box) in zip(results, truth()):
            self.assertLess(np.abs(np.array(result["bbox"]) - np.array(box)).max(), 0.01)


if __name__ == "__main__":
    unittest.main()
