"""A bad network between a client and its broker: it delays MQTT's packets, repeats, turns round or keeps them.

It does to a connection only what TCP, resent packets and brokers do: what is turned round are whole PUBLISHes, and a
repeated one has the flag DUP and is acknowledged once.
"""

import asyncio
import contextlib
import heapq
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

PUBLISH, PUBACK = 3, 4
QOS1, DUP = 0b0010, 0b1000
TURN_S = 0.1
"""A PUBLISH that is overtaken comes so much later at most."""
AGAIN_S = 2.0
"""A repeated one comes so much later at most."""
START_S = 5.0


@dataclass(frozen=True)
class Trouble:
    """How bad the network is; by default it is good."""

    delay_s: float = 0.0
    """Each packet is held for a random time up to this; the order stays."""
    duplicate: float = 0.0
    """Probability that a PUBLISH is sent once more."""
    turn: float = 0.0
    """Probability that a PUBLISH is overtaken."""
    silent: bool = False
    """Half-open: nothing passes, and nobody is told."""


class Proxy:
    """Listens on a loopback port, on a thread of its own. `trouble` may be set at any time."""

    def __init__(self, port: int, seed: int) -> None:
        """To the broker on loopback `port`."""
        self.trouble = Trouble()
        self.port = 0
        self._to, self._draw = port, random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def cut(self) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._cut)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._to)
            both = {writer, broker_writer}
            self._writers |= both
            acknowledged: tuple[Counter[bytes], Counter[bytes]] = (Counter(), Counter())
            up = self._carry(reader, broker_writer, *acknowledged)
            down = self._carry(broker_reader, writer, *acknowledged[::-1])
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await asyncio.gather(up, down)
            for end in both:
                end.transport.abort()
            self._writers -= both
            return
        writer.transport.abort()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        repeated: Counter[bytes],
        repeated_back: Counter[bytes],
    ) -> None:
        """One direction. `repeated`: packet ids of what is sent twice on this way; `repeated_back`: on the other."""
        waiting = _Waiting()
        sending = asyncio.ensure_future(self._send(waiting, writer, repeated))
        try:
            while True:
                packet = await _read_packet(reader)
                if packet[0] >> 4 == PUBACK and repeated_back[_packet_id(packet)] > 0:
                    repeated_back[_packet_id(packet)] -= 1
                else:
                    self._delay(packet, waiting)
        finally:
            sending.cancel()

    def _delay(self, packet: bytes, waiting: "_Waiting") -> None:
        trouble, draw, now_s = self.trouble, self._draw, time.monotonic()
        at_s = now_s + draw.uniform(0, trouble.delay_s)
        publish = packet[0] >> 4 == PUBLISH
        if publish and draw.random() < trouble.turn:
            waiting.put(now_s + draw.uniform(0, TURN_S), packet, in_order=False)
        else:
            waiting.put(at_s, packet, in_order=True)
        if publish and packet[0] & QOS1 and draw.random() < trouble.duplicate:
            again = bytes((packet[0] | DUP,)) + packet[1:]
            waiting.put(at_s + draw.uniform(0, AGAIN_S), again, in_order=False)

    async def _send(self, waiting: "_Waiting", writer: asyncio.StreamWriter, repeated: Counter[bytes]) -> None:
        while True:
            packet = await waiting.next()
            while self.trouble.silent:  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.01)
            if packet[0] >> 4 == PUBLISH and packet[0] & DUP:  # ours: no session is resumed, so nobody else sends one
                repeated[_packet_id(packet)] += 1
            writer.write(packet)
            with contextlib.suppress(OSError):
                await writer.drain()


class _Waiting:
    """Packets by the time at which they go on."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, bytes]] = []
        self._number = itertools.count()
        self._last_s = 0.0
        self._more = asyncio.Event()

    def put(self, at_s: float, packet: bytes, *, in_order: bool) -> None:
        if in_order:
            at_s = self._last_s = max(at_s, self._last_s)
        heapq.heappush(self._heap, (at_s, next(self._number), packet))
        self._more.set()

    async def next(self) -> bytes:
        while True:
            self._more.clear()
            left_s = self._heap[0][0] - time.monotonic() if self._heap else None
            if left_s is not None and left_s <= 0:
                return heapq.heappop(self._heap)[2]
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._more.wait(), left_s)


async def _read_packet(reader: asyncio.StreamReader) -> bytes:
    """One whole packet of MQTT: type and flags, length in 7-bit groups, the rest."""
    head = await reader.readexactly(1)
    length = shift = 0
    while True:
        head += await reader.readexactly(1)
        length |= (head[-1] & 0x7F) << shift
        shift += 7
        if not head[-1] & 0x80:
            return head + await reader.readexactly(length)


def _packet_id(packet: bytes) -> bytes:
    """Of a PUBACK, or of a PUBLISH with QoS 1, where it follows the topic."""
    length_bytes = next(number for number in range(1, 5) if not packet[number] & 0x80)
    body = packet[1 + length_bytes :]
    if packet[0] >> 4 == PUBACK:
        return body[:2]
    topic = 2 + int.from_bytes(body[:2], "big")
    return body[topic : topic + 2]
