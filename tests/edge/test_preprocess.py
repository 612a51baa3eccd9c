import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import DatasetError
from edge.preprocess import Box, crop_and_resize, model_input, read_photo, square_around

SIDES = st.integers(1, 5000)
PROPERTY = settings(max_examples=300, deadline=None, derandomize=True)


@st.composite
def boxes_in_pictures(draw: st.DrawFn) -> tuple[Box, int, int]:
    """A picture's width and height, and a box inside it."""
    width, height = draw(SIDES), draw(SIDES)
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))), width, height


@PROPERTY
@given(case=boxes_in_pictures(), margin=st.floats(0, 2))
def test_the_square_lies_inside_the_picture(case: tuple[Box, int, int], margin: float) -> None:
    """Every square is square, not empty, and inside the picture."""
    box, width, height = case

    square = square_around(box, width, height, margin)

    assert square.right - square.left == square.bottom - square.top >= 1
    assert 0 <= square.left < square.right <= width
    assert 0 <= square.top < square.bottom <= height


@PROPERTY
@given(case=boxes_in_pictures(), margin=st.floats(0, 2))
def test_the_square_is_centred_where_the_picture_allows_it(case: tuple[Box, int, int], margin: float) -> None:
    """Off the box's centre by a pixel of rounding at most, unless it touches the picture's edge."""
    box, width, height = case

    square = square_around(box, width, height, margin)

    for (low, high), (left, right), end in (
        ((box.left, box.right), (square.left, square.right), width),
        ((box.top, box.bottom), (square.top, square.bottom), height),
    ):
        assert abs((left + right) - (low + high)) <= 1 or left == 0 or right == end


@PROPERTY
@given(case=boxes_in_pictures())
def test_the_square_shows_the_whole_box_where_it_fits(case: tuple[Box, int, int]) -> None:
    """Nothing of an item is cut off that fits into a square of the picture."""
    box, width, height = case

    square = square_around(box, width, height)

    if max(box.right - box.left, box.bottom - box.top) <= min(width, height):
        assert square.left <= box.left < box.right <= square.right
        assert square.top <= box.top < box.bottom <= square.bottom


@pytest.mark.parametrize(
    ("width", "height", "square"), [(640, 480, (80, 0, 560, 480)), (480, 640, (0, 80, 480, 560)), (7, 7, (0, 0, 7, 7))]
)
def test_a_whole_photo_gives_its_central_square(width: int, height: int, square: tuple[int, ...]) -> None:
    """Photos of the dataset, which have no box, are cut alike on both sides."""
    assert square_around(Box(0, 0, width, height), width, height) == square


@pytest.mark.parametrize("shape", [(480, 640, 3), (20, 30, 3), (64, 64, 3), (1, 1, 3), (1000, 64, 3)])
def test_a_crop_has_the_size_of_the_model_and_the_colours_of_the_picture(shape: tuple[int, int, int]) -> None:
    """Enlarged or reduced: (size, size, 3) uint8, and a plain picture stays what it is."""
    picture = np.broadcast_to(np.array([200, 100, 50], np.uint8), shape).copy()

    crop = crop_and_resize(picture, 64)

    assert crop.shape == (64, 64, 3)
    assert crop.dtype == np.uint8
    assert (crop == (200, 100, 50)).all()


def test_a_crop_shows_the_box_and_its_margin() -> None:
    """A white item on black: with a margin of a half it covers two thirds of the crop's side, in the middle."""
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[100:200, 200:300] = 255

    crop = crop_and_resize(picture, 60, Box(200, 100, 300, 200), margin=0.5)

    white = np.argwhere(crop[:, :, 0] > 127)
    assert white.min(axis=0).tolist() == [10, 10]
    assert white.max(axis=0).tolist() == [49, 49]


def test_a_strongly_reduced_picture_is_averaged() -> None:
    """A fine chequerboard becomes grey, not a pattern of skipped pixels."""
    picture = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)

    crop = crop_and_resize(picture, 64)

    assert np.abs(crop.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".webp", ".tiff"])
def test_a_photo_is_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    """Red is the first channel, whatever the format."""
    path = tmp_path / f"red{suffix}"
    cv2.imwrite(str(path), np.broadcast_to(np.array([20, 60, 220], np.uint8), (32, 48, 3)))

    photo = read_photo(path)

    assert photo.shape == (32, 48, 3)
    assert photo.mean(axis=(0, 1)) == pytest.approx((220, 60, 20), abs=4)
    assert model_input(path, 16).shape == (16, 16, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_grey_photo_is_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    """One channel becomes three, and transparency is dropped."""
    cv2.imwrite(str(tmp_path / f"grey{suffix}"), np.full((8, 8), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "clear.png"), np.full((8, 8, 4), 90, np.uint8))

    assert read_photo(tmp_path / f"grey{suffix}").shape == (8, 8, 3)
    assert read_photo(tmp_path / "clear.png").shape == (8, 8, 3)


@pytest.mark.parametrize(("orientation", "bright"), [(1, "top"), (3, "bottom"), (6, "right"), (8, "left")])
def test_a_photo_is_upright_by_its_exif_orientation(tmp_path: Path, orientation: int, bright: str) -> None:
    """A phone held sideways writes the turn into the file: the picture comes out upright."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:16] = 255
    path = tmp_path / "turned.jpg"
    path.write_bytes(with_orientation(cv2.imencode(".jpg", picture)[1].tobytes(), orientation))

    photo = read_photo(path)

    edges = {"top": photo[:16], "bottom": photo[-16:], "left": photo[:, :16], "right": photo[:, -16:]}
    assert max(edges, key=lambda side: float(edges[side].mean())) == bright


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photo_that_ends_early_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    """A decoder would fill the missing part with grey: half a photo is no photo."""
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    whole = cv2.imencode(suffix, noise)[1].tobytes()
    path = tmp_path / f"half{suffix}"
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(DatasetError, match=rf"half\{suffix}: expected .*; replace or remove it"):
        read_photo(path)


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the file, what it begins with, and what to do."""
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)

    with pytest.raises(DatasetError, match=r"broken\.jpg: expected .*; replace or remove it"):
        read_photo(path)


def test_a_picture_that_claims_to_be_enormous_is_refused(tmp_path: Path) -> None:
    """A header of a few bytes does not take the machine's memory."""
    claim = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    claim[16:24] = struct.pack(">II", 200_000, 200_000)
    claim[29:33] = struct.pack(">I", zlib.crc32(claim[12:29]))
    path = tmp_path / "bomb.png"
    path.write_bytes(bytes(claim))

    with pytest.raises(DatasetError, match=r"bomb\.png: expected"):
        read_photo(path)


def test_a_photo_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file says so."""
    with pytest.raises(DatasetError, match="expected a photo, found No such file"):
        read_photo(tmp_path / "none.jpg")


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF segment that holds this orientation alone."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
