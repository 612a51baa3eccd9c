"""One line's TOML file: what may be set, and what it is by default. `edge.config_file` reads and checks it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Part of an MQTT topic: no separator, no wildcard."""
Positive = Annotated[float, Meta(gt=0, le=1e9)]
"""TOML knows `inf`."""
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]
Direction = Literal["right", "left", "down", "up"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; unknown keys are errors."""


class CameraConfig(Section, frozen=True):
    """[camera]: where frames come from."""

    source: str
    """/dev/v4l/by-id/…, rtsp://…, http://…, genicam:NAME, a video file, a folder of pictures, or frames:PATH of another
    process."""
    fps: Positive = 30.0
    """Asked of a device, expected of a stream; the pace at which files are played."""
    width: Annotated[int, Meta(ge=64)] | None = None
    """Asked of a device; where width and height are given, other frames are an error."""
    height: Annotated[int, Meta(ge=64)] | None = None
    loop: bool = False
    """Play a file or folder again from its start."""
    stall_s: Positive | None = None
    """No frame for this long: the camera process is killed and started again. By default 0.4 s or the time of four
    frames for a camera, 2 s for what another process plays."""
    pixel_format: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{3,32}$")] | None = None
    """V4L2's four characters (MJPG, YUYV), or GenICam's name (BayerRG8, RGB8)."""
    exposure_us: Positive | None = None
    """Fixed exposure time of a device, in microseconds; its automatic is switched off."""
    white_balance: Annotated[str, Meta(pattern=r"^(locked|[0-9]{4,5}K)$")] | None = None
    """"locked" as it is when the device opens, or fixed as in "4500K" (V4L2); its automatic is switched off."""
    trigger: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,32}$")] | None = None
    """Input that starts each exposure of a GenICam camera, such as "Line0"; without one it runs at `fps`."""


class BeltConfig(Section, frozen=True):
    """[belt]: how the belt lies in the picture and moves through it."""

    direction: Direction
    """Where items move to in the picture."""
    speed_mm_s: Positive
    mm_per_px: Positive
    line_mm: Positive
    """Where an item is classified: distance of its centre from the upstream edge of the region of interest."""
    roi: tuple[int, int, int, int] | None = None
    """Left, top, width, height in pixels; the whole picture by default."""
    min_item_mm: Positive = 25.0
    """Smaller things are dirt."""
    max_item_mm: Positive = 400.0
    """Larger things are several items that touch."""
    speed_from: Literal["config", "mqtt", "picture"] = "config"
    """Who measures the speed: nobody, an encoder or PLC over MQTT, or the camera."""
    mm_per_pulse: Positive | None = None
    """Belt travel of one encoder pulse, for `speed_from = "mqtt"` where pulses are told."""
    stale_s: Positive = 2.0
    """A measured speed that was not told again for so long is not known any more."""
    reference: str | None = None
    """Picture of the empty belt, which `calibrate` teaches; without one the line learns it when it starts."""


class EngineConfig(Section, frozen=True):
    """[engine]: what computes. "auto" is settled by a short measurement at the start, and status says how."""

    runtime: Literal["auto", "onnxruntime-cpu", "onnxruntime-cuda", "tflite"] = "auto"
    """What is asked for is what runs, or it does not start."""
    precision: Literal["auto", "int8", "dynamic", "fp16", "fp32"] = "auto"
    """One that the bundle holds; "auto": of those that were made for the runtime."""
    threads: Annotated[int, Meta(ge=1, le=1024)] | Literal["auto"] = "auto"
    """Of the processor; "auto" leaves one core to camera and tracking."""
    cpus: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(max_length=1024)] = ()
    """Processors that daemon and inference keep to, and a camera process that is started anew; none: all."""
    cpu_fallback: bool = False
    """After three failures of the graphics card in five minutes: the processor, if it is fast enough for the gates."""


class GateConfig(Section, frozen=True):
    """[gates.<bin>]: where a bin's gate is."""

    distance_mm: Positive
    """From the classification line to the gate, along the belt."""
    reach_mm: Positive = 40.0
    """So much belt after the item's centre was at the gate, the gate still moves the item that it was meant for."""
    dead_ms: NotNegative = 0.0
    """From the gate's command to its movement: it is commanded so much earlier."""


class TriggerConfig(Section, frozen=True):
    """[trigger]: the photo-eye of `items = "trigger"`, which sees the front edge of an item."""

    distance_mm: Annotated[float, Meta(ge=-1e6, le=1e6)]
    """From the photo-eye to the classification line, along the belt; negative: it is beyond the line."""
    tolerance_mm: Positive = 40.0
    """What the picture shows within so much belt of what the photo-eye saw is the same item."""
    debounce_mm: Positive = 20.0
    """Triggers within so much belt of the one before are one."""


class RoutingConfig(Section, frozen=True):
    """[routing]: from class to bin."""

    min_confidence: Share = 0.6
    """Least probability of a bin's classes together for an item to go there; below it, it is `unsure`."""
    min_confidence_of: dict[str, Share] = {}
    """The same for items whose most probable class is this one."""
    costs: dict[str, dict[str, NotNegative]] = {}
    """True class -> bin -> what an item of the class costs there, the reject bin included; replaces min_confidence."""
    protect: dict[str, Share] = {}
    """Class -> probability above which an item goes to no bin but the class's own or the reject bin."""
    touching: Literal["reject", "classify"] = "classify"
    """What is done with things that touch: a gate can only send them to one bin together."""
    reject: Name = "reject"
    """The bin of every item that is not decided otherwise."""
    bins: dict[str, Name] = {}
    """Class -> bin; a class that is not named goes to the bin of its own name."""


class VoteConfig(Section, frozen=True):
    """[vote]: how many frames of an item are classified."""

    frames: Annotated[int, Meta(ge=1, le=100)] = 5
    """At most so many, spread over the item's way to the line."""
    lead: Annotated[float, Meta(ge=0.5, lt=1)] = 0.9
    """Fewer, when the leading class would stay ahead if every frame left were so sure of another one."""


class MqttConfig(Section, frozen=True):
    """[mqtt]: the broker."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    """File whose first line is the password."""
    ca_file: str | None = None
    """Turns TLS on and says whom to trust."""
    cert_file: str | None = None
    """This device's own certificate, which is its name at the broker; with `key_file`, and only under TLS."""
    key_file: str | None = None
    keepalive_s: Annotated[int, Meta(ge=2, le=3600)] = 5
    connect_timeout_s: Positive = 5.0


class LedgerConfig(Section, frozen=True):
    """[ledger]: the device's own record of its decisions."""

    path: str
    rows: Annotated[int, Meta(ge=100)] = 100_000
    """The newest that are kept."""


class Config(Section, frozen=True):
    """One line."""

    line: Name
    bundle: str
    """Path, relative to the configuration file."""
    camera: CameraConfig
    belt: BeltConfig
    gates: dict[Name, GateConfig]
    ledger: LedgerConfig
    items: Literal["belt", "frame", "trigger"] = "belt"
    """What an item is: a thing seen riding the belt, each frame of a triggered camera, what a photo-eye announces."""
    engine: EngineConfig = EngineConfig()
    routing: RoutingConfig = RoutingConfig()
    vote: VoteConfig = VoteConfig()
    trigger: TriggerConfig | None = None
    mqtt: MqttConfig = MqttConfig()
    trusted_keys: tuple[str, ...] = ()
    """Files of the public keys one of which must have signed the bundle; none: an unsigned bundle will do."""
    min_version: Annotated[int, Meta(ge=0)] = 0
    """Of the bundle: an older one is refused, also where it is rightly signed."""


def bin_of(config: Config, label: str) -> str:
    """The bin that items of class `label` go to."""
    return config.routing.bins.get(label, label)
