"""Mistakes of a run, each with a picture of the moment at which its item was at the line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2

from edge.sim.belt import Picture
from edge.sim.layout import SceneItem
from edge.sim.scene import Scene
from edge.sim.scoring import Account, Verdict

WIDTH_PX = 240
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Case:
    """One mistake."""

    kind: str
    """missed, merged, doubled, split, ghost or wrong bin."""
    seed: int
    """Of the scene that shows it: with it and the other settings the scene can be made again."""
    item: int | None
    """Number in that scene; None for a ghost."""
    at_s: float
    """Scene time of the picture."""
    about: str
    jpeg: bytes


def cases_of(
    line_mm: float,
    scene: Scene,
    found: Account,
    verdicts: Sequence[Verdict],
    bins: Mapping[str, str] | None,
    pictures: int,
) -> list[Case]:
    """The first `pictures` mistakes of every kind. `bins`: class -> bin, None when routing does not count."""
    counts: dict[str, int] = {}
    cases = []
    for kind, item, verdict in _mistakes(scene, found, verdicts, bins):
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= pictures:
            cases.append(_case(line_mm, scene, kind, item, verdict))
    return cases


def _mistakes(
    scene: Scene, found: Account, verdicts: Sequence[Verdict], bins: Mapping[str, str] | None
) -> Iterator[tuple[str, SceneItem | None, Verdict | None]]:
    for item in scene.items:
        fate, place = found.fates[item.number], found.verdicts.get(item.number)
        verdict = None if place is None else verdicts[place]
        if fate != "seen":
            yield fate, item, verdict
        elif bins and verdict and verdict.bin != bins.get(item.label, item.label):
            yield "wrong bin", item, verdict
    for kind, further in (("doubled", found.doubled), ("split", found.split)):
        for place, number in further.items():
            yield kind, scene.items[number], verdicts[place]
    for place in found.ghosts:
        yield "ghost", None, verdicts[place]


def _case(line_mm: float, scene: Scene, kind: str, item: SceneItem | None, verdict: Verdict | None) -> Case:
    at_s = scene.crosses_s(item, line_mm) if item else verdict.captured_s if verdict else 0.0
    picture = scene.frame(at_s)
    _mark(picture, scene, line_mm, verdict, at_s)
    about = f"{item.label}/{item.subclass}" if item else ""
    if verdict:
        flags = ", touching" if verdict.touching else ""
        about += f" → {verdict.bin} ({verdict.reason}{flags})"
    return Case(kind, scene.seed, item.number if item else None, at_s, about.strip(), _jpeg(picture))


def _mark(picture: Picture, scene: Scene, line_mm: float, verdict: Verdict | None, at_s: float) -> None:
    """A cross where the decision says that the thing's centre is."""
    if verdict is None:
        return
    x_mm = line_mm + scene.motion.travel_mm(at_s) - verdict.mark_mm
    centre = (round(x_mm / scene.mm_per_px), round(verdict.x_mm / scene.mm_per_px))
    if 0 <= centre[0] < picture.shape[1] and 0 <= centre[1] < picture.shape[0]:
        cv2.drawMarker(picture, centre, (255, 230, 0), cv2.MARKER_CROSS, 24, 2)


def _jpeg(picture: Picture) -> bytes:
    height = round(picture.shape[0] * WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
