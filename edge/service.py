"""The main loop: frame after frame until told to stop, then the decided items reach their gates."""

import logging
import threading
import time

from edge.announcer import Announcer
from edge.camera.camera import Camera, Ended
from edge.camera.frames import Frame
from edge.engine.engine import Engine
from edge.errors import CameraError, EngineFault
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.line_control import LineControl
from edge.wire.mqtt import monotonic_ms
from edge.wire.publisher import Publisher
from edge.wire.remote_commands import RemoteCommands

FRAME_WAIT_S = 0.02
"""Longest wait for a frame: between two of them, a heartbeat is due when the belt's speed changes."""
DRAIN_S = 8.0
"""Longest ride from the line to a gate that a stop waits for."""

log = logging.getLogger("sortline")


class Service:
    """The main loop: everything that says "alive" is said by it, after a frame or a look at the camera."""

    def __init__(
        self,
        camera: Camera,
        line: Line,
        engine: Engine,
        control: LineControl,
        commands: RemoteCommands,
        ledger: Ledger,
        publisher: Publisher,
        announcer: Announcer,
        stop: threading.Event,
    ) -> None:
        self._camera, self._line, self._ledger, self._publisher = camera, line, ledger, publisher
        self._engine, self._control, self._commands = engine, control, commands
        self._announcer, self._stop = announcer, stop
        self._camera_problem = ""
        self._camera_again_s = 0.0

    def serve(self) -> None:
        """Handle frames until stopped or the recording ends; then let the decided items reach their gates.

        Raises EngineFault after that when the engine failed.
        """
        why, fault = "signal", None
        try:
            self._learn_belt()
            self._announcer.ready(self._reasons())
            while not self._stop.is_set():
                if frame := self._next_frame():
                    self._line.handle(frame)
                    self._control.see(frame)
                else:
                    self._wait_for_pictures()
                self._commands.serve()
                self._announcer.progress(self._reasons())
                self._ledger.flush()
                self._ask()
        except Ended:
            why = "end of recording"
        except EngineFault as error:
            why, fault = f"engine-fault: {error}", error
            log.error("%s", why)  # noqa: TRY400 - one line: the error is raised again below
        self._announcer.stopping()
        self._line.abandon("engine-fault" if fault else "stopping")
        self._drain()
        self._announcer.stopped(why)
        if fault:
            raise fault

    def _learn_belt(self) -> None:
        """Handle the first frames, until items can be told from the belt.

        A camera that delivers none is an error at the door, not a degraded state.
        """
        while not (self._stop.is_set() or self._line.belt.ready):
            if frame := self._camera.newest(FRAME_WAIT_S):
                self._line.handle(frame)

    def _next_frame(self) -> Frame | None:
        if self._camera_problem and time.monotonic() < self._camera_again_s:
            self._stop.wait(FRAME_WAIT_S)
            return None
        try:
            if self._camera_problem and not self._camera.running:
                self._camera.start()
            frame = self._camera.newest(FRAME_WAIT_S)
        except CameraError as error:
            self._lose_camera(error)
            return None
        if frame:
            self._camera_problem = ""
        return frame

    def _wait_for_pictures(self) -> None:
        """The belt may run on meanwhile, and a photo-eye announce what nobody sees."""
        self._line.belt.listen()
        if self._camera_problem:
            self._line.abandon("camera-fault")

    def _lose_camera(self, error: CameraError) -> None:
        self._camera.stop()
        self._line.abandon("camera-fault")
        if not self._camera_problem:
            log.error("camera-fault %s", error)
        self._camera_problem = f"camera-fault: {error}"
        self._camera_again_s = time.monotonic() + self._camera.pause_s

    def _drain(self) -> None:
        """Keep the heartbeat until the last decided item has passed its gate: without it, gates drop what they plan."""
        end_s = time.monotonic() + DRAIN_S
        while self._line.busy and time.monotonic() < end_s:
            time.sleep(FRAME_WAIT_S)
            self._line.belt.listen()
            self._announcer.progress(self._reasons())
            self._ledger.flush()

    def _ask(self) -> None:
        """Gates for the answers that never came."""
        if self._publisher.connected:
            for ask in self._ledger.unanswered.questions(monotonic_ms()):
                self._publisher.publish_ask(ask)

    def _reasons(self) -> tuple[str, ...]:
        camera = (self._camera_problem,) if self._camera_problem else self._camera.problems
        line = self._line.belt.problems + self._control.problems
        return (
            camera
            + self._engine.problems
            + line
            + self._ledger.problems
            + self._publisher.problems
            + self._commands.problems
        )
