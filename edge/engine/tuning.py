"""How a runtime uses the processor, and which ways of it are worth a measurement."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edge.errors import ConfigError


class Tuning(NamedTuple):
    """Threads of one runtime."""

    threads: int = 1
    spinning: bool = False
    """Threads wait for work at full speed: a little faster alone, far slower where others want the core."""

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads > 1)}{', spinning' * self.spinning}"


ONE_THREAD = Tuning()


def tunings(asked: int | str, cores: int) -> tuple[Tuning, ...]:
    """What to measure for `threads = asked`, the most modest first, so that it is kept where more brings little.

    "auto": 1, 2, 4 … and all `cores` that inference may have.
    """
    if isinstance(asked, int):
        return (Tuning(asked),)
    counts = sorted({cores, *(2**power for power in range(cores.bit_length()) if 2**power <= cores)})
    return tuple(Tuning(count) for count in counts)


def inference_cores(cpus: Sequence[int]) -> int:
    """How many cores inference may have: all of `cpus`, or all but one, which camera and tracking keep busy."""
    return len(cpus) or max(1, len(os.sched_getaffinity(0)) - 1)


def pin(cpus: Sequence[int]) -> None:
    """Keep all threads of this process, and those that they start, to these processors; none: wherever they like.

    Raises ConfigError when the machine has no such processor.
    """
    if not cpus:
        return
    try:
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(int(thread.name), cpus)
    except OSError as error:
        raise ConfigError(
            f"engine.cpus: expected processors from 0 to {(os.cpu_count() or 1) - 1}, found {list(cpus)}"
        ) from error
