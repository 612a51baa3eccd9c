from pathlib import Path

import msgspec
import pytest

from edge.engine.faults import Faults


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.s


def test_the_third_fault_in_five_minutes_is_too_many_also_over_restarts(tmp_path: Path) -> None:
    """Each daemon dies of its fault: the next one reads what was noted, and what was said."""
    path, clock = tmp_path / "l1.engine-faults", Clock()

    found = []
    for number in range(3):
        faults = Faults(path, clock)
        faults.note(f"fault {number}")
        found.append(Faults(path, clock).too_many)
        clock.s += 140

    assert found == [False, False, True]
    assert Faults(path, clock).last == "fault 2"


def test_old_faults_are_forgotten(tmp_path: Path) -> None:
    """A card that failed three times is tried again after five quiet minutes."""
    clock = Clock()
    faults = Faults(tmp_path / "l1.engine-faults", clock)
    for _ in range(3):
        faults.note("fault")

    clock.s += 300

    assert not faults.too_many
    assert faults.last == ""


def test_a_restart_of_the_machine_forgets_them(tmp_path: Path) -> None:
    """The monotonic clock begins anew, and so does the card."""
    path, clock = tmp_path / "l1.engine-faults", Clock()
    for _ in range(3):
        Faults(path, clock).note("fault")

    kept = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**kept, "machine_boot": "another"}))

    assert not Faults(path, clock).too_many


@pytest.mark.parametrize("content", [b"", b"{", b'{"at_s": "yes"}'])
def test_a_damaged_note_is_none(tmp_path: Path, content: bytes) -> None:
    """A power cut in the moment of writing costs the memory of faults, not the start."""
    path = tmp_path / "l1.engine-faults"
    path.write_bytes(content)

    assert not Faults(path).too_many


def test_a_place_that_takes_no_note_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The line stops for its fault, not for the note of it."""
    Faults(tmp_path / "gone" / "l1.engine-faults").note("fault")

    assert "engine-fault not noted in" in caplog.text
