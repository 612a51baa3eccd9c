"""The camera process: `python -m edge.camera.sources TARGET < CONFIG-JSON`; every user may read a command line."""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec

from edge.camera.frames import FrameWriter
from edge.camera.sources import Shot, open_source, public_name, stall_s
from edge.config import CameraConfig
from edge.errors import CameraError, SortlineError


def main() -> None:
    """Write frames to TARGET until the source ends or the daemon is gone.

    Settings that the camera did not take go to standard output, what ended it to standard error.
    """
    config, target = msgspec.json.decode(sys.stdin.buffer.read(), type=CameraConfig), Path(sys.argv[1])
    try:
        with ExitStack() as opened:
            _copy_frames(config, target, opened, parent=os.getppid())
    except SortlineError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


def _copy_frames(config: CameraConfig, target: Path, opened: ExitStack, parent: int) -> None:
    writer: FrameWriter | None = None
    for seen in open_source(config, say=lambda line: print(line, flush=True)):
        size = (seen.image.shape[1], seen.image.shape[0]) if isinstance(seen, Shot) else (seen.width, seen.height)
        if writer is None:
            _require_size(config, size)
            writer, first = opened.enter_context(FrameWriter(target, *size)), size
        if size != first:
            raise CameraError(
                f"{public_name(config.source)}: expected frames of {first[0]}x{first[1]} pixels like the first, found "
                f"{size[0]}x{size[1]}"
            )
        if isinstance(seen, Shot):
            writer.write(seen.image, seen.captured_ns)
        else:
            writer.beat(time.monotonic_ns())
        if os.getppid() != parent:
            return  # the daemon is gone: so are its frames
    if writer:
        time.sleep(stall_s(config) / 2)  # the reader's time to take the last frame


def _require_size(config: CameraConfig, size: tuple[int, int]) -> None:
    asked = (config.width or size[0], config.height or size[1])
    if size != asked:
        raise CameraError(
            f"{public_name(config.source)}: expected frames of {asked[0]}x{asked[1]} pixels as configured, found "
            f"{size[0]}x{size[1]}; the belt's geometry holds for one size"
        )


if __name__ == "__main__":
    main()
