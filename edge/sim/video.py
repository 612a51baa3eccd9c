"""A recorded video in the place of a rendered belt: no truth, but what the line makes of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import cv2

from edge.errors import UsageError
from edge.preprocess import Image, to_rgb
from edge.sim.bench_settings import BenchSettings
from edge.sim.layout import SceneItem
from edge.sim.motion import Motion
from edge.sim.scoring import Verdict


class Video:
    """Frames of a file by their time; asked for in order, as a camera delivers them."""

    items: tuple[SceneItem, ...] = ()
    """Nobody knows what rides on it."""

    def __init__(self, path: Path, speed_mm_s: float) -> None:
        """Raises UsageError when the file is no video with a frame in it."""
        self._file = cv2.VideoCapture(str(path))
        read, first = self._file.read()
        if not read:
            raise UsageError(f"{path}: expected a video that OpenCV can read, found none; give an AVI, MP4 or MKV file")
        self._newest, self._number = to_rgb(first), 0
        self.shape = self._newest.shape[:2]
        self.fps = self._file.get(cv2.CAP_PROP_FPS) or 30.0
        self.duration_s = max(1.0, self._file.get(cv2.CAP_PROP_FRAME_COUNT)) / self.fps
        self.motion = Motion(speed_mm_s)

    def frame(self, t_s: float) -> Image:
        """The picture shown at `t_s`, (H, W, 3) uint8 RGB; the last one when the file has ended."""
        wanted = round(t_s * self.fps)
        while self._number < wanted:
            self._number += 1
            if not self._file.grab():
                break
            if self._number == wanted:
                self._newest = to_rgb(self._file.retrieve()[1])
        return self._newest


def decided(settings: BenchSettings, verdicts: list[Verdict], frames: int) -> dict[str, Any]:
    """What the line made of a video."""
    return {
        "speed_mm_s": settings.scene.speed_mm_s,
        "fps": round(settings.scene.fps, 3),
        "frames": frames,
        "decisions": len(verdicts),
        "per_bin": dict(sorted(Counter(verdict.bin for verdict in verdicts).items())),
        "reasons": dict(sorted(Counter(verdict.reason for verdict in verdicts).items())),
        "decided": [
            {
                "captured_s": round(verdict.captured_s, 3),
                "x_mm": verdict.x_mm,
                "label": verdict.label,
                "bin": verdict.bin,
                "reason": verdict.reason,
                "touching": verdict.touching,
            }
            for verdict in verdicts
        ],
    }
