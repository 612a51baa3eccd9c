"""Which pictures are kept for the test: by content, stratified, and never one picture on both sides."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

Split = Literal["train", "test"]

TEST_SHARE = 0.3
"""The paper's 70/30."""


def sides(filed: Iterable[tuple[tuple[str, str], str]]) -> dict[str, Split]:
    """The side of each picture, from ((class, subclass), picture) of each photo; copies share a picture.

    Pictures are names that come from content, such as hashes: their rank decides, not the names or order of files. A
    picture goes to the test while that holds at most TEST_SHARE of the subclass, rounded; it takes all its photos
    there, also those in other subclasses, which count in these.
    """
    strata: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for stratum, picture in filed:
        strata[stratum][picture] += 1
    side: dict[str, Split] = {}
    for _, counts in sorted(strata.items()):
        _split(counts, side)
    return side


def _split(counts: Mapping[str, int], side: dict[str, Split]) -> None:
    """Give a side to the pictures of one subclass that have none yet; `counts`: photos of each picture."""
    room = round(sum(counts.values()) * TEST_SHARE)
    room -= sum(number for picture, number in counts.items() if side.get(picture) == "test")
    for picture in sorted(set(counts) - set(side)):
        side[picture] = "test" if counts[picture] <= room else "train"
        room -= counts[picture] if side[picture] == "test" else 0
