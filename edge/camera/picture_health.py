"""Picture health: what the pictures themselves say about camera, lamp and lens. Pure: pictures in, words out."""

import cv2
import numpy as np

from edge.camera.sharpness import Sharpness
from edge.preprocess import Image

RAISE, CLEAR = 3, 10
"""So many bad pictures in a row are a problem, so many good ones end it: no status that flutters."""
SAMPLES = 64
"""About so many rows and columns of pixels are looked at for light and change: sensor noise changes some of them."""
DARK, DARK_SHARE = 20, 0.99
"""A picture in which nearly all is below this of 255 shows nothing."""
CLIPPED, CLIPPED_SHARE = 253, 0.5
"""Where half of it is at the upper end, what lies there has no detail left."""
LINES = 24
"""About so many rows and columns are looked at for sharpness: the cost grows only with their length."""

FROZEN, BLACK, OVEREXPOSED, BLURRED = "camera-frozen", "camera-black", "camera-overexposed", "camera-blurred"


class PictureHealth:
    """Looks at one camera's pictures one after the other."""

    def __init__(self, *, may_repeat: bool) -> None:
        """`may_repeat`: equal pictures mean nothing, as in a folder of a single one."""
        self._may_repeat = may_repeat
        self._sharpness = Sharpness()
        self.forget()

    def forget(self) -> None:
        """The camera starts anew: what was wrong is not known any more, how sharp it can be is."""
        self._last: Image | None = None
        self._signs = {
            FROZEN: _Sign(RAISE - 1),  # the first is the picture that the others equal
            BLACK: _Sign(RAISE),
            OVEREXPOSED: _Sign(RAISE),
            BLURRED: _Sign(RAISE),
        }

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the pictures now, in stable words."""
        return tuple(name for name, sign in self._signs.items() if sign.stands)

    def look(self, image: Image) -> None:
        """Take note of a picture, (H, W, 3) uint8 RGB."""
        down, right = (max(1, side // SAMPLES) for side in image.shape[:2])
        samples = image[::down, ::right].copy()
        black = np.count_nonzero(samples < DARK) >= DARK_SHARE * samples.size
        clipped = np.count_nonzero(samples >= CLIPPED) >= CLIPPED_SHARE * samples.size
        repeated = self._last is not None and np.array_equal(samples, self._last)
        self._last = samples
        self._signs[FROZEN].note(repeated and not self._may_repeat)
        self._signs[BLACK].note(bool(black))
        self._signs[OVEREXPOSED].note(bool(clipped))
        if not (black or clipped):
            self._signs[BLURRED].note(self._sharpness.lost(*_lines(image)))


class _Sign:
    """Stands after so many pictures in a row that show it, until CLEAR in a row that don't."""

    def __init__(self, after: int) -> None:
        self.stands = False
        self._after, self._streak = after, 0

    def note(self, seen: bool | None) -> None:
        """None: this picture doesn't tell."""
        if seen is None:
            return
        self._streak = self._streak + 1 if seen != self.stands else 0
        if self._streak >= (CLEAR if self.stands else self._after):
            self.stands, self._streak = seen, 0


def _lines(image: Image) -> tuple[Image, Image]:
    """Some rows and some columns of the green, as rows, each at full resolution."""
    down, right = (max(1, side // LINES) for side in image.shape[:2])
    # The copy first: to gather and turn in one go takes twice as long.
    rows = cv2.extractChannel(image[::down], 1)
    return np.asarray(rows, np.uint8), np.ascontiguousarray(image[:, ::right, 1].copy().T)
