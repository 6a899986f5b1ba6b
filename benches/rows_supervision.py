"""Rows to a file by Python's supervision: one detection a frame.

rows_supervision.py csv|json ROWS FILE

Prints the rows per second.
"""

import sys
import time

import numpy as np
import supervision as sv


def main():
    kind, rows, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    detections = sv.Detections(
        xyxy=np.array([[100.0, 120.0, 160.0, 280.0]], np.float32),
        confidence=np.array([0.91], np.float32),
        class_id=np.array([0]),
        tracker_id=np.array([7]),
    )
    sink = sv.CSVSink(path) if kind == "csv" else sv.JSONSink(path)
    start = time.perf_counter()
    with sink:
        for frame in range(rows):
            sink.append(detections, {"frame_id": frame, "frame_time": frame * 40.0, "label": "Person"})
    print(rows / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
