"""What operators can do with a running line: pause, resume, reload, snapshot."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge.camera.frames import Frame
from edge.camera.snapshot import encode_snapshot
from edge.config import Config, bin_of
from edge.config_file import check_routing, load_config
from edge.errors import ConfigError, SortlineError
from edge.line import Line
from edge.wire.messages import Command
from edge.wire.remote_commands import Do, Done


class NoPicture(SortlineError):
    """A snapshot before the first frame."""


class LineControl:
    """Runs on the main loop, between two frames."""

    def __init__(self, config_path: Path, config: Config, labels: tuple[str, ...], line: Line) -> None:
        self._path, self._config, self._labels, self._line = config_path, config, labels, line
        self._frame: Frame | None = None
        self._paused_why = ""

    @property
    def commands(self) -> Mapping[str, Do]:
        """By the names that operators use."""
        return {"pause": self.pause, "resume": self.resume, "reload": self.reload, "snapshot": self.snapshot}

    @property
    def problems(self) -> tuple[str, ...]:
        """While paused: that, and why."""
        if not self._line.paused:
            return ()
        return (f"paused: {self._paused_why}" if self._paused_why else "paused",)

    def see(self, frame: Frame) -> None:
        """The newest picture, for a snapshot."""
        self._frame = frame

    def pause(self, command: Command) -> Done:
        """Every item goes to the reject bin until `resume`; the belt is still watched, and every item still counted."""
        self._line.paused, self._paused_why = True, command.why
        return Done("paused: every item goes to the reject bin")

    def resume(self, _command: Command) -> Done:
        """Sort again."""
        was_paused, self._line.paused = self._line.paused, False
        return Done("resumed" if was_paused else "was not paused")

    def reload(self, _command: Command) -> Done:
        """Take [routing] from the file anew; anything else there wants a restart, and nothing is taken by halves."""
        new = load_config(self._path)
        check_routing(self._path, new, self._labels)
        if other := [name for name in Config.__struct_fields__ if name != "routing" and self._differs(name, new)]:
            raise ConfigError(
                f"{self._path}: {', '.join(other)}: expected no change but in routing, found one; it needs a restart"
            )
        if (bins := self._bins(new)) != self._bins(self._config):
            raise ConfigError(
                f"{self._path}: routing: expected the bins {sorted(self._bins(self._config))}, as the line announced "
                f"them, found {sorted(bins)}; it needs a restart"
            )
        changed = [name for name in new.routing.__struct_fields__ if _differ(self._config.routing, new.routing, name)]
        self._line.reroute(new)
        self._config = new
        return Done(f"reloaded: {', '.join(f'routing.{name}' for name in changed) or 'nothing has changed'}")

    def snapshot(self, _command: Command) -> Done:
        """The newest picture. Raises NoPicture before the first one."""
        if self._frame is None:
            raise NoPicture("expected a frame of the camera, found none yet")
        height, width = self._frame.image.shape[:2]
        return Done(f"snapshot of frame {self._frame.counter}, {width}x{height}", encode_snapshot(self._frame.image))

    def _bins(self, config: Config) -> set[str]:
        return {bin_of(config, label) for label in self._labels} | {config.routing.reject}

    def _differs(self, name: str, new: Config) -> bool:
        return _differ(self._config, new, name)


def _differ(old: msgspec.Struct, new: msgspec.Struct, name: str) -> bool:
    return bool(getattr(old, name) != getattr(new, name))
