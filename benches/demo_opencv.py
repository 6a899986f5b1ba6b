"""The demo's path as one writes it in Python: OpenCV for video and motion, supervision for tracks, drawing and tables.

demo_opencv.py CLIP OUTPUT_FOLDER
"""

import sys

import cv2
import numpy as np
import supervision as sv


def main():
    clip, folder = sys.argv[1:3]
    capture = cv2.VideoCapture(clip)
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    fps = capture.get(cv2.CAP_PROP_FPS)
    writer = cv2.VideoWriter(f"{folder}/annotated.mp4", cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
    subtractor = cv2.createBackgroundSubtractorMOG2()
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    tracker = sv.ByteTrack(frame_rate=int(fps))
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    line = sv.LineZone(start=sv.Point(int(0.45 * size[0]), int(0.30 * size[1])), end=sv.Point(int(0.45 * size[0]), int(0.66 * size[1])))
    least = 0.0004 * size[0] * size[1]
    frame = 0
    with sv.CSVSink(f"{folder}/tracks.csv") as table, sv.JSONSink(f"{folder}/tracks.json") as records:
        while True:
            ok, picture = capture.read()
            if not ok:
                break
            mask = subtractor.apply(picture)
            _, mask = cv2.threshold(mask, 200, 255, cv2.THRESH_BINARY)
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            found = [cv2.boundingRect(contour) for contour in contours if cv2.contourArea(contour) >= least]
            if found:
                corners = np.array([(x, y, x + w, y + h) for x, y, w, h in found], dtype=np.float32)
                detections = sv.Detections(
                    xyxy=corners, confidence=np.full(len(found), 0.9, np.float32), class_id=np.zeros(len(found), int)
                )
            else:
                detections = sv.Detections.empty()
            tracks = tracker.update_with_detections(detections)
            line.trigger(tracks)
            picture = boxes.annotate(picture, tracks)
            picture = labels.annotate(picture, tracks, [str(track) for track in tracks.tracker_id])
            writer.write(picture)
            table.append(tracks, {"frame": frame})
            records.append(tracks, {"frame": frame})
            frame += 1
    writer.release()
    print(frame)


if __name__ == "__main__":
    main()
