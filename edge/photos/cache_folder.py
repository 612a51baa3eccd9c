"""Where sortline keeps what it can make again: decoded photos and their perceptual hashes."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`sortline` below $XDG_CACHE_HOME, if that is absolute as the XDG specification asks, else below ~/.cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "sortline"
