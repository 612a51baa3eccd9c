"""One line's TOML file: what may be set, what it is by default, and one clear line for what is wrong with it."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from edge.errors import ConfigError

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Part of an MQTT topic: no separator, no wildcard."""
Positive = Annotated[float, Meta(gt=0, le=1e9)]
"""TOML knows `inf`."""
Share = Annotated[float, Meta(ge=0, le=1)]
Direction = Literal["right", "left", "down", "up"]


ENTRY = "[...]"
"""How msgspec writes any entry of a table with free names."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; unknown keys are errors."""


class CameraConfig(Section, frozen=True):
    """[camera]: where frames come from."""

    source: str
    """/dev/video0, rtsp://…, http://…, a video file, a folder of pictures, or frames:PATH of another process."""
    fps: Positive = 30.0
    """Asked of a device; the pace at which files are played."""
    width: Annotated[int, Meta(ge=64)] | None = None
    height: Annotated[int, Meta(ge=64)] | None = None
    loop: bool = False
    """Play a file or folder again from its start."""
    stall_s: Positive = 2.0
    """No frame for this long: the camera process is killed and started again."""


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


class EngineConfig(Section, frozen=True):
    """[engine]: what computes."""

    provider: Literal["cpu", "cuda"] = "cpu"
    format: Literal["onnx", "tflite"] = "onnx"
    precision: Literal["int8", "dynamic", "fp16", "fp32"] = "int8"
    threads: Annotated[int, Meta(ge=1)] = 1


class GateConfig(Section, frozen=True):
    """[gates.<bin>]: where a bin's gate is."""

    distance_mm: Positive
    """From the classification line to the gate, along the belt."""
    reach_ms: Positive = 100.0
    """How much later than planned the gate still moves the item that it was meant for."""


class RoutingConfig(Section, frozen=True):
    """[routing]: from class to bin."""

    min_confidence: Share = 0.6
    reject: Name = "reject"
    """The bin of every item that is not decided otherwise."""
    bins: dict[str, Name] = {}
    """Class -> bin; a class that is not named goes to the bin of its own name."""


class MqttConfig(Section, frozen=True):
    """[mqtt]: the broker."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    """File whose first line is the password."""
    ca_file: str | None = None
    """Turns TLS on and says whom to trust."""
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
    engine: EngineConfig = EngineConfig()
    routing: RoutingConfig = RoutingConfig()
    mqtt: MqttConfig = MqttConfig()
    trusted_keys: tuple[str, ...] = ()
    """Files of the public keys one of which must have signed the bundle; none: an unsigned bundle will do."""
    min_version: Annotated[int, Meta(ge=0)] = 0
    """Of the bundle: an older one is refused, also where it is rightly signed."""


def load_config(path: Path) -> Config:
    """Read and check a line's file; relative paths in it become absolute. Raises ConfigError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: expected a configuration file, found {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected TOML, found {error}") from error
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(str(error), raw)}") from error
    _check_geometry(path, config)
    config = _with_absolute_paths(path.parent.resolve(), config)
    _check_keys(path, config)
    return config


def bin_of(config: Config, label: str) -> str:
    """The bin that items of class `label` go to."""
    return config.routing.bins.get(label, label)


def check_routing(path: Path, config: Config, labels: tuple[str, ...]) -> None:
    """Every class of the bundle has a bin, and every bin a gate. Raises ConfigError."""
    if strange := sorted(set(config.routing.bins) - set(labels)):
        raise ConfigError(f"{path}: routing.bins: expected classes of the bundle {list(labels)}, found {strange}")
    wanted = {bin_of(config, label) for label in labels} | {config.routing.reject}
    if missing := sorted(wanted - set(config.gates)):
        raise ConfigError(f"{path}: gates: expected a table for every bin {sorted(wanted)}, missing {missing}")


def _explain(text: str, raw: dict[str, Any]) -> str:
    """Turn msgspec's "Expected `float`, got `str` - at `$.a.b`" into "a.b: expected float, found 'x'"."""
    said, _, where = text.partition(" - at ")
    key = where.removeprefix("`key` in ").strip("`").removeprefix("$").removeprefix(".")
    key = _with_entry_named(key, raw)
    if unknown := re.search(r"unknown field `(.+?)`", said):
        return f"{_join(key, unknown[1])}: expected only known keys, found this one; check its spelling"
    if missing := re.search(r"missing required field `(.+?)`", said):
        return f"{_join(key, missing[1])}: expected a value, found none"
    found = _value_at(raw, key)
    if where.startswith("`key` in "):
        return f"{key}: expected names of letters, digits, '_' and '-', found {list(found)}"
    if said.startswith("Invalid enum value"):
        return f"{key}: expected one of {_choices(Config, key)}, found {found!r}"
    expected = said.removeprefix("Expected ").split(", got")[0].replace("`", "")
    return f"{key}: expected {expected}, found {found!r}"


def _with_entry_named(key: str, raw: dict[str, Any]) -> str:
    """Where msgspec says "gates[...].reach_ms", find out which gate by trying each one alone."""
    table, unnamed, rest = key.partition(ENTRY)
    for name in _value_at(raw, table) if unnamed else ():
        try:
            msgspec.convert(_with_only(raw, table.split("."), name), Config)
        except msgspec.ValidationError as error:
            if f"{table}{ENTRY}{rest}" in str(error):
                return f"{table}.{name}{rest}"
    return key


def _with_only(raw: dict[str, Any], path: list[str], name: str) -> dict[str, Any]:
    """A copy of `raw` in which the table at `path` has this one entry."""
    if not path:
        return {name: raw[name]}
    return raw | {path[0]: _with_only(raw[path[0]], path[1:], name)}


def _join(*keys: str) -> str:
    return ".".join(filter(None, keys))


def _value_at(raw: Any, key: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", key):
        raw = raw[int(part)] if isinstance(raw, list) else raw[part]
    return raw


def _choices(kind: Any, key: str) -> list[str]:
    for part in key.split("."):
        kind = get_type_hints(kind)[part]
    return list(get_args(kind))


def _check_geometry(path: Path, config: Config) -> None:
    if (roi := config.belt.roi) is not None and (min(roi) < 0 or 0 in roi[2:]):
        raise ConfigError(f"{path}: belt.roi: expected left, top, width, height in pixels, found {list(roi)}")


def _check_keys(path: Path, config: Config) -> None:
    for key in config.trusted_keys:
        if not Path(key).is_file():
            raise ConfigError(f"{path}: trusted_keys: expected files with public keys, found no file {key}")


def _with_absolute_paths(base: Path, config: Config) -> Config:
    mqtt = {name: str(base / value) for name in ("password_file", "ca_file") if (value := getattr(config.mqtt, name))}
    return msgspec.structs.replace(
        config,
        bundle=str(base / config.bundle),
        trusted_keys=tuple(str(base / key) for key in config.trusted_keys),
        ledger=msgspec.structs.replace(config.ledger, path=str(base / config.ledger.path)),
        mqtt=msgspec.structs.replace(config.mqtt, **mqtt),
    )
