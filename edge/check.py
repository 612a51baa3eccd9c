"""`sortline-edge check`: every part that a line needs, tried for real, in one table."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from edge.belt.geometry import Geometry
from edge.camera.camera import Camera, Ended
from edge.camera.sources import public_name
from edge.config import Config
from edge.config_file import check_routing, load_config
from edge.errors import CameraError, SortlineError

FRAMES = 10


@dataclass(frozen=True)
class Probe:
    """What came of trying one part."""

    part: str
    passed: bool
    found: str
    exit_status: int = 0


def probe_all(config_path: Path) -> list[Probe]:
    """Try configuration, bundle, provider, camera and broker; a part that failed does not keep the others untried.

    Raises ConfigError when there is no configuration to try.
    """
    config = load_config(config_path)
    return [
        Probe("configuration", passed=True, found=f"line {config.line}"),
        _probe("bundle", lambda: _bundle(config_path, config)),
        _probe("provider", lambda: _provider(config)),
        _probe("camera", lambda: _camera(config)),
        _probe("broker", lambda: _broker(config)),
    ]


def _probe(part: str, attempt: Callable[[], str]) -> Probe:
    try:
        return Probe(part, passed=True, found=attempt())
    except SortlineError as error:
        return Probe(part, passed=False, found=str(error), exit_status=error.exit_status)


def _bundle(config_path: Path, config: Config) -> str:
    from edge.daemon import open_trusted

    bundle = open_trusted(config)
    manifest = bundle.manifest
    check_routing(config_path, config, manifest.labels)
    signed = f", signed by {bundle.signer}" if bundle.signer else ""
    return f"{manifest.id}, classes {', '.join(manifest.labels)}{signed}"


def _provider(config: Config) -> str:
    from edge.daemon import open_trusted
    from edge.engine.engine import open_engine

    return f"golden inputs agree; {open_engine(config.engine, open_trusted(config)).why}"


def _camera(config: Config) -> str:
    started, counted, size = time.monotonic(), 0, ""
    with Camera(config.camera) as camera:
        try:
            while counted < FRAMES:
                if frame := camera.newest(0.5):
                    counted += 1
                    started = time.monotonic() if counted == 1 else started
                    Geometry(config.belt, frame.image.shape[1], frame.image.shape[0])
                    size = f"{frame.image.shape[1]}x{frame.image.shape[0]}"
        except Ended:
            if not counted:
                raise CameraError(f"{public_name(config.camera.source)}: expected frames, found none") from None
            return f"{size}, {counted} frames, then its end"
    rate = (FRAMES - 1) / (time.monotonic() - started)
    return "; ".join((f"{size}, {rate:.1f} frames a second", *camera.problems))


def _broker(config: Config) -> str:
    from edge.wire.mqtt import Connection

    # A client id of its own: the daemon's would end the daemon's session.
    connection = Connection(config.mqtt, f"check-{token_hex(4)}", topics=(), on_message=lambda *_: None)
    connection.connect()
    connection.close()
    return f"{config.mqtt.host}:{config.mqtt.port} accepts us"
