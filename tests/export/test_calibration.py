"""The draw of calibration photos."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import DatasetError
from edge.photos.dataset import Dataset, Photo, Split
from export.calibration import draw_calibration, draw_held_out

LABELS = ("bone", "glass", "paper")


@given(count=st.integers(2, 60), seed=st.integers(0, 1000))
def test_the_draw_is_balanced_distinct_and_of_the_training_split(count: int, seed: int) -> None:
    """Whatever is asked for, classes differ by one photo at most, none comes twice, none is a test photo."""
    dataset = _dataset(train=40, test=40)

    drawn = draw_calibration([dataset], LABELS, count, seed)

    shares = Counter(photo.label for photo in drawn)
    assert len(set(drawn)) == count
    assert max(shares.values()) - min(shares[label] for label in LABELS) <= 1
    assert {photo.split for photo in drawn} == {"train"}


def test_one_seed_one_draw() -> None:
    """The same seed repeats the draw, another seed draws others."""
    dataset = _dataset(train=40, test=5)

    draws = [draw_calibration([dataset], LABELS, 30, seed) for seed in (1, 1, 2)]

    assert draws[0] == draws[1]
    assert set(draws[0]) != set(draws[2])


def test_classes_come_mixed() -> None:
    """The draw is shuffled: no class comes in one run."""
    dataset = _dataset(train=40, test=5)

    drawn = [photo.label for photo in draw_calibration([dataset], LABELS, 30, 0)]

    assert drawn != sorted(drawn)
    assert len(set(drawn[:10])) == len(LABELS)


def test_a_class_with_too_few_training_photos_is_named() -> None:
    """Fewer photos than its share: the line names class, share, number and the way out."""
    dataset = _dataset(train=9, test=40)

    with pytest.raises(DatasetError) as caught:
        draw_calibration([dataset], LABELS, 30, 0)

    expected = "class 'bone': expected 10 training photos to calibrate on, found 9; add photos or lower --calibration"
    assert str(caught.value) == expected


@given(count=st.integers(2, 60), seed=st.integers(0, 1000))
def test_held_out_photos_are_others_and_of_every_class(count: int, seed: int) -> None:
    """What judges a calibration was not calibrated on, is no test photo, and shows every class as far as it reaches."""
    dataset = _dataset(train=40, test=40)
    taken = draw_calibration([dataset], LABELS, count, seed)

    held_out = draw_held_out([dataset], LABELS, taken, 30, seed)

    assert Counter(photo.label for photo in held_out) == dict.fromkeys(LABELS, 10)
    assert {photo.split for photo in held_out} == {"train"}
    assert not set(held_out) & set(taken)


def test_nothing_left_to_hold_out_is_said() -> None:
    """All training photos calibrated on: the line says how many and the way out."""
    dataset = _dataset(train=10, test=40)

    with pytest.raises(DatasetError, match="beside the 30 that are calibrated on, found none; lower --calibration"):
        draw_held_out([dataset], LABELS, dataset.split("train"), 30, 0)

    assert draw_held_out([dataset], LABELS, dataset.split("train")[1:], 30, 0) == dataset.split("train")[:1]


def _dataset(train: int, test: int) -> Dataset:
    splits: list[tuple[Split, int]] = [("train", train), ("test", test)]
    photos = [
        Photo(Path(f"{label}/{split}{number:02}.png"), label, "", split, "")
        for label in LABELS
        for split, count in splits
        for number in range(count)
    ]
    return Dataset(Path(), LABELS, tuple(photos))
