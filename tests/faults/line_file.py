"""The file of the line under test: every picture is an item, all classes go to one bin."""

from pathlib import Path

import msgspec

from edge.config import MqttConfig
from tests.faults.pictures import SIDE_PX

LINE, BIN = "l1", "recyclable"
RATE = 100.0
"""Items a second."""
SPEED_MM_S, MM_PER_PX = 1000.0, 4.0
RIDE_MM, REACH_MM = 300.0, 100.0
"""From the line to the gate 0.3 s, and the gate may be 0.1 s late: it shares its processor with all the others."""

TEXT = """\
line = "{line}"
bundle = "{bundle}"
items = "frame"
[camera]
source = "frames:{frames}"
fps = {rate}
[belt]
direction = "right"
speed_mm_s = {speed_mm_s}
mm_per_px = {mm_per_px}
line_mm = {line_mm}
[routing]
min_confidence = 0.0
bins = {{ kitchen = "{bin}", other = "{bin}", hazardous = "{bin}" }}
[ledger]
path = "{ledger}"
rows = {rows}
[gates.{bin}]
distance_mm = {ride_mm}
reach_mm = {reach_mm}
[gates.reject]
distance_mm = {ride_mm}
[mqtt]
{mqtt}
"""


def line_file(
    *, bundle: Path, frames: Path, ledger: Path, rows: int, mqtt: MqttConfig, rate: float, ride_mm: float
) -> str:
    """TOML for `rate` items a second that ride `ride_mm` to their gate."""
    access = {name: value for name, value in msgspec.structs.asdict(mqtt).items() if value is not None}
    return TEXT.format(
        line=LINE,
        bin=BIN,
        bundle=bundle,
        frames=frames,
        rate=rate,
        speed_mm_s=SPEED_MM_S,
        mm_per_px=MM_PER_PX,
        line_mm=SIDE_PX * MM_PER_PX / 2,
        ledger=ledger,
        rows=rows,
        ride_mm=ride_mm,
        reach_mm=REACH_MM,
        mqtt="\n".join(f"{name} = {msgspec.json.encode(value).decode()}" for name, value in access.items()),
    )
