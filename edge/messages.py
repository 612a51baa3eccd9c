"""What goes over MQTT: one frozen type per topic of README's wire format, JSON on the wire."""

from typing import Literal

import msgspec

SCHEMA = "1.0"
"""major.minor: a consumer of 1.0 reads every 1.x, for fields are only added within a major version."""

Reason = Literal["classified", "unsure", "late", "blocked-view", "camera-fault", "stopping"]
State = Literal["online", "degraded", "stopped", "offline"]
Outcome = Literal["fired", "expired", "duplicate", "rejected"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What every message carries. Unknown fields are ignored on reading, so that minor versions may add some."""

    schema: str = SCHEMA
    line: str
    boot: str
    """Random id of one run of the daemon: `t_ms` of different boots cannot be compared."""


class BinDecision(Message, frozen=True, kw_only=True):
    """One terminal decision for one physical item."""

    seq: int
    """Never reused on this device, also after a restart or crash."""
    item: int
    """Number of the item since this boot."""
    bin: str
    reason: Reason
    label: str | None
    """Most probable class; null when the item could not be classified."""
    confidence: float | None
    probabilities: dict[str, float] | None
    t_ms: float
    """When this was published, on the daemon's monotonic clock, in ms; so are the other `t_ms`."""
    captured_t_ms: float
    act_t_ms: float
    """When the item's centre is at the gate."""
    act_in_ms: float
    """`act_t_ms` - `t_ms`: for a gate that does not know the clock offset yet."""
    valid_ms: float
    """Milliseconds after `t_ms` (after receipt, while the offset is unknown) from which a gate must not act on this."""
    x_mm: float
    """Centre of the item across the belt, from the left edge of the region of interest as seen along the motion."""
    frames: int
    """Frames that were classified for this decision."""
    model: str
    """Bundle id and variant."""
    captured_at: str
    """ISO 8601 UTC, for people."""


class Answer(Message, frozen=True, kw_only=True):
    """What a gate did about one decision; `boot` and `seq` are the decision's."""

    seq: int
    item: int
    bin: str
    gate: str
    """Name of the gate, unique on its line."""
    outcome: Outcome
    error_ms: float | None = None
    """For `fired`: actuation time minus the wanted time."""
    detail: str = ""
    """Why, in words, where the outcome alone does not say it."""


class Heartbeat(Message, frozen=True, kw_only=True):
    """Every 250 ms of progress; its absence means that nothing is being sorted."""

    t_ms: float
    state: State


class Status(Message, frozen=True, kw_only=True):
    """Retained; `offline` is the last will of the boot that it names."""

    state: State
    reasons: tuple[str, ...] = ()
    """Why `degraded`, or why a clean stop."""
    model: str = ""
    bins: tuple[str, ...] = ()
    since: str = ""
    """ISO 8601 UTC."""


class Percentiles(msgspec.Struct, frozen=True):
    """Of a figure since the previous stats message."""

    p50: float
    p99: float


class Stats(Message, frozen=True, kw_only=True):
    """Retained, every 10 s. Counts are since this boot."""

    t_ms: float
    uptime_s: float
    fps: float
    """Frames handled a second since the previous stats message."""
    frames: int
    dropped_frames: int
    """Frames that a newer one replaced before they were handled."""
    decisions: dict[str, int]
    """By bin."""
    reasons: dict[str, int]
    answers: dict[str, int]
    """By outcome."""
    unpublished: int
    """Decisions that are in the ledger but were not sent, because the broker was away."""
    latency_ms: dict[str, Percentiles]
    """By stage of the way of a frame."""
    latency_mm: dict[str, Percentiles]
    """The same as belt travel."""
    model: str


def encode(message: Message) -> bytes:
    """One message as JSON."""
    return msgspec.json.encode(message)


def topic(line: str, *levels: str) -> str:
    """sortline/<line>/<levels…>."""
    return "/".join(("sortline", line, *levels))
