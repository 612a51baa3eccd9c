"""What goes over MQTT: one frozen type per topic of README's wire format, JSON on the wire."""

from typing import Annotated, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

T = TypeVar("T")

SCHEMA = "1.2"
"""major.minor: a consumer of 1.0 reads every 1.x, for fields are only added within a major version."""

Reason = Literal[
    "classified",
    "unsure",
    "late",
    "blocked-view",
    "camera-fault",
    "engine-fault",
    "unknown-item",
    "rerouted",
    "paused",
    "stopping",
]
State = Literal["online", "degraded", "stopped", "offline"]
Outcome = Literal["fired", "expired", "duplicate", "rejected", "unknown"]
GateState = Literal["ready", "full", "jammed", "safe", "latched"]

OpenReason = Annotated[str, Meta(examples=list(get_args(Reason)))]
OpenOutcome = Annotated[str, Meta(examples=list(get_args(Outcome)))]
OpenGateState = Annotated[str, Meta(examples=list(get_args(GateState)))]
"""On the wire: a later minor version may add words, and a consumer that does not know one goes by the other fields."""


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
    """Number of the item: never reused, also across restarts."""
    bin: str
    reason: OpenReason
    """`classified`, or why this item goes elsewhere; later minor versions may add words."""
    label: str | None
    """Most probable class; null when the item could not be classified."""
    confidence: float | None
    probabilities: dict[str, float] | None
    t_ms: float
    """When this was published, on the daemon's monotonic clock, in ms; so are the other `t_ms`."""
    captured_t_ms: float
    act_t_ms: float
    """When the gate is to be commanded: the item's centre is at the gate `dead_ms` later, if the belt's speed stays."""
    act_in_ms: float
    """`act_t_ms` - `t_ms`: for a gate that does not know the clock offset yet."""
    valid_ms: float
    """Milliseconds after `t_ms` (after receipt, while the offset is unknown) from which a gate must not act on this."""
    x_mm: float
    """Centre of the item across the belt, from the left edge of the region of interest as seen along the motion."""
    frames: int
    """Frames that were classified and voted."""
    model: str
    """Bundle id and variant."""
    captured_at: str
    """ISO 8601 UTC, for people."""
    act_mm: float = 0.0
    """Reading of the daemon's odometer (a heartbeat's `belt_mm`) at which the item's centre is at the gate."""
    reach_mm: float = 0.0
    """So much belt later the gate still moves the item. 0: only the times count."""
    dead_ms: float = 0.0
    """From the gate's command to its movement: it is commanded so much before the belt reaches `act_mm`; `act_t_ms`,
    `act_in_ms` and `valid_ms` have it taken off already."""
    touching: bool = False
    """Other things touch it or were seen as one with it: it may be several items, decided as one."""


class Answer(Message, frozen=True, kw_only=True):
    """What a gate did about one decision; `boot` and `seq` are the decision's."""

    seq: int
    item: int
    bin: str
    gate: str
    """Name of the gate, unique on its line."""
    outcome: OpenOutcome
    """Later minor versions may add words."""
    error_ms: float | None = None
    """For `fired`: actuation time minus the wanted time."""
    detail: str = ""
    """Why, in words, where the outcome alone does not say it."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of an `Ask`."""

    seq: int
    item: int


class Ask(Message, frozen=True, kw_only=True):
    """The daemon's ledger has no answer to these, well after their time: the gate tells again what became of them.

    It commands nothing. Whoever does not know it leaves those decisions unanswered, and is asked ever more rarely.
    """

    bin: str
    decisions: tuple[Asked, ...]
    """All of them of `boot`, which may be an earlier one than that of the heartbeats. 50 at most."""


class Heartbeat(Message, frozen=True, kw_only=True):
    """Every 250 ms of progress, and at once when the belt's speed changed by more than 0.5 % and 5 mm/s.

    Its absence means that nothing is being sorted.
    """

    t_ms: float
    """How far a gate's clock is from the daemon's: the smallest (received - `t_ms`) of this boot's heartbeats and
    decisions. It falls at once, and grows by 500 ppm of the time since at most, as clocks drift: what grows faster is a
    slow network."""
    state: State
    belt_mm: float = 0.0
    """The odometer at `t_ms`: belt travel since this boot."""
    speed_mm_s: float = 0.0
    """The belt's speed at `t_ms`; 0: it stands; negative: it runs backwards."""


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """Retained, and the gate's last will: whether a bin can take items now. Decisions go round one that can't."""

    line: str
    bin: str
    gate: str
    """Name of the gate, unique on its line."""
    state: OpenGateState
    """`ready`; `full` or `jammed`, as its inputs say; `safe`: no daemon, or no gate; `latched`: waits for a reset."""
    detail: str = ""
    """Why, in words."""


class BeltReading(msgspec.Struct, frozen=True, kw_only=True):
    """From an encoder or PLC: how the belt moves. One of the two is given; other fields are ignored."""

    speed_mm_s: float | None = None
    pulses: int | None = None
    """A counter that grows with the belt's travel; the line's file says how far one pulse is (`belt.mm_per_pulse`)."""


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """From a photo-eye or PLC: an item is at the sensor now. `{}` will do; other fields are ignored."""

    x_mm: float | None = None
    """Where across the belt, for a row of sensors."""


class Status(Message, frozen=True, kw_only=True):
    """Retained; `offline` is the last will of the boot that it names."""

    state: State
    reasons: tuple[str, ...] = ()
    """Why `degraded`, or why a clean stop."""
    model: str = ""
    engine: str = ""
    """What computes, how long a picture takes it, and what it was chosen before; for people."""
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
    """By outcome, as they came: what a gate tells again counts again."""
    unpublished: int
    """Decisions that were not sent: the broker was away, or the ledger could not keep them."""
    latency_ms: dict[str, Percentiles]
    """By stage of the way of a frame."""
    latency_mm: dict[str, Percentiles]
    """The same as belt travel."""
    model: str
    empty_frames: int = 0
    """With `items = "frame"`: frames that showed the empty belt, and so no item."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """From an operator's tool; `{}` or nothing at all will do, other fields are ignored."""

    why: Annotated[str, Meta(max_length=200)] = ""
    """Who asks, and what for: goes into the log, and into the status while paused."""


class Response(Message, frozen=True, kw_only=True):
    """What became of a command, with its correlation data; a snapshot that succeeded is answered by the JPEG itself."""

    command: str
    ok: bool
    detail: str = ""
    """What was done, or why nothing was."""


def encode(message: msgspec.Struct) -> bytes:
    """One message as JSON."""
    return msgspec.json.encode(message)


def decode(payload: bytes, kind: type[T]) -> T:
    """One message from JSON. Raises msgspec.DecodeError; msgspec itself ends deep nesting with a RecursionError."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except RecursionError as error:
        raise msgspec.DecodeError(str(error)) from error


def topic(line: str, *levels: str) -> str:
    """sortline/<line>/<levels…>."""
    return "/".join(("sortline", line, *levels))
