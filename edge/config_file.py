"""Reads a line's file and checks it completely: one clear line for what is wrong, before anything is started."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from edge.belt.geometry import Geometry
from edge.config import Config, GateConfig, bin_of
from edge.config_errors import explain
from edge.decision.timing import LEAST_LEAD_MS
from edge.errors import ConfigError

OLD_DEFAULTS = {"provider": "cpu", "format": "onnx"}
RUNTIMES_OF_OLD = {
    ("cpu", "onnx"): "onnxruntime-cpu",
    ("cuda", "onnx"): "onnxruntime-cuda",
    ("cpu", "tflite"): "tflite",
}


def load_config(path: Path) -> Config:
    """Read and check a line's file; relative paths in it become absolute. Raises ConfigError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: expected a configuration file, found {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected TOML, found {error}") from error
    raw = _with_runtime(path, raw)
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {explain(str(error), raw)}") from error
    _check_agreement(path, config, raw)
    config = _with_absolute_paths(path.parent.resolve(), config)
    _check_keys(path, config)
    return config


def check_routing(path: Path, config: Config, labels: tuple[str, ...]) -> None:
    """Routing names the bundle's classes, every class has a bin, and every bin a gate or a cost. Raises ConfigError."""
    routing = config.routing
    for name in ("bins", "min_confidence_of", "protect", "costs"):
        if strange := sorted(set(getattr(routing, name)) - set(labels)):
            raise ConfigError(f"{path}: routing.{name}: expected classes of the bundle {list(labels)}, found {strange}")
    bins = {bin_of(config, label) for label in labels}
    _check_gates(path, config, bins)
    if routing.costs:
        _check_costs(path, config, labels, bins | {routing.reject})


def _with_runtime(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    """`provider` and `format` of a file of 0.1 as the `runtime` that they meant."""
    engine = raw.get("engine")
    if not isinstance(engine, dict) or not (old := {key: engine[key] for key in OLD_DEFAULTS if key in engine}):
        return raw
    if "runtime" in engine:
        raise ConfigError(f"{path}: engine.{next(iter(old))}: expected this or engine.runtime, found both")
    meant = tuple((OLD_DEFAULTS | old).values())
    if meant not in RUNTIMES_OF_OLD:
        raise ConfigError(f"{path}: engine.{next(iter(old))}: expected engine.runtime instead, found {old}")
    kept = {key: value for key, value in engine.items() if key not in OLD_DEFAULTS}
    return {**raw, "engine": {**kept, "runtime": RUNTIMES_OF_OLD[meant]}}


def _check_gates(path: Path, config: Config, bins: set[str]) -> None:
    """The reject bin may be the end of the belt, which needs no gate; but its gate under another name is a mistake."""
    reject, gates = config.routing.reject, set(config.gates)
    needed = bins | ({reject} if gates - bins else set())
    if missing := sorted(needed - gates):
        raise ConfigError(f"{path}: gates: expected a table for every bin {sorted(bins | {reject})}, missing {missing}")


def _check_costs(path: Path, config: Config, labels: tuple[str, ...], bins: set[str]) -> None:
    for label in labels:
        found = config.routing.costs.get(label)
        if found is None:
            raise ConfigError(
                f"{path}: routing.costs.{label}: expected a cost for every bin {sorted(bins)}, found none"
            )
        if set(found) != bins:
            raise ConfigError(
                f"{path}: routing.costs.{label}: expected a cost for every bin {sorted(bins)}, found {sorted(found)}"
            )


def _check_agreement(path: Path, config: Config, raw: dict[str, Any]) -> None:
    """What each key allows may contradict another one."""
    belt, routing = config.belt, raw.get("routing", {})
    rules = [name for name in ("min_confidence", "min_confidence_of") if name in routing]
    if rules and config.routing.costs:
        raise ConfigError(f"{path}: routing.{rules[0]}: expected this or routing.costs, found both")
    if config.items == "trigger" and config.trigger is None:
        raise ConfigError(f'{path}: trigger: expected a table for items = "trigger", found none')
    if config.items != "trigger" and config.trigger is not None:
        raise ConfigError(f'{path}: items: expected "trigger" where there is a table [trigger], found "{config.items}"')
    if config.engine.cpu_fallback and config.engine.runtime not in ("auto", "onnxruntime-cuda"):
        raise ConfigError(
            f'{path}: engine.cpu_fallback: expected it where engine.runtime is "auto" or "onnxruntime-cuda", '
            f'found "{config.engine.runtime}"'
        )
    if belt.mm_per_pulse is not None and belt.speed_from != "mqtt":
        raise ConfigError(
            f'{path}: belt.speed_from: expected "mqtt" where belt.mm_per_pulse is set, found "{belt.speed_from}"'
        )
    if belt.max_item_mm <= belt.min_item_mm:
        raise ConfigError(
            f"{path}: belt.max_item_mm: expected more than belt.min_item_mm = {belt.min_item_mm:g}, "
            f"found {belt.max_item_mm:g}"
        )
    _check_view(path, config)
    for name, gate in config.gates.items():
        if name != config.routing.reject:
            _check_distance(path, name, gate, belt.speed_mm_s)


def _check_view(path: Path, config: Config) -> None:
    """Where the file says how large the pictures are, now; else with the first frame."""
    roi, camera = config.belt.roi, config.camera
    if roi is not None and (min(roi) < 0 or 0 in roi[2:]):
        raise ConfigError(f"{path}: belt.roi: expected left, top, width, height in pixels, found {list(roi)}")
    asked = (camera.width, camera.height) if camera.width and camera.height else None
    size = asked or (roi and (roi[0] + roi[2], roi[1] + roi[3]))
    try:
        if size:
            Geometry(config.belt, *size)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _check_distance(path: Path, name: str, gate: GateConfig, speed_mm_s: float) -> None:
    least_mm = (LEAST_LEAD_MS + gate.dead_ms) * speed_mm_s / 1000
    if gate.distance_mm < least_mm:
        raise ConfigError(
            f"{path}: gates.{name}.distance_mm: expected at least {least_mm:g}, which the belt travels at "
            f"{speed_mm_s:g} mm/s in the {LEAST_LEAD_MS:g} ms of a command and the {gate.dead_ms:g} ms of dead_ms, "
            f"found {gate.distance_mm:g}"
        )


def _check_keys(path: Path, config: Config) -> None:
    for key in config.trusted_keys:
        if not Path(key).is_file():
            raise ConfigError(f"{path}: trusted_keys: expected files with public keys, found no file {key}")


def _with_absolute_paths(base: Path, config: Config) -> Config:
    files = ("password_file", "ca_file", "cert_file", "key_file")
    mqtt = {name: str(base / value) for name in files if (value := getattr(config.mqtt, name))}
    reference = str(base / config.belt.reference) if config.belt.reference else None
    return msgspec.structs.replace(
        config,
        bundle=str(base / config.bundle),
        trusted_keys=tuple(str(base / key) for key in config.trusted_keys),
        belt=msgspec.structs.replace(config.belt, reference=reference),
        ledger=msgspec.structs.replace(config.ledger, path=str(base / config.ledger.path)),
        mqtt=msgspec.structs.replace(config.mqtt, **mqtt),
    )
