"""The lines that are measured: the daemon's own configuration, at a broker and a camera of the bench."""

from pathlib import Path
from typing import Literal

import msgspec

from edge.config import BeltConfig, CameraConfig, Config, EngineConfig, GateConfig, LedgerConfig, MqttConfig
from edge.sim.broker import Broker

LINE = "bench"
GATE_MM = 2000.0

Items = Literal["belt", "frame"]


def line_config(
    items: Items, frames: Path, folder: Path, broker: Broker, labels: tuple[str, ...], engine: EngineConfig
) -> Config:
    """A line whose frames another process writes to `frames`; with items = "frame", each of them is an item."""
    return Config(
        line=LINE,
        bundle="",
        items=items,
        camera=CameraConfig(source=f"frames:{frames}", fps=30.0),
        belt=BeltConfig(direction="right", speed_mm_s=500.0, mm_per_px=0.5, line_mm=320.0),
        gates=dict.fromkeys((*labels, "reject"), GateConfig(distance_mm=GATE_MM)),
        ledger=LedgerConfig(path=str(folder / f"{items}.db"), rows=10_000),
        engine=engine,
        mqtt=MqttConfig(host=broker.host, port=broker.port),
    )


def write_config(config: Config, bundle: Path, path: Path) -> None:
    """The same as a line's file, for a daemon in a process of its own."""
    tree = msgspec.to_builtins(msgspec.structs.replace(config, bundle=str(bundle.resolve())))
    path.write_text("\n".join(_toml(tree, "")) + "\n", encoding="utf-8")


def _toml(table: dict[str, object], name: str) -> list[str]:
    plain = [f"{key} = {_value(value)}" for key, value in table.items() if _is_plain(value)]
    tables = [line for key, value in table.items() if isinstance(value, dict) for line in _toml(value, f"{name}{key}.")]
    return [*([f"[{name[:-1]}]"] if name and plain else []), *plain, *tables]


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, dict)


def _value(value: object) -> str:
    return msgspec.json.encode(value).decode()
