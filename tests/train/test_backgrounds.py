"""Backgrounds: white around an item is found, and white inside it or in a scene is left alone."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train.backgrounds import belts, find_items, item_mask, mask_bytes

SIZE = 64
RED, WHITE, GREY = (200, 30, 30), (255, 255, 255), (90, 90, 90)


@pytest.fixture
def ring() -> NDArray[np.uint8]:
    """A red ring on white, with white inside."""
    photo = np.full((SIZE, SIZE, 3), 255, np.uint8)
    cv2.circle(photo, (32, 32), 24, RED, 6)
    return photo


def test_an_item_keeps_its_own_white(ring: NDArray[np.uint8]) -> None:
    """Only white that is connected with the border is background."""
    item = item_mask(ring)

    assert item is not None
    assert item[32, 32]
    assert item[32, 56]
    assert not item[2, 2]
    assert not item[32, 62]


def test_scenes_and_light_items_are_no_product_shots(ring: NDArray[np.uint8]) -> None:
    """Without white at the border, or with hardly anything left, a photo stays as it is."""
    scene = ring.copy()
    scene[:4], scene[-4:], scene[:, :4], scene[:, -4:] = GREY, GREY, GREY, GREY
    blank = np.full((SIZE, SIZE, 3), 250, np.uint8)

    assert item_mask(scene) is None
    assert item_mask(blank) is None


def test_masks_stay_with_their_photos(ring: NDArray[np.uint8]) -> None:
    """Among scenes, which are item everywhere and share one mask, each product shot has its own."""
    scene = np.full((SIZE, SIZE, 3), GREY, np.uint8)
    box = np.full((SIZE, SIZE, 3), 255, np.uint8)
    box[20:50, 10:40] = RED
    photos = np.stack([scene, ring, scene, box])

    items = find_items(photos)

    masks = items.of(np.array([3, 0, 1, 2]))
    wanted = [item_mask(box), np.ones((SIZE, SIZE), bool), item_mask(ring), np.ones((SIZE, SIZE), bool)]
    assert items.masks.shape == (3, mask_bytes(SIZE))
    assert np.array_equal(masks, [np.packbits(mask) for mask in wanted])


def test_belts_differ() -> None:
    """They are many, and no two are the same."""
    bank = belts(32)

    assert bank.dtype == np.uint8
    assert len({belt.tobytes() for belt in bank}) == len(bank) >= 50
