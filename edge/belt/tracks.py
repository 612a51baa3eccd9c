"""Tracks: which sightings are the same item, as it lies on the belt, and when each item is to be decided."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from statistics import fmean, median

from edge.belt.geometry import Thing
from edge.belt.matching import Match, matched

CONFIRM_MM = 20.0
"""A thing is an item when it was seen to ride the belt so far: glare and dirt on the lens stay where they are."""
CONFIRM_DRIFT = 0.35
"""And slipped against the belt by this share of the way at most: the configured speed may be wrong by so much."""
COAST_S = 0.5
"""What is not seen for so long and is no item yet is forgotten."""
KEPT = 15
"""Sightings that an estimate is the median of: old ones know less where the belt's speed is not exactly as told."""
NEWEST = 5
"""And its ends of so many: each of these is from a portrait, which holds what the frames before showed."""
ESTABLISHED = 4
"""An item that was seen whole and by itself in so many frames is one, whatever it is seen together with later."""


@dataclass(frozen=True)
class Track:
    """What is known of one thing on the belt. Positions are marks, see `Thing`."""

    thing: Thing
    """As it was seen last."""
    first: Thing
    """As it was seen first."""
    first_at_mm: float
    """What the odometer read then."""
    seen_ns: int
    """Capture time of the frame that `thing` is from."""
    whole: tuple[Thing, ...] = ()
    """The newest sightings in which it was whole and by itself."""
    alone: int = 0
    """Frames in which it was whole and by itself."""
    apart: int = 0
    """Frames in which it was in several parts."""
    item: int = 0
    """Its number, once it is known to be an item."""
    decided: bool = False
    touching: bool = False

    @property
    def established(self) -> bool:
        """Surely one item of its own."""
        return self.alone >= ESTABLISHED

    @cached_property
    def extent(self) -> Thing:
        """Where it lies on the belt: the median of what was seen whole, or as much of it as was seen."""
        if not self.whole:
            return self.thing
        return replace(
            self.whole[-1],
            front_mm=median(thing.front_mm for thing in self.whole[-NEWEST:]),
            rear_mm=median(thing.rear_mm for thing in self.whole[-NEWEST:]),
            left_mm=median(thing.left_mm for thing in self.whole),
            right_mm=median(thing.right_mm for thing in self.whole),
        )

    @property
    def several(self) -> bool:
        """Most of what was seen of it looked like several things which touch."""
        return 2 * sum(thing.several for thing in self.whole) > len(self.whole)

    @property
    def mark_mm(self) -> float:
        """What the odometer reads when its centre is at the line."""
        extent = self.extent
        return (extent.front_mm + extent.rear_mm) / 2


class Tracks:
    """Gives every thing its track, and every item its number and its one crossing."""

    def __init__(self, upstream_mm: float, downstream_mm: float, first_item: int) -> None:
        """`upstream_mm` and `downstream_mm`: length of belt in view before and behind the line."""
        self._upstream_mm, self._downstream_mm = upstream_mm, downstream_mm
        self._next_item = first_item
        self._tracks: list[Track] = []

    def see(self, things: list[Thing], position_mm: float, now_ns: int) -> list[Track]:
        """Take in a frame captured at `now_ns`, when the odometer read `position_mm`; returns the items in it.

        Those that are still to be decided, the next to cross first.
        """
        matches = matched([track.thing for track in self._tracks], things)
        tracks = [*self._updated(matches, things, position_mm, now_ns)]
        tracks += [_begun(things[s], position_mm, now_ns) for s in matches.new]
        kept = [track for track in tracks if not self._is_gone(track, position_mm, now_ns)]
        self._tracks = [self._numbered(track, position_mm, now_ns) for track in sorted(kept, key=_mark_mm)]
        return [track for track in self._tracks if track.item and track.seen_ns == now_ns and not track.decided]

    def cross(self, position_mm: float) -> list[Track]:
        """The items that have come to the line, each once, in their order."""
        return self._decide(lambda track: position_mm >= track.mark_mm)

    def abandon(self) -> list[Track]:
        """Every item that was not decided yet; should it be seen again, it is known."""
        return self._decide(lambda _: True)

    def number(self) -> int:
        """A new item's number."""
        self._next_item += 1
        return self._next_item - 1

    def _decide(self, due: Callable[[Track], bool]) -> list[Track]:
        now = [track for track in self._tracks if track.item and not track.decided and due(track)]
        self._tracks = [replace(track, decided=True) if track in now else track for track in self._tracks]
        return now

    def _updated(self, matches: Match, things: list[Thing], position_mm: float, now_ns: int) -> Iterable[Track]:
        for t, track in enumerate(self._tracks):
            if t in matches.own:
                companions = [self._tracks[o] for o, s in matches.shared.items() if s in matches.own[t]]
                yield from _seen(track, [things[s] for s in matches.own[t]], companions, position_mm, now_ns)
            elif t not in matches.shared:
                yield track
            elif _stays(track, self._tracks[_owner(matches, matches.shared[t])]):
                yield replace(track, seen_ns=now_ns, touching=True)

    def _is_gone(self, track: Track, position_mm: float, now_ns: int) -> bool:
        """Nothing to wait for: a glint, or an item that went on for a view's length beyond the view.

        A belt that runs back brings a decided item into view again.
        """
        if not track.item:
            return now_ns - track.seen_ns > COAST_S * 1e9
        view_mm = self._upstream_mm + self._downstream_mm
        passed_mm = position_mm - (track.thing.rear_mm + self._downstream_mm)
        backed_mm = (track.thing.front_mm - self._upstream_mm) - position_mm
        return max(passed_mm, backed_mm) > view_mm

    def _numbered(self, track: Track, position_mm: float, now_ns: int) -> Track:
        if track.item or track.seen_ns != now_ns or not _rides(track, position_mm):
            return track
        return replace(track, item=self.number())


def _mark_mm(track: Track) -> float:
    return track.mark_mm


def _owner(matches: Match, thing: int) -> int:
    return next(t for t, own in matches.own.items() if thing in own)


def _begun(thing: Thing, position_mm: float, now_ns: int) -> Track:
    whole = (thing,) if thing.whole else ()
    return Track(thing, thing, position_mm, now_ns, whole, alone=len(whole))


def _stays(track: Track, companion: Track) -> bool:
    """Whether a track that is seen as one with another is an item of its own, and no part that was seen first."""
    return track.established or (companion.established and track.item > 0)


def _seen(
    track: Track, parts: list[Thing], companions: list[Track], position_mm: float, now_ns: int
) -> Iterable[Track]:
    """The track after a frame in which it was `parts`, which may hold `companions` as well."""
    if any(_stays(companion, track) for companion in companions):
        yield replace(track, seen_ns=now_ns, touching=True)
        return
    if len(parts) > 1 and not (track.decided or track.established) and track.apart >= ESTABLISHED:
        yield _alone(replace(track, apart=0), parts[0], position_mm, now_ns)
        yield from (_begun(part, position_mm, now_ns) for part in parts[1:])
        return
    if len(parts) > 1:
        track = replace(track, apart=track.apart + 1, touching=track.touching or track.apart > 0)
    decided = track.decided or any(companion.decided for companion in companions)
    yield _alone(replace(track, decided=decided), reduce(Thing.joined, parts), position_mm, now_ns)


def _alone(track: Track, thing: Thing, position_mm: float, now_ns: int) -> Track:
    """The track after a frame that shows it as `thing`."""
    if not _comparable(track.first, thing):
        track = replace(track, first=thing, first_at_mm=position_mm)
    if thing.whole:
        track = replace(track, whole=(*track.whole, thing)[-KEPT:], alone=track.alone + 1)
    return replace(track, thing=thing, seen_ns=now_ns)


def _rides(track: Track, position_mm: float) -> bool:
    """Whether it was seen to move with the belt."""
    moved_mm = abs(position_mm - track.first_at_mm)
    drifts_mm = _comparable(track.first, track.thing)
    return moved_mm >= CONFIRM_MM and bool(drifts_mm) and fmean(drifts_mm) <= CONFIRM_DRIFT * moved_mm


def _comparable(one: Thing, other: Thing) -> list[float]:
    """By how much they differ at the ends that both show, mm."""
    front = [] if one.front_cut or other.front_cut else [abs(one.front_mm - other.front_mm)]
    rear = [] if one.rear_cut or other.rear_cut else [abs(one.rear_mm - other.rear_mm)]
    return front + rear
