"""The rules on whom a gate obeys: the daemon that lives, in this version of the format, on this line, for this bin."""

from edge.gate.conformance.daemon import PlayedDaemon
from edge.gate.conformance.verdicts import (
    Broken,
    Rule,
    in_words,
    outcomes,
    require_fired,
    require_not_fired,
    with_fields,
)

SILENCE_MS = 750.0
"""Three heartbeats."""


def stale_boot(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """A daemon that was replaced commands no more, even with heartbeats, and its successor goes on commanding."""
    old = daemon.reboot()
    stale = daemon.send(daemon.decision(boot=old))
    current, daemon.boot = daemon.boot, old
    daemon.beat()
    daemon.boot = current
    again = daemon.send(daemon.decision(boot=old))
    require_not_fired(daemon, stale)
    require_not_fired(daemon, again)
    return f"stale ones not fired; {require_fired(daemon, daemon.send(daemon.decision()), tolerance_ms)}"


def boot_change(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """What one boot planned is dropped when the next one begins."""
    planned = daemon.send(daemon.decision(act_in_ms=1_200, valid_ms=3_000.0))
    before_ms = daemon.own_ms(planned.t_ms)
    daemon.run(0.1)
    daemon.reboot()
    daemon.run(1.5 - (daemon.own_ms(daemon.now_ms()) - before_ms) / 1000)
    if "fired" in (found := outcomes(daemon, planned)):
        raise Broken(f"expected seq {planned.seq} to be dropped, found {in_words(found)}")
    return in_words(found)


def unknown_boot(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """Nobody vouches that its sender lives: neither heartbeat nor status came from this boot."""
    return require_not_fired(daemon, daemon.send(daemon.decision(boot="0000000000000000")))


def major_version(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """Another major version may mean other things by the same fields."""
    return require_not_fired(daemon, daemon.send(daemon.decision(schema="2.0")))


def minor_version(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """A later minor version adds fields and reasons, which a gate need not know."""
    decision = daemon.decision(schema="1.99", reason="a-reason-of-later-days")
    daemon.send_raw(with_fields(decision, height_mm=12.5, marks=[{"x": 1}]))
    return require_fired(daemon, decision, tolerance_ms)


def other_line(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """The payload says another line than the topic."""
    return require_not_fired(daemon, daemon.send(daemon.decision(line=f"{daemon.line}-other")))


def other_bin(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """The payload says another bin than the topic."""
    return require_not_fired(daemon, daemon.send(daemon.decision(bin=f"{daemon.bin}-other")))


def foreign_will(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """The will of a boot that is gone anyway says nothing of this one."""
    decision = daemon.send(daemon.decision(act_in_ms=400))
    daemon.say_status("offline", boot="0000000000000000")
    daemon.say_status("online")
    return require_fired(daemon, decision, tolerance_ms)


def will(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """The broker says that this boot is gone: what it planned is dropped."""
    planned = daemon.send(daemon.decision(act_in_ms=400, valid_ms=1_000.0))
    daemon.run(0.1)
    daemon.silence()
    daemon.say_status("offline")
    return require_not_fired(daemon, planned)


def silence(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """No heartbeats: after three that are missing what was planned is dropped, also when they come again."""
    planned = daemon.decision(act_in_ms=SILENCE_MS + 750, valid_ms=2_500.0)
    daemon.send(planned)
    daemon.silence()
    daemon.run((SILENCE_MS + 450) / 1000)
    daemon.resume()
    return require_not_fired(daemon, planned)


def recovery(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """After a silence, with heartbeats again, it works again."""
    daemon.silence()
    daemon.run((SILENCE_MS + 300) / 1000)
    daemon.resume()
    daemon.run(0.6)
    return require_fired(daemon, daemon.send(daemon.decision()), tolerance_ms)


ONE_SENDER = (
    Rule("stale-boot", "a boot that was replaced commands nothing, even with heartbeats", stale_boot),
    Rule("boot-change", "what the previous boot planned is dropped", boot_change),
    Rule("unknown-boot", "a decision before any heartbeat or status of its boot is not fired", unknown_boot),
    Rule("major-version", "another major version of the schema is not fired", major_version),
    Rule("minor-version", "a later minor version with unknown fields is fired", minor_version),
    Rule("other-line", "a decision for another line is not fired", other_line),
    Rule("other-bin", "a decision for another bin is not fired", other_bin),
    Rule("foreign-will", "the will of another boot changes nothing", foreign_will),
    Rule("will", "the will of this boot drops what is planned", will),
    Rule("silence", "three missing heartbeats drop what is planned, also when they come again", silence),
    Rule("recovery", "when heartbeats are back it works again", recovery),
)
