"""`python -m edge.sim.leash MODULE ARGUMENTS`: run a module that ends when whoever holds its standard input is gone."""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the module as the process's own; SIGTERM to it when its standard input closes, also by a SIGKILL."""
    threading.Thread(target=_end_with_holder, name="leash", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_holder() -> None:
    while os.read(sys.stdin.fileno(), 64):  # not by sys.stdin: its lock, held at the interpreter's end, is fatal
        pass
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, signal.SIGTERM)  # to no other: it is the one that may sleep for long


if __name__ == "__main__":
    main()
