"""Which drive `--driver` names."""

from pathlib import Path

from edge.errors import UsageError
from edge.gate.driver import Driver, Inputs
from edge.gate.gpio import GpioDriver
from edge.gate.modbus import ModbusDriver

GRAMMAR = (
    "print, gpio:PIN[,full=PIN][,jam=PIN][,reset=PIN][,active=low] or "
    "modbus:HOST[:PORT]/COIL[,full=INPUT][,jam=INPUT][,reset=INPUT][,unit=1]"
)
INPUTS = {"full", "jam", "reset"}
MOVING = {"gpio", "modbus"}
MODBUS_PORT = 502


class PrintDriver:
    """Moves nothing: the service's own words are its movements."""

    def open(self) -> None:
        """Nothing to move."""

    def close(self) -> None:
        """Nothing to move."""

    def inputs(self) -> Inputs:
        """No sensors."""
        return Inputs()

    def release(self) -> None:
        """Nothing to leave."""


def open_driver(spec: str) -> Driver:
    """The drive that `--driver` names. Raises UsageError for words that name none, DriveError when it isn't there."""
    kind, _, rest = spec.partition(":")
    target, *pairs = rest.split(",")
    options = dict(pair.partition("=")[::2] for pair in pairs)
    try:
        if kind == "print" and not rest:
            return PrintDriver()
        if kind == "gpio" and target:
            return _gpio(target, options)
        if kind == "modbus" and target:
            return _modbus(target, options)
    except ValueError as error:
        raise UsageError(f"--driver: expected {GRAMMAR}, found '{spec}' ({error})") from error
    raise UsageError(f"--driver: expected {GRAMMAR}, found '{spec}'")


def require_journal(spec: str, journal: Path | None) -> None:
    """Raises UsageError: what really moves would not know after a crash what it had done."""
    if spec.partition(":")[0] in MOVING and journal is None:
        raise UsageError(f"--journal: expected a file, found none; --driver {spec} moves things")


def _gpio(pin: str, options: dict[str, str]) -> Driver:
    active = options.pop("active", "high")
    if active not in ("high", "low"):
        raise ValueError(f"active={active}")
    return GpioDriver(pin, _sensors(options), active_high=active == "high")


def _modbus(target: str, options: dict[str, str]) -> Driver:
    address, _, coil = target.rpartition("/")
    host, _, port = address.partition(":")
    if not host:
        raise ValueError("no host")
    unit = int(options.pop("unit", "1"))
    inputs = {name: int(value) for name, value in _sensors(options).items()}
    return ModbusDriver(host, int(port or MODBUS_PORT), int(coil), inputs, unit=unit)


def _sensors(options: dict[str, str]) -> dict[str, str]:
    if unknown := set(options) - INPUTS:
        raise ValueError(f"nobody knows '{unknown.pop()}'")
    return options
