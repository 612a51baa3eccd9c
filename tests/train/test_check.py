"""The check: what would spoil a training is found before it starts."""

from __future__ import annotations

import json
import shutil
import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.train.conftest import Command

EXIF_TURNED_LEFT = 6


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Two classes of photos with nothing to find."""
    for number in range(12):
        save(tmp_path / "good" / "ab"[number % 2] / f"{number}.jpg", jpeg(scene(number)))
    return tmp_path / "good"


def test_good_photos_pass(good: Path, command_line: Command) -> None:
    """Exit status 0, and the counts of both splits."""
    done = command_line("check", good, "--json")

    found = last_line(done.out)
    assert done.status == 0, done
    assert found["photos"] == 12
    assert found["counts"] == [
        {"label": "a", "subclass": None, "train": 4, "test": 2},
        {"label": "b", "subclass": None, "train": 4, "test": 2},
    ]
    assert not any(found["odd"].values())
    assert not found["leaks"] + found["copies"] + found["near_duplicates"] + found["contradictions"]


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("unreadable", "text.jpg", 1),
        ("unreadable", "empty.png", 1),
        ("truncated", "half.jpg", 1),
        ("truncated", "half.png", 1),
        ("tiny", "tiny.jpg", 0),
        ("grey", "grey.png", 0),
        ("grey", "grey.jpg", 0),
        ("alpha", "alpha.png", 0),
        ("EXIF-rotated", "turned.jpg", 0),
    ],
)
def test_one_odd_photo_is_found_and_called_by_its_kind(
    good: Path, command_line: Command, kind: str, name: str, status: int
) -> None:
    """Among good ones; what a training could not use makes it exit status 1."""
    save(good / "a" / "sub" / name, ODD[name]())

    done = command_line("check", good, "--json")

    assert done.status == status, done
    odd = last_line(done.out)["odd"]
    assert {found: names for found, names in odd.items() if names} == {kind: [f"a/sub/{name}"]}
    assert f"{kind}: a/sub/{name}" in done.out


def test_copies_and_near_duplicates_are_told_apart(good: Path, command_line: Command) -> None:
    """Without a manifest they are no leak: the split keeps them together."""
    shutil.copy(good / "a" / "0.jpg", good / "a" / "copy.jpg")
    save(good / "b" / "small.jpg", jpeg(cv2.resize(scene(1), (90, 70), interpolation=cv2.INTER_AREA)))

    done = command_line("check", good, "--json")

    found = last_line(done.out)
    assert done.status == 0, done
    assert found["copies"] == [["a/0.jpg", "a/copy.jpg"]]
    assert found["near_duplicates"] == [["b/1.jpg", "b/small.jpg"]]
    assert found["leaks"] == found["contradictions"] == []


def test_a_picture_on_both_sides_of_a_manifest_is_a_leak(good: Path, command_line: Command) -> None:
    """And one in two classes a contradiction: the near-duplicate as well as the copy."""
    shutil.copy(good / "a" / "0.jpg", good / "a" / "copy.jpg")
    save(good / "a" / "again.jpg", jpeg(scene(1), 40))
    rows = ["a/0.jpg,a,,train", "a/copy.jpg,a,,test", "b/1.jpg,b,,train", "a/again.jpg,a,,test"]
    (good / "manifest.csv").write_text("\n".join(["path,class,subclass,split", *rows]))

    done = command_line("check", good, "--json")

    found = last_line(done.out)
    assert done.status == 1
    assert "2 pictures in both splits" in done.error
    assert found["leaks"] == [["a/0.jpg", "a/copy.jpg"], ["a/again.jpg", "b/1.jpg"]]
    assert found["contradictions"] == [["a/again.jpg", "b/1.jpg"]]


def test_a_contact_sheet_shows_photos_of_every_subclass(good: Path, command_line: Command, tmp_path: Path) -> None:
    """One PNG per class; a broken photo is a red tile, and does not take the sheet with it."""
    for number in range(300):
        save(good / "a" / "many" / f"{number}.png", png(np.full((8, 8, 3), (0, 200, 0), np.uint8)))
    save(good / "a" / "few" / "broken.jpg", b"")

    command_line("check", good, "--sheets", tmp_path / "sheets")

    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["a.png", "b.png"]
    sheet = cv2.imread(str(tmp_path / "sheets" / "a.png"))
    assert sheet.shape == (10 * (128 + 14), 12 * 128, 3)
    tiles = [sheet[row * 142 + 64, column * 128 + 64].tolist() for row in range(10) for column in range(12)]
    assert tiles.count([0, 200, 0]) == 120 - 6 - 1
    assert tiles.count([30, 30, 220]) == 1


def scene(seed: int) -> NDArray[np.uint8]:
    """A picture with a content of its own."""
    coarse = np.random.default_rng(seed).integers(0, 220, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def jpeg(picture: NDArray[Any] | cv2.Mat, quality: int = 90) -> bytes:
    """Its file."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def png(picture: NDArray[Any] | cv2.Mat) -> bytes:
    """Its file."""
    return cv2.imencode(".png", picture)[1].tobytes()


def turned(photo: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF orientation: one entry, tag 0x112, type SHORT."""
    entry = struct.pack("<HHHII", 1, 0x112, 3, 1, orientation)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + entry + bytes(4)
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + photo[2:]


ODD = {
    "text.jpg": lambda: b"no picture",
    "empty.png": lambda: b"",
    "half.jpg": lambda: jpeg(scene(50))[:1500],
    "half.png": lambda: png(scene(50))[:1500],
    "tiny.jpg": lambda: jpeg(scene(50)[:63]),
    "grey.png": lambda: png(scene(50)[:, :, 0]),
    "grey.jpg": lambda: jpeg(cv2.cvtColor(scene(50)[:, :, 0], cv2.COLOR_GRAY2BGR)),
    "alpha.png": lambda: png(np.dstack([scene(50), scene(51)[:, :, 0]])),
    "turned.jpg": lambda: turned(jpeg(scene(50)), EXIF_TURNED_LEFT),
}


def save(path: Path, content: bytes) -> None:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def last_line(out: str) -> dict[str, Any]:
    """What --json prints."""
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found
