"""Plays a scene in real time: frames into shared memory as a camera would, the truth as one line of JSON."""

import os
import sys
import threading
import time
from pathlib import Path

import msgspec

from edge.camera.frames import FrameWriter
from edge.sim.scene import Scene
from edge.sim.settings import SceneSettings

EMPTY_S = 1.5
"""The scene's beginning that no item has entered yet: it is what an empty belt looks like."""
SETTLE_S = 1.0
"""Empty belt after the last item has left the view."""


class TrueItem(msgspec.Struct, frozen=True):
    """One item as it really is."""

    number: int
    label: str
    subclass: str
    crosses_t_ms: float
    """When its centre is at the line, on this host's monotonic clock."""


class Truth(msgspec.Struct, frozen=True):
    """What really rides the belt."""

    items: tuple[TrueItem, ...]
    ends_t_ms: float
    """When the last frame is shown."""


def main() -> None:
    """`python -m edge.sim.play SETTINGS-JSON TARGET`: an empty belt until a line comes in, then the scene to its end.

    The truth goes to standard output when the scene begins. It ends early when its standard input closes.
    """
    settings, target = msgspec.json.decode(sys.argv[1], type=SceneSettings), Path(sys.argv[2])
    scene = settings.scene()
    began = threading.Event()
    threading.Thread(target=_obey, args=(began, target), name="obey", daemon=True).start()
    with FrameWriter(target, settings.width_px, settings.height_px) as writer:
        _play(scene, settings.fps, writer, EMPTY_S, began)
        print(msgspec.json.encode(_truth(scene, settings, time.monotonic())).decode(), flush=True)
        _play(scene, settings.fps, writer, scene.duration_s + SETTLE_S, None)


def _obey(began: threading.Event, target: Path) -> None:
    """A line begins the scene; when standard input closes, whoever started us is gone, and nobody looks any more."""
    while os.read(sys.stdin.fileno(), 64):  # not by sys.stdin: its lock, held at the interpreter's end, is fatal
        began.set()
    target.unlink(missing_ok=True)
    os._exit(0)


def _truth(scene: Scene, settings: SceneSettings, start_s: float) -> Truth:
    items = (
        TrueItem(item.number, item.label, item.subclass, (start_s + scene.crosses_s(item, settings.line_mm)) * 1000)
        for item in scene.items
    )
    return Truth(tuple(items), (start_s + scene.duration_s + SETTLE_S) * 1000)


def _play(scene: Scene, fps: float, writer: FrameWriter, duration_s: float, began: threading.Event | None) -> None:
    """Show the first `duration_s` of a scene, once, or over and over until `began`; a late frame is skipped."""
    start_s, number = time.monotonic(), 0
    while not (began and began.is_set()):
        at_s = number / fps
        if began is None and at_s > duration_s:
            return
        time.sleep(max(0.0, start_s + at_s - time.monotonic()))
        writer.write(scene.frame(at_s % duration_s if began else at_s), round((start_s + at_s) * 1e9))
        number = max(number + 1, int((time.monotonic() - start_s) * fps))


if __name__ == "__main__":
    main()
