"""The answers of a gate on their way: they tell of the past and command nothing, so they may wait for a broker."""

from collections.abc import Callable, Iterable
from typing import Protocol

from edge.wire.messages import Answer, encode, topic

WAITING = 1000
"""Answers that may wait; the oldest goes first. A daemon asks for what it misses."""


class Publishes(Protocol):
    """The way to the broker."""

    def publish(self, topic: str, payload: bytes, /) -> bool:
        """Write it now (True) or never (False)."""


class Outbox:
    """Sends in order, each once: neither a socket nor a broker that takes an answer knows whether the daemon has it."""

    def __init__(self, connection: Publishes, say: Callable[[str], None]) -> None:
        self._connection, self._say = connection, say
        self.moves = False
        """More wait, and the broker took some at the last `send`."""
        self._waiting: dict[tuple[str, int, str], Answer] = {}

    def put(self, answers: Iterable[Answer]) -> None:
        """To be sent at the next `send`."""
        for answer in answers:
            error = "" if answer.error_ms is None else f" error={answer.error_ms:+.1f}ms"
            detail = f" ({answer.detail})" if answer.detail else ""
            self._say(f"{answer.outcome} seq={answer.seq} item={answer.item}{error}{detail}")
            self._add(answer)

    def put_again(self, answers: Iterable[Answer]) -> None:
        """To be sent at the next `send`, unless they wait already."""
        for answer in answers:
            self._add(answer)

    def send(self) -> None:
        """Write what waits, as far as the broker takes it now."""
        self.moves = False
        for key, answer in list(self._waiting.items()):
            if not self._connection.publish(topic(answer.line, "answer"), encode(answer)):
                return
            del self._waiting[key]
            self.moves = bool(self._waiting)

    def _add(self, answer: Answer) -> None:
        self._waiting.setdefault((answer.boot, answer.seq, answer.outcome), answer)
        if len(self._waiting) > WAITING:
            del self._waiting[next(iter(self._waiting))]
