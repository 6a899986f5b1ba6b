#!/usr/bin/env python3
"""Finds people with OpenCV's own HOG detector: no model to download, no GPU. An example to begin with.

    "Input": {"uri": "file:///srv/clip.avi",
              "detector_cmd": "python3 /path/to/detectors/people.py --scale 1.5", "detector_fps": 5}

needs `pip install opencv-python-headless`. docs/detectors.md tells what Watchpost sends and expects.
"""

import argparse
import json
import sys

import cv2
import numpy as np


def frames(stream):
    """Each frame's header and pixels, until Watchpost closes STDIN."""
    while line := stream.readline():
        header = json.loads(line)
        pixels = np.frombuffer(stream.read(header["bytes"]), np.uint8)
        yield header, pixels.reshape(header["height"], header["width"], 3)


def boxes_and_scores(image, hog, scale, threshold):
    """Boxes in pixels of `image`, and how sure HOG is of each, 0..1."""
    if scale != 1:
        image = cv2.resize(image, None, fx=scale, fy=scale)
    boxes, weights = hog.detectMultiScale(image, hitThreshold=threshold, winStride=(8, 8), scale=1.05)
    # The distance from the deciding plane is no probability, but grows with it.
    scores = 1 / (1 + np.exp(-2 * np.ravel(weights)))
    keep = cv2.dnn.NMSBoxes([list(map(float, box)) for box in boxes], scores.tolist(), 0.0, 0.4)
    return [(np.array(boxes[i]) / scale, float(scores[i])) for i in np.ravel(keep).astype(int)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="enlarge frames: HOG sees people of 100 pixels and more")
    parser.add_argument("--threshold", type=float, default=0.0, help="higher: fewer and surer")
    options = parser.parse_args()
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    for header, image in frames(sys.stdin.buffer):
        height, width = image.shape[:2]
        detections = []
        for (x, y, w, h), score in boxes_and_scores(image, hog, options.scale, options.threshold):
            # HOG's window has a margin around the person of an eighth at each side.
            x, y, w, h = x + w * 0.14, y + h * 0.07, w * 0.72, h * 0.86
            x0, y0 = max(x, 0), max(y, 0)
            x1, y1 = min(x + w, width), min(y + h, height)
            if x1 <= x0 or y1 <= y0:
                continue
            detections.append({
                "label": "person", "confidence": score,
                "x": x0 / width, "y": y0 / height, "width": (x1 - x0) / width, "height": (y1 - y0) / height,
            })
        # One line a frame, an empty list too: it says that nobody is there.
        print(json.dumps({"frame_id": header["frame_id"], "detections": detections}), flush=True)


if __name__ == "__main__":
    main()
