"""A camera over RTSP that does what cameras do: each line of STDIN is an order, answered by a line on STDOUT.

    size WIDTH HEIGHT    another resolution, in the same session
    codec h264|h265      another codec: clients are sent away, as by a camera that restarts its encoder
    stall on|off         the session stays, no pictures come
    break on|off         bytes of the coded picture are damaged on the way
"""
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

Gst.init(None)
ENCODERS = {
    "h264": ("x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15", "rtph264pay"),
    "h265": ("x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15", "rtph265pay"),
}
port, size, codec, media = sys.argv[1], (320, 240), "h264", None
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)


def caps():
    return f"video/x-raw,width={size[0]},height={size[1]},framerate=25/1"


def configured(_factory, made):
    global media
    media = made.get_element()


def mount():
    encoder, payloader = ENCODERS[codec]
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! videoscale ! capsfilter name=size caps={caps()} ! {encoder} "
        f"! valve name=valve ! breakmydata name=breaker probability=0 ! {payloader} name=pay0 config-interval=-1 )"
    )
    factory.connect("media-configure", configured)
    server.get_mount_points().add_factory("/cam", factory)


def change(element, key, value):
    if media:
        media.get_by_name(element).set_property(key, value)


def order(words):
    global size, codec
    if words[0] == "size":
        size = int(words[1]), int(words[2])
        change("size", "caps", Gst.Caps.from_string(caps()))
    elif words[0] == "codec":
        codec = words[1]
    elif words[0] == "stall":
        change("valve", "drop", words[1] == "on")
    elif words[0] == "break":
        change("breaker", "probability", 0.002 if words[1] == "on" else 0.0)
    mount()  # whoever comes next finds a camera that works
    if words[0] == "codec":
        server.client_filter(lambda _server, _client: GstRtspServer.RTSPFilterResult.REMOVE)
    print("done", flush=True)
    return False


def orders():
    for line in sys.stdin:
        GLib.idle_add(order, line.split())
    GLib.idle_add(loop.quit)


mount()
server.attach(None)
print(server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
threading.Thread(target=orders, daemon=True).start()
loop.run()
