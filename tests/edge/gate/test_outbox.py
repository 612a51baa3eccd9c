from collections.abc import Callable

import pytest

from edge.gate.outbox import WAITING, Outbox
from edge.wire.messages import Answer, decode


class Broker:
    """Takes what is published while it is there."""

    def __init__(self) -> None:
        self.there = False
        self.room = 10_000
        self.took: list[Answer] = []

    def publish(self, _topic: str, payload: bytes) -> bool:
        """As the connection does."""
        if not self.there or self.room == 0:
            return False
        self.room -= 1
        self.took.append(decode(payload, Answer))
        return True


@pytest.fixture
def fired() -> Callable[[int], Answer]:
    """The answer to a seq."""
    names = {"line": "l1", "boot": "boot-1", "bin": "recyclable", "gate": "g"}
    return lambda seq: Answer(**names, seq=seq, item=seq, outcome="fired")


def test_answers_wait_for_the_broker_in_order(fired: Callable[[int], Answer]) -> None:
    """And those that are asked for meanwhile are sent once."""
    broker, said = Broker(), list[str]()
    outbox = Outbox(broker, said.append)
    outbox.put([fired(1), fired(2)])
    outbox.send()
    outbox.put_again([fired(2), fired(0)])

    broker.there = True
    outbox.send()
    outbox.send()

    assert [answer.seq for answer in broker.took] == [1, 2, 0]
    assert said == ["fired seq=1 item=1", "fired seq=2 item=2"]


def test_an_answer_that_was_sent_is_sent_again_when_it_is_asked_for(fired: Callable[[int], Answer]) -> None:
    """Only the daemon knows what it has."""
    broker = Broker()
    broker.there = True
    outbox = Outbox(broker, lambda _: None)
    for put in (outbox.put, outbox.put_again):
        put([fired(1)])
        outbox.send()

    assert broker.took == [fired(1), fired(1)]


def test_the_rest_goes_as_soon_as_the_broker_has_acknowledged(fired: Callable[[int], Answer]) -> None:
    """A broker takes 20 at a time; whoever sends knows that the next ones need not wait long, and when they do."""
    broker = Broker()
    broker.there, broker.room = True, 20
    outbox = Outbox(broker, lambda _: None)
    outbox.put(fired(seq) for seq in range(25))
    moves = []
    for room in (20, 0, 20):
        broker.room = room
        outbox.send()
        moves.append(outbox.moves)

    assert moves == [True, False, False]
    assert len(broker.took) == 25


def test_too_many_answers_push_the_oldest_out(fired: Callable[[int], Answer]) -> None:
    """The journal has them."""
    broker = Broker()
    outbox = Outbox(broker, lambda _: None)
    outbox.put(fired(seq) for seq in range(WAITING + 3))

    broker.there = True
    outbox.send()

    assert [answer.seq for answer in broker.took] == list(range(3, WAITING + 3))
