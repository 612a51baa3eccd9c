"""What the end-to-end tests share: the shipped bundle, and whole plants around a mosquitto."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.bundle.bundle import open_bundle
from edge.config import MqttConfig
from edge.demo import SHIPPED_BUNDLE
from edge.sim.plant import LINE, Plant
from edge.sim.watch import Watch
from tests.conftest import Listener, Mosquitto

ITEM_S = 30.0
"""Until an item is decided, at the latest: the belt's empty beginning, a slow start of a process, a broker's return."""


class Row(NamedTuple):
    """What the daemon's ledger holds of one decision."""

    seq: int
    item: int
    published: bool
    outcome: str | None
    decision: dict[str, Any]


class Works(NamedTuple):
    """A plant, its broker, and those who look on."""

    plant: Plant
    broker: Mosquitto
    watch: Watch
    listener: Listener

    def ledger(self) -> list[Row]:
        """All decisions in the daemon's ledger, in the order of their numbers."""
        path = self.plant.config_path.with_name("ledger.db")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT seq, item, published, outcome, decision FROM decisions ORDER BY seq").fetchall()
        return [Row(seq, item, bool(sent), outcome, json.loads(made)) for seq, item, sent, outcome, made in rows]

    def wait_for(self, reached: Callable[[], bool], timeout_s: float = ITEM_S) -> None:
        """Look again after every message, and now and then; fail when it does not come or a process has failed."""
        deadline = time.monotonic() + timeout_s
        while not reached():
            self.plant.check()
            assert time.monotonic() < deadline, f"not reached within {timeout_s} s"
            self.watch.changed.wait(0.1)
            self.watch.changed.clear()


Open = Callable[[Path], AbstractContextManager[Works]]


@pytest.fixture(scope="session")
def shipped_bundle() -> Path:
    """The bundle that comes with the project."""
    assert SHIPPED_BUNDLE.is_file(), f"expected the shipped bundle at {SHIPPED_BUNDLE}, found none"
    return SHIPPED_BUNDLE


@pytest.fixture(scope="session")
def open_works(shipped_bundle: Path) -> Open:
    """Enter with a folder for its files: a broker and those who look on are there, the plant is not started yet."""
    labels = open_bundle(shipped_bundle).manifest.labels

    @contextmanager
    def works(folder: Path) -> Iterator[Works]:
        broker = Mosquitto(folder).start()
        try:
            address = (broker.host, broker.port)
            access = MqttConfig(host=broker.host, port=broker.port)
            with (
                Listener(*address) as listener,
                Watch(access, LINE) as watch,
                Plant(folder, shipped_bundle, labels, address) as plant,
            ):
                yield Works(plant, broker, watch, listener)
        finally:
            broker.kill()

    return works
