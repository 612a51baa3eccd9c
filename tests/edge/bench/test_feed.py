from pathlib import Path

import numpy as np

from edge.bench.feed import Feed, feeding, pictures
from edge.camera.frames import FrameReader


def test_a_camera_of_its_own_process_shows_the_rendered_belt_and_leaves_nothing(tmp_path: Path) -> None:
    """What a reader gets are the pictures, stamped one after the other; at the end the file is gone."""
    feed = Feed(path=str(tmp_path / "f.frames"), fps=100, width=160, height=120, mm_per_px=4.0)
    shown = pictures(feed)

    with feeding(feed):
        reader = FrameReader(tmp_path / "f.frames")
        frames = [frame for _ in range(5) if (frame := reader.newest(5.0))]

    assert len(frames) == 5
    assert all(any(np.array_equal(frame.image, picture) for picture in shown) for frame in frames)
    assert [frame.captured_ns for frame in frames] == sorted(frame.captured_ns for frame in frames)
    assert list(tmp_path.iterdir()) == []
