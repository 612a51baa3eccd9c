"""What every kind of source hands out, and by which name it may be spoken of."""

import re
from collections.abc import Callable
from typing import NamedTuple

from edge.config import CameraConfig
from edge.preprocess import Image

STALL_FRAMES, STALL_S, FILE_STALL_S = 4, 0.4, 2.0
"""Seen 0.5 s after its cable was pulled: a network camera's last picture is 0.1 s on its way."""

Say = Callable[[str], None]
"""Takes one line for people; a setting that the camera did not take is told by it."""


class Shot(NamedTuple):
    """One picture."""

    image: Image
    """(H, W, 3) uint8 RGB."""
    captured_ns: int
    """`time.monotonic_ns()` of this host when it was exposed, as well as the source knows."""


class Silence(NamedTuple):
    """Nothing triggered the camera, and it answers: no picture is due."""

    width: int
    height: int


def is_live(source: str) -> bool:
    """A camera, whose silence is a fault, rather than a file or another process's frames."""
    return source.startswith(("/dev/", "genicam:")) or "://" in source


def stall_s(config: CameraConfig) -> float:
    """Seconds without a frame after which the source is given up."""
    usual_s = max(STALL_S if is_live(config.source) else FILE_STALL_S, STALL_FRAMES / config.fps)
    return config.stall_s or usual_s


def public_name(text: str) -> str:
    """A source, or a text with one in it, as logs and the broker may see it.

    Without user, password and the values of a URL's query, where cameras take passwords and tokens; rather too much is
    hidden than too little, for a password may itself hold any of the signs that URLs are made of.
    """
    without_user = re.sub(r"(?<=://)\S*@", "", text)
    return re.sub(r"(://[^\s?]*\?)\S*?(?=:?(?:\s|$))", r"\1…", without_user)
