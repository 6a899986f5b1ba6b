#!/usr/bin/env python3
"""Glass to glass: the time from a source's frame to a viewer who has decoded it, in ms.

Each frame carries the moment it was made as blocks of light and dark along its top, which survive the encoder. One
thread feeds frames through shared memory (GStreamer's shmsink and shmsrc), another reads what a viewer decodes.

    glass.py feed SOCKET SECONDS           frames into SOCKET, until time is up
    glass.py rtsp URL SECONDS              what gst-launch's rtspsrc, with no jitter buffer, sees: latencies as JSON
    glass.py hls URL SECONDS               from the end of a part of low-latency HLS, by the playlist's wall clock, to
                                           its being told to a player who waits for it
    glass.py serve SOCKET PORT             the peer: a bare gst-rtsp-server with the settings that make it quick
"""
import datetime
import json
import re
import subprocess
import sys
import time
import urllib.request

WIDTH, HEIGHT, FPS = 1280, 720, 30
BLOCK, BITS = 16, 40
CAPS = f"video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={FPS}/1"


def stamped(pattern: bytes, micros: int) -> bytes:
    row = b"".join(bytes([220 if micros >> bit & 1 else 30]) * BLOCK for bit in range(BITS))
    row += pattern[len(row):WIDTH]
    return row * BLOCK + pattern[WIDTH * BLOCK:]


def read(luma: memoryview) -> int:
    middle = BLOCK // 2
    bits = (luma[middle * WIDTH + bit * BLOCK + middle] > 125 for bit in range(BITS))
    return sum(1 << bit for bit, is_light in enumerate(bits) if is_light)


def now() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def feed(socket: str, seconds: float) -> None:
    size = WIDTH * HEIGHT * 3 // 2
    sink = subprocess.Popen(
        ["gst-launch-1.0", "-q", "fdsrc", "fd=0", f"blocksize={size}", "!", "rawvideoparse", "format=i420",
         f"width={WIDTH}", f"height={HEIGHT}", f"framerate={FPS}/1", "!", "shmsink", f"socket-path={socket}",
         "sync=false", "wait-for-connection=false", f"shm-size={size * 8}"], stdin=subprocess.PIPE)
    lines = [bytes((40 + (x + shift) % 160) for x in range(WIDTH)) for shift in range(0, 160, 4)]
    patterns = [line * HEIGHT + b"\x80" * (size - WIDTH * HEIGHT) for line in lines]
    start, n = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        sink.stdin.write(stamped(patterns[n % len(patterns)], now()))
        sink.stdin.flush()
        n += 1
        time.sleep(max(0.0, start + n / FPS - time.monotonic()))
    sink.kill()


def rtsp(url: str, seconds: float) -> None:
    viewer = subprocess.Popen(
        ["gst-launch-1.0", "-q", "rtspsrc", f"location={url}", "protocols=tcp", "latency=0", "!", "rtph264depay", "!",
         "h264parse", "!", "avdec_h264", "max-threads=1", "!", "fdsink", "fd=1", "sync=false"], stdout=subprocess.PIPE)
    latencies, start, size = [], None, WIDTH * HEIGHT * 3 // 2
    while start is None or time.monotonic() - start < seconds:
        frame = viewer.stdout.read(size)
        if len(frame) < size:
            break
        start = start or time.monotonic()
        latencies.append((now() - read(memoryview(frame))) / 1000)
    viewer.kill()
    # The first second has what waited for the key frame.
    say(latencies[FPS:])


def hls(url: str, seconds: float) -> None:
    def get(query: str = "") -> str:
        return urllib.request.urlopen(url + query, timeout=20).read().decode()

    text, latencies, end = get(), [], time.time() + seconds
    while time.time() < end:
        hint = re.search(r'PRELOAD-HINT:TYPE=PART,URI="[^"]*?(\d+)\.(\d+)\.m4s"', text)
        text = get(f"?_HLS_msn={hint[1]}&_HLS_part={hint[2]}")
        came, taken = time.time(), 0.0
        for line in text.splitlines():
            if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
                date = line.split(":", 1)[1].replace("Z", "+00:00")
                taken = datetime.datetime.fromisoformat(date).timestamp()
            elif line.startswith("#EXT-X-PART:"):
                taken += float(re.search(r"DURATION=([0-9.]+)", line)[1])
        latencies.append((came - taken) * 1000)
    say(latencies)


def say(latencies: list) -> None:
    latencies.sort()
    at = lambda part: latencies[int(part * (len(latencies) - 1))]
    print(json.dumps({"count": len(latencies), "p50": at(0.5), "p99": at(0.99), "max": at(1)}))


def serve(socket: str, port: str) -> None:
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( shmsrc socket-path={socket} is-live=true do-timestamp=true ! {CAPS} ! x264enc tune=zerolatency "
        "speed-preset=veryfast key-int-max=60 ! rtph264pay name=pay0 pt=96 config-interval=-1 "
        "aggregate-mode=zero-latency )")
    factory.set_shared(True)
    factory.set_latency(0)
    # Sinks that keep time would wait for the latency that the encoder claims.
    factory.connect("media-configure", lambda _, media: media.set_rate_control(False))
    server = GstRtspServer.RTSPServer()
    server.set_service(port)
    server.get_mount_points().add_factory("/x", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "feed":
        feed(rest[0], float(rest[1]))
    elif command == "rtsp":
        rtsp(rest[0], float(rest[1]))
    elif command == "hls":
        hls(rest[0], float(rest[1]))
    else:
        serve(*rest)
