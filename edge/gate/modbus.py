"""A gate on a Modbus TCP device, such as a PLC or a remote I/O block, by pymodbus."""

from collections.abc import Mapping
from typing import Any

from edge.gate.driver import DriveError, Inputs, inputs_from

TIMEOUT_S = 0.3
"""A device on the same switch answers within some ms."""


class ModbusDriver:
    """One coil and up to three discrete inputs.

    The coil stays as it is when this process dies: set the device's own communication watchdog to clear it.
    """

    def __init__(self, host: str, port: int, coil: int, inputs: Mapping[str, int], *, unit: int) -> None:
        """Connects at the first use, and again whenever the device was away. Raises DriveError without pymodbus."""
        try:
            from pymodbus import ModbusException
            from pymodbus.client import ModbusTcpClient
        except ImportError as error:
            raise DriveError(f"--driver modbus: expected the extra `gate` to be installed, found '{error}'") from error
        self._where = f"modbus {host}:{port}"
        self._refusal = ModbusException
        self._client: Any = ModbusTcpClient(host, port=port, timeout=TIMEOUT_S, retries=0)
        self._coil, self._inputs, self._unit = coil, dict(inputs), unit

    def open(self) -> None:
        """Set the coil."""
        self._write(value=True)

    def close(self) -> None:
        """Clear the coil."""
        self._write(value=False)

    def inputs(self) -> Inputs:
        """Read the discrete inputs, one by one: they need not lie side by side."""
        return inputs_from({name: self._read(address) for name, address in self._inputs.items()})

    def release(self) -> None:
        """Disconnect."""
        self._client.close()

    def _write(self, *, value: bool) -> None:
        self._ask(f"coil {self._coil}", self._client.write_coil, self._coil, value)

    def _read(self, address: int) -> bool:
        return bool(self._ask(f"input {address}", self._client.read_discrete_inputs, address).bits[0])

    def _ask(self, what: str, call: Any, *values: Any) -> Any:
        try:
            if not self._client.connected and not self._client.connect():
                raise DriveError(f"{self._where}: expected a Modbus TCP device, found nobody")
            result = call(*values, device_id=self._unit)
        except (self._refusal, OSError) as error:
            self._client.close()
            raise DriveError(f"{self._where}: {what}: expected an answer, found '{error}'") from error
        if result.isError():
            raise DriveError(f"{self._where}: {what}: expected it to be there, found '{result}'")
        return result
