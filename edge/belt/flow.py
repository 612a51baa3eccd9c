"""Flow: the belt's speed, measured from how its texture and its items move between two frames."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.belt.geometry import Geometry
from edge.preprocess import Image

ALONG_PX, ACROSS_PX = 320, 64
"""Size at which frames are compared."""
SHIFT_PX = 0.1
"""The shift between two is found to so much."""
SMOOTH_PX = 41
"""What changes more slowly than that along the belt is the lamp's light, which does not move with it."""
SURE = 0.5
"""Peak of the phase correlation from which a shift is believed: the weave of two stretches of belt alone has 0.48."""
REACH = 0.4
"""A shift by more than this share of the view is no longer told from one the other way."""


class BeltFlow:
    """Compares each frame with the one before it (phase correlation, Kuglin and Hines 1975)."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self.mm_per_px = geometry.view_mm / ALONG_PX
        self._window = cv2.createHanningWindow((ALONG_PX, ACROSS_PX), cv2.CV_32F)
        self._before: MatLike | None = None
        self._before_ns = 0
        self.confidence = 0.0
        """Of the newest reading, 0 to 1."""

    def read(self, frame: Image, captured_ns: int) -> float | None:
        """Speed of the belt in mm/s since the last frame, negative when it runs back.

        `frame`: (H, W, 3) uint8 RGB. None for the first frame, and when the two have too little in common: the belt is
        bare of any texture, hidden, or moved too far between them.
        """
        now, before = self.texture(frame), self._before
        seconds = (captured_ns - self._before_ns) / 1e9
        self._before, self._before_ns = now, captured_ns
        if before is None or seconds <= 0:
            return None
        (along_px, _), self.confidence = cv2.phaseCorrelate(before, now)
        if self.confidence < SURE or abs(along_px) > REACH * ALONG_PX:
            return None
        return along_px * self.mm_per_px / seconds

    def texture(self, frame: Image) -> NDArray[np.float32]:
        """The region of interest, the belt running to the right, less rails and light, fading out towards its edges."""
        roi = self._geometry.roi
        grey = cv2.cvtColor(frame[roi.top : roi.bottom, roi.left : roi.right], cv2.COLOR_RGB2GRAY)
        if not self._geometry.level:
            grey = cv2.transpose(grey)
        if self._geometry.direction in {"left", "up"}:
            grey = cv2.flip(grey, 1)
        small = cv2.resize(grey, (ALONG_PX, ACROSS_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        # phaseCorrelate would apply the window to its arguments in place, and the next reading would apply it again.
        return np.asarray((small - cv2.blur(small, (SMOOTH_PX, 1))) * self._window, np.float32)
