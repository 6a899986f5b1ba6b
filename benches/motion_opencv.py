"""Motion by OpenCV: MOG2, opening, contours, on the full luma plane or a reduced one; one thread.

motion_opencv.py CLIP WIDTH HEIGHT REDUCED_WIDTH FRAMES

Frames are decoded and scaled to WIDTHxHEIGHT first, some at a time, and only the analysis is timed. REDUCED_WIDTH 0
means the full plane; otherwise the reduction is part of what is timed. Prints the milliseconds per frame.
"""

import sys
import time

import cv2

# Decoded frames held at a time: enough that the decoder's threads rest while the analysis is timed.
CHUNK = 50


def chunks(capture, size, frames):
    """Lists of luma planes."""
    left = frames
    while left > 0:
        planes = []
        while len(planes) < min(CHUNK, left):
            ok, picture = capture.read()
            if not ok:
                break
            plane = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            planes.append(plane if plane.shape[::-1] == size else cv2.resize(plane, size))
        if not planes:
            return
        left -= len(planes)
        yield planes


def main():
    clip, width, height, reduced, frames = sys.argv[1], *map(int, sys.argv[2:6])
    cv2.setNumThreads(1)
    subtractor = cv2.createBackgroundSubtractorMOG2()
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    small = (reduced, round(reduced * height / width)) if reduced else None
    # A person far away, as a part of the picture; the same that Watchpost's default takes.
    least = 0.0004 * (small[0] * small[1] if small else width * height)
    spent, count = 0.0, 0
    for planes in chunks(cv2.VideoCapture(clip), (width, height), frames):
        start = time.perf_counter()
        for plane in planes:
            if small:
                plane = cv2.resize(plane, small, interpolation=cv2.INTER_AREA)
            mask = subtractor.apply(plane)
            _, mask = cv2.threshold(mask, 200, 255, cv2.THRESH_BINARY)
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            [cv2.boundingRect(contour) for contour in contours if cv2.contourArea(contour) >= least]
        spent += time.perf_counter() - start
        count += len(planes)
    print(spent / count * 1000)


if __name__ == "__main__":
    main()
