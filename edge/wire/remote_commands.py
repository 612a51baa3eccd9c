"""What operators ask of a running line over MQTT: heard on a connection of its own, done between two frames."""

import logging
import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from edge.config import MqttConfig
from edge.errors import SortlineError
from edge.wire.messages import Command, Response, decode, encode, topic
from edge.wire.mqtt import AWAY, Connection
from edge.wire.mqtt_properties import Exchange
from edge.wire.mqtt_session import Arrival

log = logging.getLogger(__name__)

INBOX = 8
"""Commands that may wait for the main loop; beyond it they are dropped without a response."""
BURST = 10
REFILL_S = 1.0
"""Commands at once, and the time that brings one back: whoever sends more is no person."""
WILDCARDS = set("+#")
PATIENCE_S = 5.0
"""A command that waited longer for the main loop is not done any more: who sent it has turned away."""


@dataclass(frozen=True)
class Done:
    """What the one who asked is told."""

    detail: str
    picture: bytes = b""
    """JPEG; it is then the whole response."""


Do = Callable[[Command], Done]
"""Runs on the main loop; a SortlineError out of it is the refusal that the one who asked is told."""


class RemoteCommands:
    """The commands of one line. Who may send them is the broker's to say (deploy/mosquitto).

    The connection is not the publisher's: neither a flood of commands nor a picture on its way out delays a decision.
    """

    def __init__(
        self,
        config: MqttConfig,
        line: str,
        boot: str,
        do: Mapping[str, Do],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects on `connect`. Raises ConfigError."""
        self._line, self._boot, self._do, self._now_s = line, boot, do, now_s
        self._inbox: queue.Queue[tuple[Arrival, float]] = queue.Queue(INBOX)
        self._allowance = Allowance(BURST, REFILL_S, now_s)
        self._dropping = False
        self._connection = Connection(
            config, f"sortline-{line}-commands", topics=(topic(line, "command", "+"),), on_message=self._receive
        )

    def connect(self) -> None:
        """Wait for the broker to let us in. Raises BrokerError; later it is reconnected to for ever."""
        self._connection.connect()

    def serve(self) -> None:
        """Do and answer the commands that wait. Called by the main loop between two frames."""
        while not self._inbox.empty():
            arrival, heard_s = self._inbox.get_nowait()
            self._answer(arrival, self._carry_out(arrival, heard_s))

    @property
    def problems(self) -> tuple[str, ...]:
        """What the broker refuses us, in stable words; that it is away is for the publisher to say."""
        return tuple(f"commands: {problem}" for problem in self._connection.problems if problem != AWAY)

    def close(self) -> None:
        """Leave the broker."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Not connected yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave, whatever happened."""
        self._connection.close()

    def _receive(self, arrival: Arrival) -> None:
        """On the connection's thread. A retained command is one that somebody gave once, not one given now."""
        if arrival.retained:
            log.warning("retained command ignored on %s: clear it at the broker", arrival.topic)
        elif self._allowance.take() and not self._inbox.full():
            self._dropping = False
            self._inbox.put_nowait((arrival, self._now_s()))
        elif not self._dropping:
            self._dropping = True
            log.warning("too many commands: dropped from now on, without a response, until they are fewer")

    def _carry_out(self, arrival: Arrival, heard_s: float) -> Response | bytes:
        name = arrival.topic.rpartition("/")[2]
        try:
            done = self._do_it(name, arrival, heard_s)
        except SortlineError as error:
            log.warning("command %r refused: %s", name, error)
            return self._response(name, ok=False, detail=str(error))
        log.info("command %r done: %s", name, done.detail)
        return done.picture or self._response(name, ok=True, detail=done.detail)

    def _do_it(self, name: str, arrival: Arrival, heard_s: float) -> Done:
        if (do := self._do.get(name)) is None:
            raise NotDone(f"expected one of {sorted(self._do)}, found {name!r}")
        try:
            command = decode(arrival.payload or b"{}", Command)
        except msgspec.DecodeError as error:
            raise NotDone(f"expected nothing or a JSON object as the payload, found {error}") from error
        waited_s = self._now_s() - heard_s
        if waited_s > min(PATIENCE_S, PATIENCE_S if arrival.expiry_s is None else arrival.expiry_s):
            raise NotDone(f"expected to come to it sooner, found that it had waited for {waited_s:.1f} s")
        return do(command)

    def _answer(self, arrival: Arrival, response: Response | bytes) -> None:
        """Only below the command's own topic: another one would be published with our rights, a decision even."""
        own = f"{arrival.topic}/response"
        where = arrival.exchange.response_topic or own
        if not (where == own or where.startswith(f"{own}/")) or set(where) & WILDCARDS:
            log.warning("response not sent to %r: expected %s or a topic below it", where, own)
            return
        payload = response if isinstance(response, bytes) else encode(response)
        self._connection.publish(where, payload, exchange=Exchange(correlation=arrival.exchange.correlation))

    def _response(self, name: str, *, ok: bool, detail: str) -> Response:
        return Response(line=self._line, boot=self._boot, command=name, ok=ok, detail=detail)


class NotDone(SortlineError):
    """A command that is unknown, malformed or too old."""


class Allowance:
    """A token bucket: `burst` at once, one more every `refill_s`."""

    def __init__(self, burst: int, refill_s: float, now_s: Callable[[], float]) -> None:
        self._burst, self._refill_s, self._now_s = burst, refill_s, now_s
        self._left, self._counted_s = float(burst), now_s()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now_s = self._now_s()
        self._left = min(self._burst, self._left + (now_s - self._counted_s) / self._refill_s)
        self._counted_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
