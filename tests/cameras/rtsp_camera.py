"""A network camera: `/usr/bin/python3 rtsp_camera.py ADDRESS PORT [locked]`, H.264 at 25 fps, rtsp://ADDRESS:PORT/cam.

Run by the distribution's Python, which has GStreamer; `locked` wants user `me` and password `secret`.
"""

import sys

import gi
import numpy as np

sys.path.insert(0, __file__.rpartition("/")[0])
import time_bars

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - gi wants the versions first

WIDTH, HEIGHT, FPS = 640, 480, 25
PIPELINE = f"""( appsrc name=source is-live=true do-timestamp=true format=time
  caps=video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate={FPS}/1
  ! videoconvert ! video/x-raw,format=I420
  ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={FPS} bitrate=2000 threads=1
  ! rtph264pay name=pay0 pt=96 config-interval=1 )"""


class Factory(GstRtspServer.RTSPMediaFactory):
    """Makes the stream when the first client comes."""

    def do_create_element(self, _url: object) -> Gst.Element:
        """Feed the encoder with grey pictures that carry the time."""
        pipeline = Gst.parse_launch(PIPELINE)
        source = pipeline.get_by_name("source")

        def push() -> bool:
            gray = np.full((HEIGHT, WIDTH), 128, np.uint8)
            time_bars.paint(gray)
            return source.emit("push-buffer", Gst.Buffer.new_wrapped(gray.tobytes())) == Gst.FlowReturn.OK

        GLib.timeout_add(1000 // FPS, push)
        return pipeline


def lock(server: GstRtspServer.RTSPServer, factory: Factory) -> None:
    """For one user alone."""
    credentials, token, permissions = (
        GstRtspServer.RTSPAuth(),
        GstRtspServer.RTSPToken(),
        GstRtspServer.RTSPPermissions(),
    )
    token.set_string("media.factory.role", "user")
    credentials.add_basic(GstRtspServer.RTSPAuth.make_basic("me", "secret"), token)
    server.set_auth(credentials)
    for right in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", right, True)
    factory.set_permissions(permissions)


def main() -> None:
    """Serve until killed."""
    Gst.init(None)
    server, factory = GstRtspServer.RTSPServer(), Factory()
    server.set_address(sys.argv[1])
    server.set_service(sys.argv[2])
    factory.set_shared(True)
    if sys.argv[3:] == ["locked"]:
        lock(server, factory)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print("up", flush=True)
    GLib.MainLoop().run()


main()
