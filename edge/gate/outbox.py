"""The answers of a gate on their way: they tell of the past and command nothing, so they may wait for a broker."""

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable

from edge.gate.journal import Journal
from edge.wire.messages import Answer, encode, topic
from edge.wire.mqtt import Connection, monotonic_ms

WAITING = 1000
"""Answers that may wait; the oldest goes first, and its decision stays unanswered."""


class Outbox:
    """Sends in order. What a daemon may have missed is sent once more, word for word; its ledger keeps the first.

    Neither a socket that takes an answer nor a broker's acknowledgement says that the daemon has it: a broker that is
    killed forgets both. `confirm` does.
    """

    def __init__(self, connection: Connection, journal: Journal, say: Callable[[str], None]) -> None:
        self._connection, self._journal, self._say = connection, journal, say
        self._waiting: deque[Answer] = deque(maxlen=WAITING)
        self._sent: deque[tuple[float, Answer]] = deque(maxlen=WAITING)

    def put(self, answers: Iterable[Answer]) -> None:
        """To be sent at the next `send`."""
        for answer in answers:
            error = "" if answer.error_ms is None else f" error={answer.error_ms:+.1f}ms"
            detail = f" ({answer.detail})" if answer.detail else ""
            self._say(f"{answer.outcome} seq={answer.seq} item={answer.item}{error}{detail}")
            self._waiting.append(answer)

    def send(self) -> None:
        """Write what waits, as far as the broker takes it now."""
        while self._waiting:
            answer = self._waiting[0]
            if not self._connection.publish(topic(answer.line, "answer"), encode(answer)):
                return
            self._waiting.popleft()
            self._sent.append((monotonic_ms(), answer))

    def confirm(self, before_ms: float) -> None:
        """The daemon has what was sent before then."""
        known = []
        while self._sent and self._sent[0][0] < before_ms:
            known.append(self._sent.popleft()[1])
        if known:
            with contextlib.suppress(sqlite3.Error):  # at worst they are sent once more after a restart
                self._journal.mark_sent(known)

    def repeat(self, since_ms: float) -> None:
        """The daemon is back after a silence: what was sent since then may have met nobody."""
        self.confirm(since_ms)
        self._waiting.extend(answer for _, answer in self._sent if answer.outcome != "duplicate")
        self._sent.clear()
