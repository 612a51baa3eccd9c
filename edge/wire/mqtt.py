"""The way to the broker that comes back for ever and queues nothing: what publisher and gate share."""

import logging
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.wire.mqtt_access import read_access
from edge.wire.mqtt_properties import Exchange
from edge.wire.mqtt_session import Arrival, Session, Will

log = logging.getLogger(__name__)

POLL_S = 0.25
"""How often a silent connection is looked after: keep-alive is in whole seconds."""
BACKOFF_FIRST_S = 0.2
BACKOFF_CAP_S = 5.0
STEADY_S = 10.0
"""A session that lasted this long was a good one: the next back-off starts small again."""
LEAVE_S = 1.0
"""How long a close waits for acknowledgements, and then for the thread, which may hang in the resolver."""

AWAY = "broker-away"
NO_EXCHANGE = Exchange()

Receive = Callable[[Arrival], None]
"""Runs on the connection's thread; must not block."""


def monotonic_ms() -> float:
    """Now, on this machine's monotonic clock: the scale of `t_ms` in messages."""
    return time.monotonic_ns() / 1e6


class Connection:
    """Owns the session with the broker and the thread that serves it and opens the next one."""

    def __init__(
        self,
        config: MqttConfig,
        client_id: str,
        *,
        topics: tuple[str, ...],
        on_message: Receive,
        on_return: Callable[[], None] = lambda: None,
        will: Will | None = None,
    ) -> None:
        """Connects on `connect`. `on_return` runs after each reconnect, on the connection's thread.

        The same `client_id` at every start makes the broker end what is left of the previous run, and publish its will,
        before this one begins. Raises ConfigError.
        """
        self._access = read_access(config)
        self._client_id = client_id
        self._topics = topics
        self._on_message = on_message
        self._on_return = on_return
        self._will = will
        self._session: Session | None = None
        self._closing = threading.Event()
        self._swap = threading.Lock()
        """Around changes of `_session`, so that none begins after the end."""
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{client_id}", daemon=True)

    def connect(self) -> None:
        """Connect for the first time. Raises BrokerError; after that, an absent broker is only a problem."""
        self._session = self._open()
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether a publish would go out now."""
        return self._session is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """What the broker refuses or that it is away, for people; empty when all is well."""
        session = self._session
        return (AWAY,) if session is None else tuple(sorted(set(session.refusals.copy().values())))

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        exchange: Exchange = NO_EXCHANGE,
    ) -> bool:
        """Write one PUBLISH to the socket in the caller's thread; False, and never sent, when that cannot be done."""
        session = self._session
        return session is not None and session.publish(
            topic, payload, qos=qos, retain=retain, expiry_s=expiry_s, exchange=exchange
        )

    def close(self) -> None:
        """Wait a moment for acknowledgements and leave normally, without a will. May be called again."""
        if (session := self._stop()) is not None:
            session.settle(LEAVE_S)
            session.leave()
        self._join()

    def abandon(self) -> None:
        """Leave as a crash does: the broker publishes the will."""
        if (session := self._stop()) is not None:
            session.drop()
        self._join()

    def __enter__(self) -> Self:
        """Not connected yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Abandon, unless it was closed."""
        self.abandon()

    def _stop(self) -> Session | None:
        with self._swap:
            self._closing.set()
            session, self._session = self._session, None
        return session

    def _join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(LEAVE_S)

    def _open(self) -> Session:
        session = Session(self._access, self._client_id, self._will)
        try:
            session.open(self._topics)
        except BrokerError:
            session.drop()
            session.release()
            raise
        return session

    def _run(self) -> None:
        try:
            self._serve_all()
        finally:
            # Should a receiver raise: better seen to be away than connected with nobody listening.
            if (session := self._stop()) is not None:
                session.drop()
                session.release()

    def _serve_all(self) -> None:
        attempt = 0
        while (session := self._session) is not None:
            began_s = time.monotonic()
            self._serve(session)
            session.release()
            attempt = 0 if time.monotonic() - began_s > STEADY_S else attempt + 1
            if not self._closing.is_set():
                self._session = None
                log.warning("broker lost: %s", session.ended)
                attempt = self._come_back(attempt)

    def _serve(self, session: Session) -> None:
        while not session.ended:
            for arrival in session.pump(POLL_S):
                self._on_message(arrival)

    def _come_back(self, attempt: int) -> int:
        said = ""
        while not self._closing.wait(full_jitter_s(attempt)):
            attempt += 1
            try:
                session = self._open()
            except BrokerError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("%s; trying on", said)
                continue
            if self._begin(session):
                log.info("broker back")
                self._on_return()
            break
        return attempt

    def _begin(self, session: Session) -> bool:
        """False when the end has come meanwhile."""
        with self._swap:
            if not self._closing.is_set():
                self._session = session
                return True
        session.drop()
        session.release()
        return False


def full_jitter_s(attempt: int) -> float:
    """Wait before attempt 0, 1, …: anything up to a bound that doubles, so that a fleet does not knock at once.

    "Full jitter" of M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015: of the variants compared
    there, the one with the fewest calls.
    """
    return random.uniform(0, min(BACKOFF_CAP_S, BACKOFF_FIRST_S * 2 ** min(attempt, 16)))
