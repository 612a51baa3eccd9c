from pathlib import Path

import numpy as np
import pytest

from edge.belt.reference import TEACH_FRAMES, Reference, learnt_from, load_reference, save_reference
from edge.errors import ConfigError
from edge.preprocess import Box

REGION, SIZE = Box(0, 0, 80, 60), (30, 40)


@pytest.fixture
def reference() -> Reference:
    """Learnt from noise."""
    rng = np.random.default_rng(0)
    return learnt_from([rng.integers(50, 60, (*SIZE, 3), np.uint8) for _ in range(TEACH_FRAMES)])


def test_what_passes_is_not_learnt() -> None:
    """An item that covers each place in a minority of the frames leaves nothing."""
    frames = [np.full((*SIZE, 3), 60, np.uint8) for _ in range(TEACH_FRAMES)]
    for frame in frames[:8]:
        frame[10:20] = 200

    learnt = learnt_from(frames)

    assert (learnt.colour == 60).all()
    assert (learnt.texture == 0).all()


def test_a_reference_that_was_written_is_read(reference: Reference, tmp_path: Path) -> None:
    """The same pictures, and no other file beside it."""
    path = tmp_path / "belt.npz"

    save_reference(path, reference, REGION)
    read = load_reference(path, REGION, SIZE)

    assert np.array_equal(read.colour, reference.colour)
    assert np.array_equal(read.texture, reference.texture)
    assert list(tmp_path.iterdir()) == [path]


def test_a_reference_of_another_view_is_refused(reference: Reference, tmp_path: Path) -> None:
    """Another region of interest or another working size: one sentence that says to calibrate again."""
    path = tmp_path / "belt.npz"
    save_reference(path, reference, REGION)

    with pytest.raises(ConfigError, match=r"belt.reference: expected one taught for the region \(1, 0, 80, 60\)"):
        load_reference(path, Box(1, 0, 80, 60), SIZE)
    with pytest.raises(
        ConfigError, match=r"belt.reference: expected pictures of 80x60 in .* found .40, 30.; calibrate"
    ):
        load_reference(path, REGION, (60, 80))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 and then nothing"])
def test_a_file_that_is_no_reference_is_refused(content: bytes, tmp_path: Path) -> None:
    """Damaged, foreign or missing: the configuration is wrong, and the message names the file."""
    path = tmp_path / "belt.npz"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=f"belt.reference: expected a reference in {path}"):
        load_reference(path, REGION, SIZE)
    with pytest.raises(ConfigError, match="expected a file that `calibrate --write` made, found no"):
        load_reference(tmp_path / "none.npz", REGION, SIZE)


def test_an_archive_of_other_things_is_refused(tmp_path: Path) -> None:
    """A zip file with members of other names."""
    path = tmp_path / "belt.npz"
    np.savez(path, photos=np.zeros(3))

    with pytest.raises(ConfigError, match=r"belt.reference: expected a reference"):
        load_reference(path, REGION, SIZE)
