"""The reference gate with a drive that notes each movement itself: `python -m tests.faults.witness …`."""

import argparse
from pathlib import Path

from edge.commands import stop_on_signals
from edge.config import MqttConfig
from edge.gate.drivers import PrintDriver
from edge.gate.gate import run_gate
from edge.gate.journal import Journal
from edge.gate.rules import Actuation, Gate
from edge.wire.messages import Answer
from edge.wire.mqtt import monotonic_ms
from tests.faults.movements import Movement, Notebook

HOLD_MS = 5.0


class Witness(PrintDriver):
    """Notes which of those that are due moves."""

    def __init__(self, path: Path) -> None:
        self._notebook = Notebook(path)
        self.allowed_ms = self.clock_ms = 0.0
        """When the rules said what is due, and what they took the daemon's clock to be off by."""
        self.ready: list[Actuation] = []

    def open(self) -> None:
        """The rules hand them over in order, but for what has run out meanwhile."""
        now_ms = monotonic_ms()
        plan = next((plan for plan in self.ready if now_ms < plan.until_ms), self.ready[-1])
        self.ready = self.ready[self.ready.index(plan) + 1 :] or [plan]
        self._notebook.add(Movement(now_ms, self.allowed_ms, self.clock_ms, plan.decision.boot, plan.decision.seq))


class WitnessedGate(Gate):
    """Tells the drive what is due."""

    def __init__(self, witness: Witness, line: str, bin_name: str) -> None:
        super().__init__(line, bin_name, bin_name, latch_after=0)
        self._witness = witness

    def due(self, now_ms: float) -> tuple[list[Actuation], list[Answer]]:
        """As the rules say."""
        ready, late = super().due(now_ms)
        self._witness.allowed_ms, self._witness.clock_ms, self._witness.ready = now_ms, self.offset_ms or 0.0, ready
        return ready, late


def main() -> None:
    """Serve until SIGTERM. Each event is one line, with its time on the monotonic clock in ms."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("line", "bin", "host", "movements", "journal"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("--port", type=int, required=True)
    for name in ("ca", "cert", "key"):
        arguments.add_argument(f"--{name}-file")
    given = arguments.parse_args()
    files = {name: getattr(given, name) for name in ("ca_file", "cert_file", "key_file")}
    witness = Witness(Path(given.movements))
    with Journal(Path(given.journal)) as journal:
        run_gate(
            MqttConfig(host=given.host, port=given.port, **files),
            WitnessedGate(witness, given.line, given.bin),
            driver=witness,
            journal=journal,
            hold_ms=HOLD_MS,
            stop=stop_on_signals(),
            say=lambda text: print(f"{monotonic_ms():.3f} {text}", flush=True),
        )


if __name__ == "__main__":
    main()
