"""Keeps the noise of TensorFlow and the converters off the screen, and never an error."""

import contextlib
import io
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator

from edge.errors import SortlineError

STDERR = 2


@contextlib.contextmanager
def prints_held() -> Iterator[None]:
    """Hold back Python's prints, warnings and log lines below an error."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def noise_held() -> Iterator[None]:
    """Hold back also what C++ writes to standard error; show it when the work fails with anything but a clear line.

    TensorFlow logs below Python, some of it before its own log level is read, so the file descriptor is held.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryFile() as held, prints_held():
        sys.stderr.flush()
        real = os.dup(STDERR)
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except (SortlineError, SystemExit):
            raise
        except BaseException:
            held.seek(0)
            with os.fdopen(os.dup(real), "wb") as screen:
                shutil.copyfileobj(held, screen)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(real, STDERR)
            os.close(real)
