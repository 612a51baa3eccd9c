import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.camera.sources import Shot, Silence, open_source
from edge.config import CameraConfig
from edge.errors import CameraError

ADDRESS = "genicam:127.0.0.1"
pytestmark = pytest.mark.usefixtures("gige")


def test_a_gige_camera_delivers_what_it_sees_now(painted_ms: Callable[..., int]) -> None:
    """Real packets over loopback: asked size and format, pictures that are not old, stamped when they came."""
    said: list[str] = []

    shots = take(20, said, fps=25, width=320, height=240, pixel_format="Mono8", exposure_us=5000)

    assert said == []
    assert {shot.image.shape for shot in shots} == {(240, 320, 3)}
    ages_ms = [shot.captured_ns // 1_000_000 - painted_ms(shot.image) for shot in shots]
    assert -5 <= sorted(ages_ms)[len(ages_ms) // 2] < 500


@pytest.mark.parametrize(
    ("pixel_format", "colour"), [("RGB8", (0, 100, 200)), ("BayerRG8", None), (None, (0, 100, 200))]
)
def test_colour_formats_become_rgb(pixel_format: str | None, colour: tuple[int, ...] | None) -> None:
    """The asked one, or the best that the camera has."""
    (shot,) = take(1, [], width=160, height=120, pixel_format=pixel_format)

    assert shot.image.shape == (120, 160, 3)
    assert shot.image.dtype == np.uint8
    assert colour is None or tuple(shot.image[60, 80]) == colour


def test_a_camera_that_waits_for_its_trigger_says_that_it_is_there() -> None:
    """No pictures and no error."""
    source = open_source(CameraConfig(source=ADDRESS, trigger="Line0", width=320, height=240), print)

    assert list(itertools.islice(source, 3)) == [Silence(320, 240)] * 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (
            {"source": "genicam:10.254.254.254"},
            "address '10.254.254.254'; on the network and on USB: .*Aravis-.*TEST01",
        ),
        ({"trigger": "Line9"}, r"found: .*'Line9' not an entry"),
        ({"pixel_format": "YUV999"}, "expected the pixel format YUV999, found .*'Mono8'"),
    ],
)
def test_what_the_camera_does_not_have_is_said(asked: dict[str, str], found: str) -> None:
    """Another name, trigger or format: one line with what there is."""
    with pytest.raises(CameraError, match=found):
        take(1, [], **asked)


def test_white_balance_by_kelvin_is_no_setting_of_such_a_camera() -> None:
    """Asked and got."""
    said: list[str] = []

    take(1, said, width=160, height=120, white_balance="4500K")

    assert said == [
        "camera-setting: asked white_balance 4500K, got none by kelvin; such a camera can be told only 'locked'"
    ]


def test_a_camera_that_another_program_controls_is_refused() -> None:
    """Two programs would both get half of the pictures."""
    first = open_source(CameraConfig(source=ADDRESS, width=160, height=120), print)
    next(first)

    with pytest.raises(CameraError, match="expected a camera that is free, found one that another program controls"):
        take(1, [])

    assert isinstance(next(first), Shot)


def take(count: int, said: list[str], **settings: Any) -> list[Shot]:
    """So many pictures of the test's camera."""
    source = open_source(CameraConfig(**{"source": ADDRESS, "fps": 25, **settings}), said.append)
    shots = list(itertools.islice(source, count))
    assert all(isinstance(shot, Shot) for shot in shots)
    return shots
