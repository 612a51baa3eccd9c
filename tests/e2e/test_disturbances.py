import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.errors import Unavailable
from edge.sim.plant import Plant
from edge.sim.settings import SceneSettings
from edge.wire.messages import Answer, BinDecision, Status

MANY = SceneSettings(items=60, seed=1)
"""More than any of these tests takes: the belt is stopped when they are done."""
STATE_S = 30.0


def test_a_killed_daemon_is_offline_and_its_successor_counts_on(open_works: Any, tmp_path: Path) -> None:
    """After SIGKILL the retained status is `offline`; the next run is online under a new boot, with higher numbers."""
    with open_works(tmp_path) as works:
        works.plant.start(MANY)
        first_boot = hear_status(works.listener, "online").boot
        works.plant.begin()
        works.wait_for(lambda: len(works.watch.decisions) >= 1)

        works.plant.daemon.kill()
        works.plant.daemon.communicate()
        offline = hear_status(works.listener, "offline")
        kept = hear_kept(works, "status")
        works.plant.start_daemon()
        online = hear_status(works.listener, "online")
        works.wait_for(lambda: any(answer.boot == online.boot for answer in works.watch.answers))

        assert offline.boot == first_boot
        assert (kept["state"], kept["boot"]) == ("offline", first_boot)
        assert online.boot != first_boot
        numbers = {boot: numbers_of(works, boot) for boot in (first_boot, online.boot)}
        assert sum(map(len, numbers.values())) == len(works.watch.decisions)
        assert max(numbers[first_boot]) < min(numbers[online.boot])
        assert {answer.outcome for answer in works.watch.answers if answer.boot == online.boot} == {"fired"}


def test_nothing_is_queued_while_the_broker_is_away(open_works: Any, tmp_path: Path) -> None:
    """Items that cross meanwhile are in the ledger, unpublished, and are never sent; those after its return are."""
    with open_works(tmp_path) as works:
        works.plant.start(MANY)
        works.plant.begin()
        works.wait_for(lambda: len(works.watch.decisions) >= 1)

        works.broker.kill()
        works.wait_for(lambda: len(unpublished(works)) >= 2)
        works.broker.start()
        with type(works.listener)(works.broker.host, works.broker.port) as listener:
            after = [listener.wait_for(is_decision, STATE_S)]
            fired = msgspec.json.decode(listener.wait_for(is_fired, STATE_S).payload, type=Answer)
            status = hear_kept(works, "status")
            exit_status = works.plant.stop_daemon()
            after += [heard for heard in listener.all_within(0.5) if is_decision(heard)]

        lost = unpublished(works)
        sent = {msgspec.json.decode(heard.payload, type=BinDecision).seq for heard in after}
        sent |= {decision.seq for decision in works.watch.decisions}
        assert lost.keys() & sent == set()
        assert set(lost.values()) == {None}
        assert min(lost) > works.watch.decisions[0].seq
        assert fired.seq > max(lost)
        assert (status["state"], exit_status) == ("online", 0)
        assert hear_kept(works, "stats")["unpublished"] == len(lost)


def test_a_plant_that_fails_ends_all_its_processes(open_works: Any, tmp_path: Path) -> None:
    """Whatever goes wrong inside the block: belt, gates and daemon are ended, and their shared memory is given back."""
    with pytest.raises(Unavailable, match="daemon ended with status -9"), open_works(tmp_path) as works:
        lose_daemon(works.plant)

    running = {name: process.poll() for name, process in works.plant._processes.items()}
    assert set(running) == {"belt", "daemon", *(f"gate-{name}" for name in works.plant.bins)}
    assert None not in running.values()
    assert not works.plant._frames.exists()


def lose_daemon(plant: Plant) -> None:
    """Start everything, kill the daemon, and look."""
    plant.start(MANY)
    plant.daemon.kill()
    plant.daemon.wait()
    plant.check()


def hear_status(listener: Any, state: str) -> Status:
    """The next status with this state."""
    heard = listener.wait_for(
        lambda one: one.topic.endswith("/status") and json.loads(one.payload)["state"] == state, STATE_S
    )
    status: Status = msgspec.json.decode(heard.payload, type=Status)
    return status


def hear_kept(works: Any, kind: str) -> dict[str, Any]:
    """The retained message of one topic, as whoever asks now gets it."""
    with type(works.listener)(works.broker.host, works.broker.port, f"sortline/demo/{kind}") as late:
        heard = late.wait_for(lambda _: True)
    assert heard.retained
    said: dict[str, Any] = json.loads(heard.payload)
    return said


def unpublished(works: Any) -> dict[int, str | None]:
    """The number of each decision that was not sent, and what a gate did about it."""
    return {row.seq: row.outcome for row in works.ledger() if not row.published}


def numbers_of(works: Any, boot: str) -> list[int]:
    """The numbers of a boot's decisions."""
    return [decision.seq for decision in works.watch.decisions if decision.boot == boot]


def is_decision(heard: Any) -> bool:
    """Whether a message is a decision."""
    return "/decision/" in heard.topic


def is_fired(heard: Any) -> bool:
    """Whether a message is a gate's word that it moved."""
    return heard.topic.endswith("/answer") and json.loads(heard.payload)["outcome"] == "fired"
