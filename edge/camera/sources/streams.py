"""Network streams, RTSP and HTTP, through OpenCV's FFmpeg: opened soon or refused with the reason."""

import base64
import contextlib
import http.client
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

import cv2

from edge.camera.sources.opencv import READ_TIMEOUT_MS, watch
from edge.camera.sources.shot import Shot, public_name
from edge.config import CameraConfig
from edge.errors import CameraError

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
OPEN_TIMEOUT_MS = 4000
KNOCK_S, KNOCK_EACH_S = 3.0, 0.5
"""TCP repeats a lost SYN after 1, 3 and 7 s: a host that comes back is found sooner by connecting anew."""
NOWHERE = (socket.gaierror, ConnectionRefusedError, UnicodeError)
"""Answers: waiting changes nothing."""
OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|analyzeduration;100000"
"""TCP: a lost packet is late, not a grey stripe; no buffer: the newest picture, p99 90 ms; 0.1 s of analysis: opens in
0.2 s instead of 1.2."""


def watch_stream(config: CameraConfig) -> Iterator[Shot]:
    """The pictures of a stream, stamped when they arrive. Raises CameraError with the reason when there are none."""
    _knock(config.source)
    yield from watch(_open(config.source), public_name(config.source), lambda _: time.monotonic_ns())


def _knock(source: str) -> None:
    """Return when the host accepts a connection; raise when it refuses or nobody answers for KNOCK_S."""
    url = _split(source)
    if url.scheme not in PORTS:
        raise CameraError(f"{public_name(source)}: expected rtsp:// or http://, found {url.scheme}://")
    deadline = time.monotonic() + KNOCK_S
    while True:
        try:
            socket.create_connection((url.hostname or "", url.port or PORTS[url.scheme]), KNOCK_EACH_S).close()
        except (OSError, UnicodeError) as error:
            if isinstance(error, NOWHERE) or time.monotonic() > deadline:
                raise _no_camera(source, _words(error)) from None  # the cause may hold the URL
            time.sleep(0.0 if isinstance(error, TimeoutError) else KNOCK_EACH_S / 2)
        else:
            return


def _split(source: str) -> SplitResult:
    try:
        url = urlsplit(source)
        _ = url.port
    except ValueError:
        raise _no_camera(source, "an address that is none; write special signs of the password as %XX") from None
    return url


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {KNOCK_S:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or "an address that is none"


def _no_camera(source: str, found: str) -> CameraError:
    return CameraError(f"{public_name(source)}: expected a camera, found {found}")


def _open(source: str) -> cv2.VideoCapture:
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", OPTIONS)  # only here: on a file, it costs the first frame
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    started_s = time.monotonic()
    with _overheard() as ffmpeg:
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    if capture.isOpened():
        return capture
    if (time.monotonic() - started_s) * 1000 >= OPEN_TIMEOUT_MS:
        raise _no_camera(source, f"no answer within {OPEN_TIMEOUT_MS / 1000:g} s")
    raise _no_camera(source, _reason(source, "".join(ffmpeg)))


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """What is written to standard error meanwhile: FFmpeg gives its reasons nowhere else."""
    heard: list[str] = []
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield heard
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            heard.append(file.read().decode(errors="replace"))


def _reason(source: str, ffmpeg: str) -> str:
    url = urlsplit(source)
    if url.scheme.startswith("http"):
        return _answer_of(url)
    said = re.findall(r"^\[(?!\s*WARN)[^\]]*\] (.+)$", ffmpeg, re.MULTILINE)
    return _with_advice(public_name(said[0])) if said else "an answer that is no stream"


def _answer_of(url: SplitResult) -> str:
    """What an HTTP server says to a plain request."""
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=OPEN_TIMEOUT_MS / 1000)
    try:
        connection.request("GET", f"{url.path or '/'}{url.query and '?'}{url.query}", headers=_credentials(url))
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return "an answer that is no stream"
    finally:
        connection.close()
    if answer.status != http.client.OK:
        return _with_advice(f"{answer.status} {answer.reason}")
    return f"content of the type {answer.getheader('Content-Type')}"


def _credentials(url: SplitResult) -> dict[str, str]:
    if url.username is None:
        return {}
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _with_advice(said: str) -> str:
    return f"{said}: check user and password" if re.search(r"\b40[13]\b", said) else said
