"""The start: the engine opens while the camera teaches the belt."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

import numpy as np
import pytest

from edge.belt.watch import BeltWatch
from edge.camera.camera import Camera, Ended
from edge.camera.frames import Frame
from edge.config import BeltConfig, CameraConfig, Config, GateConfig, LedgerConfig, MqttConfig
from edge.daemon import open_while_learning
from edge.engine.engine import Engine
from edge.errors import ProviderError

ENGINE = cast("Engine", object())
LONG_S = 10.0


@dataclass
class EmptyBelt:
    """A camera above an empty belt."""

    last: int = 1_000_000
    shown: Iterator[int] = field(default_factory=lambda: count(1))

    def newest(self, _timeout_s: float) -> Frame:
        """The next one, at once."""
        number = next(self.shown)
        if number > self.last:
            raise Ended
        grey = np.random.default_rng(number).normal(90, 2, (240, 320, 3)).clip(0, 255).astype(np.uint8)
        return Frame(grey, number, time.monotonic_ns())


def belt_of(items: str) -> BeltWatch:
    """Nothing is known of it yet."""
    return BeltWatch(
        Config(
            line="start",
            bundle="",
            items=cast("Any", items),
            camera=CameraConfig(source="unused", fps=30.0),
            belt=BeltConfig(direction="right", speed_mm_s=400.0, mm_per_px=1.0, line_mm=160.0),
            gates={"reject": GateConfig(distance_mm=2000.0)},
            ledger=LedgerConfig(path="unused"),
            mqtt=MqttConfig(host="unused"),
        ),
        1,
    )


def start(belt: BeltWatch, camera: EmptyBelt, opened: Any, stop: threading.Event | None = None) -> Engine:
    """As the daemon does."""
    return open_while_learning(opened, cast("Camera", camera), belt, stop or threading.Event())


def test_the_belt_is_known_when_a_slow_engine_is_open() -> None:
    """The engine waits for the belt here: one after the other would never end."""
    belt = belt_of("belt")

    def opened() -> Engine:
        end_s = time.monotonic() + LONG_S
        while not belt.ready and time.monotonic() < end_s:
            time.sleep(0.01)
        return ENGINE

    assert start(belt, EmptyBelt(), opened) is ENGINE
    assert belt.ready


def test_no_frame_is_taken_where_each_one_is_an_item() -> None:
    """It wants a decision, which only the engine can bring."""
    camera = EmptyBelt()

    start(belt_of("frame"), camera, lambda: ENGINE)

    assert next(camera.shown) == 1


def test_a_recording_that_ends_first_and_a_stop_still_wait_for_the_engine() -> None:
    """What comes of it is said by the main loop."""
    stop = threading.Event()
    stop.set()

    assert start(belt_of("belt"), EmptyBelt(last=2), lambda: time.sleep(0.3) or ENGINE) is ENGINE
    assert start(belt_of("belt"), EmptyBelt(), lambda: ENGINE, stop) is ENGINE


def test_an_engine_that_is_refused_ends_the_start() -> None:
    """As its own error, whatever the camera shows."""

    def refused() -> Engine:
        raise ProviderError("expected a card")

    with pytest.raises(ProviderError, match="expected a card"):
        start(belt_of("belt"), EmptyBelt(), refused)
