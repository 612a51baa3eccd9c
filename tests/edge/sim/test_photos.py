from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DatasetError
from edge.sim.photos import cut_out, photo_catalogue
from edge.sim.scene import Scene
from edge.sim.settings import SceneSettings

RED_BGR = (20, 30, 200)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a picture of a red disc into a class's folder."""

    def disc(name: str, *, ground: int | None = 255, grey: bool = False) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((160, 200, 3), 255 if ground is None else ground, np.uint8)
        cv2.circle(picture, (120, 80), 50, RED_BGR, -1)
        if ground is None:
            opacity = cv2.circle(np.zeros((160, 200), np.uint8), (120, 80), 50, 255, -1)
            picture = np.dstack([picture, opacity])
        assert cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if grey else picture)
        return path

    return disc


@pytest.mark.parametrize("ground", [255, None])
def test_an_item_on_white_or_on_nothing_is_cut_out(write: Write, ground: int | None) -> None:
    """The bounds of the disc, opaque in the middle and clear in its corners."""
    sprite = cut_out(write("glass/disc.png", ground=ground))

    assert sprite.shape[:2] == pytest.approx((100, 100), abs=6)
    assert sprite[50, 50].tolist() == [200, 30, 20, 255]
    assert sprite[2, 2, 3] < 20


def test_any_other_picture_is_pasted_whole_with_soft_edges(write: Write) -> None:
    """Nobody knows what of it is the item: all of it is, and its rim fades."""
    sprite = cut_out(write("glass/onbelt.png", ground=90))

    assert sprite.shape[:2] == pytest.approx((160, 200), abs=12)
    assert sprite[80, 100, 3] == 255
    assert 0 < sprite[1, 100, 3] < 255


def test_a_grey_picture_is_a_picture(write: Write) -> None:
    """One channel becomes three."""
    sprite = cut_out(write("glass/grey.png", grey=True))

    assert sprite.shape[2] == 4
    assert len(set(sprite[50, 50, :3].tolist())) == 1


def test_a_scene_of_photos_shows_them_under_the_names_of_their_folders(write: Write, tmp_path: Path) -> None:
    """Red discs ride the belt, of classes and files as in the folder."""
    write("glass/a.png"), write("glass/deep/b.png"), write("metal/c.png")
    settings = SceneSettings(items=4, photos=str(tmp_path))

    scene = settings.scene()

    assert {item.label for item in scene.items} == {"glass", "metal"}
    assert {item.subclass for item in scene.items if item.label == "glass"} == {"a.png", "deep/b.png"}
    item = scene.items[1]
    middle = scene.frame(scene.crosses_s(item, 300))[round(item.y_mm), 300].astype(int)
    assert middle[0] > 90 > middle[1:].max()


def test_photos_lie_turned_and_in_many_sizes(write: Write, tmp_path: Path) -> None:
    """The same file never twice the same item; all of it stays within the belt."""
    write("glass/a.png", ground=90)
    scene = Scene(12, catalogue=photo_catalogue(tmp_path))

    extents = {(item.length_mm, item.width_mm) for item in scene.items}

    assert len(extents) > 8
    assert all(item.width_mm / 2 < item.y_mm < 480 - item.width_mm / 2 for item in scene.items)


def test_folders_that_hold_no_pictures_are_refused(tmp_path: Path) -> None:
    """No folder, no classes, a class without pictures, a file that is none: each in one line with its place."""
    with pytest.raises(DatasetError, match="nowhere: expected a folder DIR/<class>/<photo>, found no folder"):
        photo_catalogue(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="expected folders named for the classes"):
        photo_catalogue(tmp_path)
    (tmp_path / "glass").mkdir()
    with pytest.raises(DatasetError, match=r"glass: expected pictures \(.*found none"):
        photo_catalogue(tmp_path)
    (tmp_path / "glass" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a\.jpg: expected a JPEG, PNG or other picture"):
        photo_catalogue(tmp_path)
    (tmp_path / "glass" / "a.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"a\.jpg: expected a JPEG, PNG or other picture"):
        photo_catalogue(tmp_path)
