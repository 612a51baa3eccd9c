import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.photos.near_duplicates import FILE, _normalised, _pairs, same_pictures, signature

Picture = NDArray[np.uint8]


def scene(seed: int, height: int = 180, width: int = 240) -> Picture:
    """Some soft shapes: a picture with a content of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def jpeg(picture: Picture, quality: int = 90) -> bytes:
    """The bytes of a file."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def plant(folder: Path, *contents: bytes) -> dict[str, Path]:
    """Files by their sha256."""
    paths = {}
    for number, content in enumerate(contents):
        path = folder / f"{number}.jpg"
        path.write_bytes(content)
        paths[hashlib.sha256(content).hexdigest()] = path
    return paths


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: jpeg(picture, 40),
        lambda picture: jpeg(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
        lambda picture: jpeg(cv2.resize(picture, None, fx=3.0, fy=3.0)),
        lambda picture: jpeg(cv2.convertScaleAbs(picture, alpha=1.1)),
        lambda picture: jpeg(picture[2:-2, 2:-2]),
        lambda picture: cv2.imencode(".png", picture)[1].tobytes(),
    ],
    ids=["compressed", "halved", "enlarged", "lighter", "cropped", "png"],
)
def test_a_picture_in_other_bytes_is_the_same_picture(tmp_path: Path, change: Callable[[Picture], bytes]) -> None:
    """And pictures of something else are not."""
    paths = plant(tmp_path, jpeg(scene(1)), change(scene(1)), *(jpeg(scene(seed)) for seed in range(2, 12)))

    leaders = same_pictures(paths, tmp_path / "cache")

    first, second, *others = paths
    assert leaders[first] == leaders[second] == min(first, second)
    assert all(leaders[other] == other for other in others)


def test_a_big_file_has_the_signature_of_its_small_copy() -> None:
    """It is decoded at an eighth of its size, upright like the other."""
    noise = np.random.default_rng(0).integers(-15, 16, (1500, 2000, 3))
    big = jpeg(np.clip(scene(1, 1500, 2000) + noise, 0, 255).astype(np.uint8), 95)

    found, expected = signature(big), signature(jpeg(scene(1)))

    assert len(big) > 2**20
    assert found is not None
    assert expected is not None
    assert np.count_nonzero(found[:64] != expected[:64]) <= 4
    assert np.abs(found[64:].astype(int) - expected[64:]).max() <= 6


def test_different_items_in_the_same_pose_on_white_are_not_the_same(tmp_path: Path) -> None:
    """Their hashes agree; the colours don't."""
    shots = []
    for colour in ((40, 160, 60), (30, 40, 200)):
        shot = np.full((200, 200, 3), 255, np.uint8)
        cv2.rectangle(shot, (85, 20), (115, 180), colour, -1)
        shots.append(jpeg(shot))

    leaders = same_pictures(plant(tmp_path, *shots), tmp_path / "cache")

    hashes = [signature(shot) for shot in shots]
    assert hashes[0] is not None
    assert hashes[1] is not None
    assert np.count_nonzero(hashes[0][:64] != hashes[1][:64]) <= 8
    assert len(set(leaders.values())) == 2


def test_what_is_no_picture_is_like_nothing_else(tmp_path: Path) -> None:
    """Broken files do not spoil the rest."""
    paths = plant(tmp_path, b"", b"no picture", jpeg(scene(1)))

    leaders = same_pictures(paths, tmp_path / "cache")

    assert leaders == {name: name for name in paths}


def test_signatures_are_kept_by_content(tmp_path: Path) -> None:
    """A second time nothing is decoded: the files may even be gone."""
    paths = plant(tmp_path, jpeg(scene(1)), jpeg(scene(1), 50), jpeg(scene(2)))
    before = same_pictures(paths, tmp_path / "cache")
    for path in paths.values():
        path.unlink()

    assert same_pictures(paths, tmp_path / "cache") == before


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY broken", b"something else"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """It is worth no error."""
    paths = plant(tmp_path, jpeg(scene(1)), jpeg(scene(1), 50))
    before = same_pictures(paths, tmp_path / "cache")
    (tmp_path / "cache" / FILE).write_bytes(content)

    assert same_pictures(paths, tmp_path / "cache") == before
    assert (tmp_path / "cache" / FILE).stat().st_size > 500


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    """Here a file stands in the folder's place."""
    (tmp_path / "cache").write_text("")
    paths = plant(tmp_path, jpeg(scene(1)), jpeg(scene(1), 50))

    assert len(set(same_pictures(paths, tmp_path / "cache").values())) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_pairs_are_those_of_the_definition(seed: int, count: int) -> None:
    """The products of matrices find what comparing one by one finds."""
    rng = np.random.default_rng(seed)
    base = np.concatenate([rng.integers(0, 2, 64), rng.integers(0, 256, 192)])
    signatures = np.tile(base, (count, 1)).astype(np.uint8)
    for row in signatures:
        row[: rng.integers(0, 12)] ^= 1
        row[64 : 64 + rng.integers(0, 40)] += 90

    pairs = set(_pairs(signatures))

    thumbnails = _normalised(signatures[:, 64:].astype(np.float32))
    assert pairs == {
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if np.count_nonzero(signatures[i, :64] != signatures[j, :64]) <= 8
        and (thumbnails[i] * thumbnails[j]).sum() >= 0.97
    }
