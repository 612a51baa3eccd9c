"""A gate on this machine's own pins, by gpiozero and lgpio."""

from collections.abc import Mapping
from typing import Any

from edge.gate.driver import DriveError, Inputs, inputs_from


class GpioDriver:
    """One output pin, and up to three input pins that switch to ground; the kernel frees the output when we die."""

    def __init__(self, pin: str, inputs: Mapping[str, str], *, active_high: bool, factory: Any = None) -> None:
        """`factory` None: lgpio, and nothing else in its place. Raises DriveError."""
        try:
            from gpiozero import DigitalInputDevice, DigitalOutputDevice
            from gpiozero.pins.lgpio import LGPIOFactory
        except ImportError as error:
            raise DriveError(f"--driver gpio: expected the extra `gate` to be installed, found '{error}'") from error
        try:
            factory = factory or LGPIOFactory()
            self._output = DigitalOutputDevice(pin, active_high=active_high, initial_value=False, pin_factory=factory)
            self._inputs = {
                name: DigitalInputDevice(number, pull_up=True, pin_factory=factory) for name, number in inputs.items()
            }
        except Exception as error:  # lgpio's errors are outside of gpiozero's tree
            raise DriveError(f"--driver gpio:{pin}: expected pins to use, found '{error}'") from error

    def open(self) -> None:
        """Switch the output on."""
        self._output.on()

    def close(self) -> None:
        """Switch the output off."""
        self._output.off()

    def inputs(self) -> Inputs:
        """Read the pins."""
        return inputs_from({name: bool(device.value) for name, device in self._inputs.items()})

    def release(self) -> None:
        """Free the pins."""
        for device in (self._output, *self._inputs.values()):
            device.close()
