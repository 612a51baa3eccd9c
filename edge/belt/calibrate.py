"""`sortline-edge calibrate`: learns the empty belt from the running camera and measures how it moves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import cv2
from cv2.typing import MatLike

from edge.belt.flow import BeltFlow
from edge.belt.geometry import Geometry
from edge.belt.presence import Presence, halvings
from edge.belt.reference import TEACH_FRAMES, Reference, learnt_from, save_reference
from edge.camera.camera import Camera, Ended
from edge.camera.frames import Frame
from edge.config import BeltConfig, Config, Direction
from edge.config_file import load_config
from edge.errors import CameraError, ConfigError, Refused
from edge.preprocess import Box, Image, halved

KEPT = 60
"""Frames that the reference is learnt from, spread over the whole time."""
STANDS_MM_S = 5.0
"""A belt that is slower than that stands: shaking cameras and noise measure as much."""
EMPTY_SHARE = 0.1
"""Things in more of the frames than that: the belt was not empty, and the reference would hold them."""
READ_SHARE = 0.5
"""The speed must be readable in so many of the frames."""
SAME_STRETCH = 0.75
"""Phase correlation of two frames of one stretch of belt: another's weave reaches 0.5, the same one's is over 0.9."""
WAIT_S = 0.5
OPPOSITE: dict[Direction, Direction] = {"right": "left", "left": "right", "down": "up", "up": "down"}
ACROSS: dict[Direction, Direction] = {"right": "down", "left": "up", "down": "right", "up": "left"}


@dataclass(frozen=True)
class Findings:
    """What the frames of a running, empty belt tell."""

    reference: Reference
    region: Box
    """Pixels of the picture."""
    direction: Direction
    speed_mm_s: float
    """Mean over the frames, by the configured mm_per_px."""
    scatter_mm_s: float
    """Median deviation from it: of the camera's shaking, of its capture times, of the belt."""
    loop_mm: float | None
    """Belt after which the same stretch came again; None: not within the time."""


def calibrate(config_path: Path, seconds: float, *, write: bool) -> str:
    """Watch the configured camera for so long; returns what to tell people, and writes the reference if asked to.

    Raises ConfigError, CameraError, or Refused when the belt was not empty, stood, or shows nothing that moves.
    """
    config = load_config(config_path)
    if write and not config.belt.reference:
        raise ConfigError(f"{config_path}: belt.reference: expected a file name to write the empty belt to, found none")
    findings = found_in(config.belt, list(_recorded(config, seconds)))
    if write and config.belt.reference:
        save_reference(Path(config.belt.reference), findings.reference, findings.region)
    return _told(config.belt, findings, written=write)


def found_in(config: BeltConfig, frames: list[Frame]) -> Findings:
    """Learn and measure from the frames of an empty belt, all of one size. Raises ConfigError or Refused."""
    if len(frames) < TEACH_FRAMES:
        raise Refused(f"expected at least {TEACH_FRAMES} frames to learn the belt from, found {len(frames)}")
    height, width = frames[0].image.shape[:2]
    geometry = Geometry(config, width, height)
    direction, speed_mm_s, scatter_mm_s = _movement(config, frames, width, height)
    kept = frames[:: max(1, len(frames) // KEPT)]
    times = halvings(config, *geometry.size)
    reference = learnt_from([halved(_cut(frame.image, geometry.roi), times) for frame in kept])
    _require_empty(config, geometry, reference, kept)
    loop_mm = _loop_mm(geometry, frames, speed_mm_s)
    return Findings(reference, geometry.roi, direction, speed_mm_s, scatter_mm_s, loop_mm)


def _recorded(config: Config, seconds: float) -> Iterator[Frame]:
    with Camera(config.camera) as camera:
        until_s: float | None = None
        while until_s is None or time.monotonic() < until_s:
            try:
                frame = camera.newest(WAIT_S)
            except Ended:
                if until_s is None:
                    raise CameraError("expected frames of the empty belt, found none") from None
                return
            if frame:
                until_s = until_s or time.monotonic() + seconds
                yield frame


def _movement(config: BeltConfig, frames: list[Frame], width: int, height: int) -> tuple[Direction, float, float]:
    """Direction, speed and its scatter. Raises Refused."""
    best: tuple[Direction, list[float]] = (config.direction, [])
    for direction in (config.direction, ACROSS[config.direction]):
        turned = _turned(config, direction)
        speeds = _speeds(Geometry(turned, width, height), frames)
        if len(speeds) > READ_SHARE * len(frames) and (not best[1] or abs(median(speeds)) > abs(median(best[1]))):
            best = (direction, speeds)
    direction, speeds = best
    if not speeds:
        raise Refused("the belt's speed cannot be read: it shows no texture that moves; clean the lens, or measure it")
    middle = median(speeds)
    # Whole pixels: single readings cluster on both sides of the speed, and only their mean is it.
    speed = fmean(one for one in speeds if abs(one - middle) <= max(abs(middle) / 2, STANDS_MM_S))
    if abs(speed) < STANDS_MM_S:
        raise Refused(f"the belt stands: expected it to run, found {speed:.1f} mm/s; start it and calibrate again")
    scatter = median(abs(one - speed) for one in speeds)
    return (direction if speed > 0 else OPPOSITE[direction]), abs(speed), scatter


def _turned(config: BeltConfig, direction: Direction) -> BeltConfig:
    """The same view for a belt that runs another way; where its line is does not matter here."""
    return BeltConfig(
        direction=direction,
        speed_mm_s=config.speed_mm_s,
        mm_per_px=config.mm_per_px,
        line_mm=config.mm_per_px,
        roi=config.roi,
        min_item_mm=config.min_item_mm,
    )


def _speeds(geometry: Geometry, frames: list[Frame]) -> list[float]:
    flow = BeltFlow(geometry)
    read = (flow.read(frame.image, frame.captured_ns) for frame in frames)
    return [speed for speed in read if speed is not None]


def _require_empty(config: BeltConfig, geometry: Geometry, reference: Reference, frames: list[Frame]) -> None:
    presence = Presence(config, geometry, reference)
    full = sum(bool(presence.spots(_cut(frame.image, geometry.roi), 0.0)) or presence.blocked for frame in frames)
    if full > EMPTY_SHARE * len(frames):
        raise Refused(
            f"the belt is not empty: expected things in none of {len(frames)} frames, found some in {full}; "
            "let it run empty and calibrate again"
        )


def _loop_mm(geometry: Geometry, frames: list[Frame], speed_mm_s: float) -> float | None:
    """After how much belt the stretch of the first frame comes again."""
    flow = BeltFlow(geometry)
    first, start_ns = flow.texture(frames[0].image), frames[0].captured_ns
    best: tuple[float, float] | None = None
    for frame in frames:
        travel_mm = speed_mm_s * (frame.captured_ns - start_ns) / 1e9
        if travel_mm > geometry.view_mm:
            shift_mm, confidence = _shift_mm(flow, first, flow.texture(frame.image))
            if confidence > max(SAME_STRETCH, best[0] if best else 0.0):
                best = (confidence, travel_mm - shift_mm)
    return best[1] if best else None


def _shift_mm(flow: BeltFlow, first: MatLike, other: MatLike) -> tuple[float, float]:
    (along_px, _), confidence = cv2.phaseCorrelate(first, other)
    return along_px * flow.mm_per_px, confidence


def _cut(image: Image, roi: Box) -> Image:
    return image[roi.top : roi.bottom, roi.left : roi.right]


def _told(config: BeltConfig, findings: Findings, *, written: bool) -> str:
    lines = [
        f"speed      {findings.speed_mm_s:.1f} mm/s (configured: {config.speed_mm_s:g})",
        f"           scatter {findings.scatter_mm_s:.1f} mm/s, at {config.mm_per_px:g} mm a pixel",
        f"direction  {findings.direction} (configured: {config.direction})",
        f"loop       {findings.loop_mm:.0f} mm of belt" if findings.loop_mm else "loop       longer than was watched",
        f"reference  {'written to' if written else 'not written (--write) to'} {config.reference or 'no file'}",
        "",
        "[belt]",
        f'direction = "{findings.direction}"',
        f"speed_mm_s = {findings.speed_mm_s:.1f}",
    ]
    return "\n".join(lines if config.reference else [*lines, 'reference = "belt.npz"'])
