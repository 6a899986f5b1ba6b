"""Boxes, labels, trails and areas by supervision's annotators, on BGR pictures of 1920x1080.

render_supervision.py OBJECTS FRAMES

Prints the milliseconds of the middle one of all frames, on one thread. A copy of the picture is part of it, as others may be reading it.
"""

import statistics
import sys
import time

import cv2
import numpy as np
import supervision as sv

WIDTH, HEIGHT, TRAIL = 1920, 1080, 30


def detections(count, frame):
    """Objects that walk through the picture, each at its own pace; the same as in `render.rs`."""
    index = np.arange(count)
    x = (index * 37 % 100 / 100 + frame * 0.001 * (1 + index % 3)) % 0.95 * WIDTH
    y = (index * 61 % 100 / 100 * 0.85) * HEIGHT
    boxes = np.stack([x, y, x + 0.03 * WIDTH, y + 0.1 * HEIGHT], axis=1)
    return sv.Detections(
        xyxy=boxes.astype(np.float32),
        confidence=np.full(count, 0.9),
        class_id=(index % 5).astype(int),
        tracker_id=index.astype(int),
    )


def main():
    count, frames = int(sys.argv[1]), int(sys.argv[2])
    cv2.setNumThreads(1)
    scene = np.full((HEIGHT, WIDTH, 3), 96, dtype=np.uint8)
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    trails = sv.TraceAnnotator(trace_length=TRAIL)
    area = np.array([[192, 324], [960, 324], [960, 972], [192, 972]])
    zone = sv.PolygonZone(polygon=area)
    zones = sv.PolygonZoneAnnotator(zone=zone, color=sv.Color.RED, opacity=0.16, display_in_zone_count=False)
    texts = [f"Person {index:04x}" for index in range(count)]
    times = []
    for frame in range(TRAIL + frames):
        found = detections(count, frame)
        start = time.perf_counter()
        picture = zones.annotate(scene.copy())
        picture = trails.annotate(picture, found)
        picture = boxes.annotate(picture, found)
        picture = labels.annotate(picture, found, texts)
        if frame >= TRAIL:
            times.append(time.perf_counter() - start)
    assert (picture != scene).any()
    print(statistics.median(times) * 1000)


main()
