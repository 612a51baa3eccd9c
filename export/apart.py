"""Does a step that needs much memory in a process of its own: when the step is done, all of it is given back.

Python and TensorFlow keep what they once took: 3 GB for the conversion of ResNet50.
"""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from edge.errors import SortlineError
from export.tools import ENDING, signals_held

Given = ParamSpec("Given")
Result = TypeVar("Result")


def apart(folder: Path, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """What `work` returns, or raise what it raises; what it was given and gives must be picklable.

    Its temporary files go into `folder`, for it may be killed. Raises SortlineError when the process ends without an
    answer, as when the system has no memory left for it.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, folder, work, given, named), name=work.__name__, daemon=True)
    try:
        _start(process)
        there.close()
        result, error = here.recv()
    except EOFError:
        process.join()
        raise SortlineError(
            f"{work.__name__}: expected an answer of its process, it ended with status {process.exitcode}; "
            "is there memory for it?"
        ) from None
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _start(process: SpawnProcess) -> None:
    """Start it deaf to Ctrl-C and SIGTERM, which reach both processes: the first one cleans up, and kills it."""
    with signals_held():  # the mask alone won't do: the system may hand a signal to a thread of TensorFlow's
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _answer(
    there: Connection, folder: Path, work: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        there.send((work(*given, **named), None))
    except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
        there.send((None, error))
