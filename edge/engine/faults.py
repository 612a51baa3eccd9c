"""The faults of a graphics card, remembered over restarts of the daemon until the machine itself restarts."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

WINDOW_S = 300.0
LIMIT = 3
"""So many within WINDOW_S, and restarting has not helped."""
MACHINE_BOOT = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    """What the file holds."""

    machine_boot: str
    """The monotonic clock begins anew with each."""
    at_s: tuple[float, ...]
    """On the monotonic clock."""
    last: str
    """What was said."""


class Faults:
    """The faults of one line, in a file beside its ledger."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        self._path, self._now_s = path, now_s
        self._machine_boot = MACHINE_BOOT.read_text(encoding="ascii").strip()

    @property
    def last(self) -> str:
        """What the newest one said; empty when there was none of late."""
        return self._read().last

    @property
    def too_many(self) -> bool:
        """Whether the card has failed so often of late that another try is not worth the wait."""
        return len(self._read().at_s) >= LIMIT

    def note(self, said: str) -> None:
        """The card failed now. A disk that takes no note of it costs the fallback, not the line."""
        kept = _Kept(self._machine_boot, (*self._read().at_s, self._now_s()), said)
        try:
            self._path.write_bytes(msgspec.json.encode(kept))
        except OSError as error:
            log.warning("engine-fault not noted in %s: %s", self._path, error.strerror)

    def _read(self) -> _Kept:
        """What is still of interest of it."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):  # none yet, or written in the moment of a power cut
            return _Kept(self._machine_boot, (), "")
        same_clock = kept.machine_boot == self._machine_boot
        recent = tuple(at_s for at_s in kept.at_s if same_clock and self._now_s() - at_s < WINDOW_S)
        return _Kept(self._machine_boot, recent, kept.last if recent else "")
