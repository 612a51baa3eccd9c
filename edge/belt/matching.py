"""Matching: which things of a frame are which tracks, where both lie on the belt."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.belt.geometry import Thing

SLACK_MM = 6.0
"""A thing so near to where a track was seen last is that track or a part of it; items that lie apart have more."""


@dataclass(frozen=True)
class Match:
    """Indices of things by the index of their track."""

    own: dict[int, list[int]]
    """Track -> the thing that it is, then further parts of it."""
    shared: dict[int, int]
    """Track -> a thing that it is seen as one with, and that is another track's own."""
    new: list[int]
    """Things that are near to no track."""


def matched(known: Sequence[Thing], things: Sequence[Thing]) -> Match:
    """Pair each thing of a frame with the track, `known` by its last sighting, that fits best, best pairs first."""
    near = {
        (t, s): _unlike_mm(track, thing)
        for t, track in enumerate(known)
        for s, thing in enumerate(things)
        if track.gap_mm(thing) <= SLACK_MM
    }
    own: dict[int, list[int]] = {}
    owner: dict[int, int] = {}
    by_fit = sorted(near, key=lambda pair: (near[pair], pair))
    for t, s in by_fit:
        if t not in own and s not in owner:
            own[t], owner[s] = [s], t
    shared: dict[int, int] = {}
    for t, s in by_fit:
        if t not in own:
            shared.setdefault(t, s)
        if s not in owner:
            own[t].append(s)
            owner[s] = t
    return Match(own, shared, [s for s in range(len(things)) if s not in owner])


def _unlike_mm(track: Thing, thing: Thing) -> float:
    """How badly they agree where both show an end."""
    ends = []
    if not (track.front_cut or thing.front_cut):
        ends.append(abs(track.front_mm - thing.front_mm))
    if not (track.rear_cut or thing.rear_cut):
        ends.append(abs(track.rear_mm - thing.rear_mm))
    middles = abs(track.front_mm + track.rear_mm - thing.front_mm - thing.rear_mm) / 2
    across = abs(track.left_mm + track.right_mm - thing.left_mm - thing.right_mm) / 2
    return min(ends, default=middles) + across
