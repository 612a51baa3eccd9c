"""The cache: the same pixels as decoding anew, decoded once, and never half of anything."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DatasetError, RunError
from edge.photos.dataset import Photo
from edge.preprocess import model_input
from train.cache import INDEX, PIXELS, decoded
from train.photos import load_photos

SIZE = 32
ROW = SIZE * SIZE * 3

FULL_DISK = """
import resource, sys
from pathlib import Path
from edge.photos.dataset import Photo
from edge.errors import RunError
from train.cache import decoded

resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
photos = [Photo(path, "a", "", "train", "") for path in sorted(Path({folder!r}).glob("*.jpg"))]
try:
    decoded(photos, 32, Path({cache!r}))
except RunError as error:
    print(error)
    sys.exit(error.exit_status)
"""


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    """Seventy photos, more than one thread takes at a time."""
    return [draw(tmp_path / f"{number:02}.jpg", number) for number in range(70)]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Not there yet."""
    return tmp_path / "cache"


def test_photos_come_in_their_order_as_a_map_of_the_file(photos: list[Photo], cache: Path) -> None:
    """The pixels are those of `model_input`, and nobody can write into them by accident."""
    images = load_photos(photos, SIZE, cache)

    assert isinstance(images, np.memmap)
    assert np.array_equal(images, expected(photos))
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


@pytest.mark.parametrize(
    "choose",
    [lambda photos: photos[20:50], lambda photos: photos[::-1], lambda photos: [photos[3], photos[3], photos[9]]],
    ids=["slice", "backwards", "twice"],
)
def test_any_choice_of_kept_photos_is_served(
    photos: list[Photo], cache: Path, choose: Callable[[list[Photo]], list[Photo]]
) -> None:
    """In its order, and without another byte kept."""
    decoded(photos, SIZE, cache)

    images = decoded(choose(photos), SIZE, cache)

    assert isinstance(images, np.memmap)
    assert np.array_equal(images, expected(choose(photos)))
    assert file(cache, PIXELS).stat().st_size == 70 * ROW
    assert len(list(file(cache, PIXELS).parent.iterdir())) == 3


def test_a_later_run_decodes_nothing(photos: list[Photo], cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not a byte is written, whatever the photos are called by then."""
    decoded(photos, SIZE, cache)
    before = file(cache, PIXELS).stat().st_mtime_ns, file(cache, INDEX).stat().st_mtime_ns
    assert "70/70" in capsys.readouterr().err
    renamed = [Photo(photo.path.rename(photo.path.with_suffix(".jpeg")), "b", "", "test", "") for photo in photos]

    images = decoded(renamed, SIZE, cache)

    assert np.array_equal(images, expected(renamed))
    assert (file(cache, PIXELS).stat().st_mtime_ns, file(cache, INDEX).stat().st_mtime_ns) == before
    assert not capsys.readouterr().err


def test_only_changed_photos_are_decoded_again(
    photos: list[Photo], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A photo under its old name with other bytes shows its new picture; the map of before still shows the old ones."""
    old = decoded(photos, SIZE, cache)
    before = expected(photos)
    capsys.readouterr()
    draw(photos[5].path, 1000)
    photos.append(draw(photos[5].path.with_name("new.jpg"), 1001))

    images = decoded(photos, SIZE, cache)

    assert np.array_equal(images, expected(photos))
    assert "2/2" in capsys.readouterr().err
    assert np.array_equal(old, before)


def test_each_size_is_kept_apart(photos: list[Photo], cache: Path) -> None:
    """Another size is other pixels."""
    small, large = decoded(photos, SIZE, cache), decoded(photos, 48, cache)

    assert np.array_equal(small, expected(photos))
    assert large.shape == (70, 48, 48, 3)


def test_no_photos_are_an_empty_array(cache: Path) -> None:
    """As when no source is held out."""
    assert decoded([], SIZE, cache).shape == (0, SIZE, SIZE, 3)


def test_a_broken_photo_is_named_and_leaves_what_was_there(photos: list[Photo], cache: Path) -> None:
    """The first one in the order of photos."""
    decoded(photos[:10], SIZE, cache)
    for broken in (photos[40], photos[60]):
        broken.path.write_bytes(broken.path.read_bytes()[:-100])

    with pytest.raises(DatasetError, match=f"{photos[40].path.name}: expected a whole photo"):
        decoded(photos, SIZE, cache)

    assert file(cache, PIXELS).stat().st_size == 10 * ROW
    assert np.array_equal(decoded(photos[:10], SIZE, cache), expected(photos[:10]))


def test_a_full_disk_is_a_clear_error_and_leaves_what_was_there(photos: list[Photo], cache: Path) -> None:
    """In a process that may write no file of more than half of the photos."""
    decoded(photos[:10], SIZE, cache)
    program = FULL_DISK.format(limit=35 * ROW + 1000, folder=str(photos[0].path.parent), cache=str(cache))

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 2, done
    assert "expected room for decoded photos" in done.stdout
    assert "choose another with --cache" in done.stdout
    assert file(cache, PIXELS).stat().st_size == 10 * ROW
    assert np.array_equal(decoded(photos, SIZE, cache), expected(photos))


def test_a_killed_run_leaves_nothing_that_counts(photos: list[Photo], cache: Path) -> None:
    """Rows that the index does not know are written over."""
    decoded(photos[:10], SIZE, cache)
    with file(cache, PIXELS).open("ab") as pixels:
        pixels.write(b"\x7f" * (ROW * 3 + 100))

    images = decoded(photos, SIZE, cache)

    assert np.array_equal(images, expected(photos))


@pytest.mark.parametrize("damage", [PIXELS, INDEX])
def test_a_damaged_cache_is_made_anew(photos: list[Photo], cache: Path, damage: str) -> None:
    """Pixels or index cut short."""
    decoded(photos, SIZE, cache)
    file(cache, damage).write_bytes(file(cache, damage).read_bytes()[:1000])

    assert np.array_equal(decoded(photos, SIZE, cache), expected(photos))


def test_two_runs_at_once_both_get_their_photos(photos: list[Photo], cache: Path) -> None:
    """One waits for the other, and what both need is kept once."""
    with ThreadPoolExecutor(2) as runs:
        one = runs.submit(decoded, photos[:50], SIZE, cache)
        other = runs.submit(decoded, photos[20:], SIZE, cache)
        images = one.result(), other.result()

    assert np.array_equal(images[0], expected(photos[:50]))
    assert np.array_equal(images[1], expected(photos[20:]))
    assert file(cache, PIXELS).stat().st_size == 70 * ROW


def test_a_cache_that_cannot_be_made_says_so(photos: list[Photo], tmp_path: Path) -> None:
    """Here a file stands in its place."""
    (tmp_path / "cache").write_text("")

    with pytest.raises(RunError, match=r"expected room for decoded photos, found .*; choose another with --cache"):
        decoded(photos, SIZE, tmp_path / "cache")


def draw(path: Path, seed: int) -> Photo:
    """Write a photo of its own."""
    picture = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    assert cv2.imwrite(str(path), picture)
    return Photo(path, "a", "", "train", "")


def expected(photos: Sequence[Photo]) -> np.ndarray:
    """Decoded without the cache."""
    return np.stack([model_input(photo.path, SIZE) for photo in photos])


def file(cache: Path, name: str) -> Path:
    """One of the files of photos at SIZE."""
    return next(cache.glob(f"photos-{SIZE}-*")) / name
