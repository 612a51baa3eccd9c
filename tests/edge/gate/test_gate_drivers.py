import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from edge.errors import UsageError
from edge.gate.driver import DriveError, Inputs
from edge.gate.drivers import PrintDriver, open_driver
from edge.gate.gpio import GpioDriver
from edge.gate.modbus import ModbusDriver
from edge.wire.messages import Answer, GateReport, Heartbeat, encode

PLC = """
import asyncio, sys
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer

blocks = {kind: ModbusSequentialDataBlock(1, [False] * 20) for kind in ("co", "di")}
sensors, asked = {}, []

def watch(sending, pdu):
    if sending and pdu.function_code == 5:
        print("coil", pdu.address, int(pdu.bits[0]), flush=True)
    if pdu.function_code == 2 and not sending:
        asked.append(pdu.address)
    if pdu.function_code == 2 and sending:
        pdu.bits = [sensors.get(asked.pop(), False)]
    return pdu

async def main():
    plant = ModbusServerContext(devices=ModbusDeviceContext(**blocks), single=True)
    server = ModbusTcpServer(plant, address=("127.0.0.1", int(sys.argv[1])), trace_pdu=watch)
    await server.listen()
    print("listening", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        address, value = map(int, line.split())
        sensors[address] = bool(value)
        print("input", flush=True)

asyncio.run(main())
"""


class Plc:
    """A Modbus TCP server in a process of its own, as pymodbus makes it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PLC, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.says() == "listening"

    def says(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def set_input(self, address: int, value: int) -> None:
        """A sensor there changes."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{address} {value}\n")
        self.process.stdin.flush()
        while self.says() != "input":
            pass

    def end(self) -> None:
        """Switched off."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def plc(unused_port: int) -> Iterator[Plc]:
    """One that listens."""
    plc = Plc(unused_port)
    yield plc
    plc.end()


def test_modbus_gate_moves_its_coil(plc: Plc) -> None:
    """Open sets the coil, close clears it, and no other one."""
    driver = ModbusDriver("127.0.0.1", plc.port, 7, {}, unit=1)

    driver.open()
    driver.close()

    assert [plc.says(), plc.says()] == ["coil 7 1", "coil 7 0"]
    assert driver.inputs() == Inputs()
    driver.release()


def test_modbus_gate_reads_its_sensors(plc: Plc) -> None:
    """Each sensor is read where it was said to be."""
    driver = ModbusDriver("127.0.0.1", plc.port, 7, {"full": 3, "jam": 12, "reset": 4}, unit=1)
    plc.set_input(12, 1)

    jammed = driver.inputs()
    plc.set_input(12, 0)
    plc.set_input(3, 1)

    assert jammed == Inputs(jammed=True)
    assert driver.inputs() == Inputs(full=True)
    driver.release()


def test_modbus_device_that_is_away_is_an_error_and_comes_back(plc: Plc) -> None:
    """Switched off it is named; switched on again it is used without a restart of the gate."""
    driver = ModbusDriver("127.0.0.1", plc.port, 7, {}, unit=1)
    driver.open()

    plc.end()
    with pytest.raises(DriveError, match=f"modbus 127.0.0.1:{plc.port}"):
        driver.close()
    again = Plc(plc.port)
    driver.close()

    assert again.says() == "coil 7 0"
    driver.release()
    again.end()


def test_modbus_coil_that_is_not_there_is_an_error(plc: Plc) -> None:
    """A wrong address is the device's own complaint, not silence."""
    driver = ModbusDriver("127.0.0.1", plc.port, 900, {}, unit=1)

    with pytest.raises(DriveError, match="coil 900: expected it to be there"):
        driver.open()
    driver.release()


def test_gpio_gate_switches_its_pin() -> None:
    """High is open, low is safe, from the first moment on; with active=low it is the other way round."""
    factory = MockFactory()
    high = GpioDriver("17", {}, active_high=True, factory=factory)
    low = GpioDriver("18", {}, active_high=False, factory=factory)
    states = [(factory.pin(17).state, factory.pin(18).state)]

    for driver in (high, low):
        driver.open()
    states.append((factory.pin(17).state, factory.pin(18).state))
    for driver in (high, low):
        driver.close()
    states.append((factory.pin(17).state, factory.pin(18).state))

    assert states == [(False, True), (True, False), (False, True)]
    for driver in (high, low):
        driver.release()


def test_gpio_gate_reads_its_sensors() -> None:
    """A sensor that switches its pin to ground is on."""
    factory = MockFactory()
    driver = GpioDriver("17", {"full": "27", "jam": "22", "reset": "23"}, active_high=True, factory=factory)

    before = driver.inputs()
    factory.pin(22).drive_low()

    assert (before, driver.inputs()) == (Inputs(), Inputs(jammed=True))
    driver.release()


def test_gpio_pin_that_does_not_exist_is_an_error() -> None:
    """The pin is named."""
    with pytest.raises(DriveError, match="--driver gpio:99"):
        GpioDriver("99", {}, active_high=True, factory=MockFactory())


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "hammer",
        "print:3",
        "gpio",
        "gpio:17,active=often",
        "gpio:17,bell=3",
        "modbus:plc",
        "modbus:/3",
        "modbus:h/x",
    ],
)
def test_words_that_name_no_drive_are_a_usage_error(spec: str) -> None:
    """The error says what can be written."""
    with pytest.raises(UsageError, match=r"expected print, gpio:PIN.*modbus:HOST"):
        open_driver(spec)


def test_drive_is_found_by_its_words() -> None:
    """What the documentation shows is understood."""
    modbus = open_driver("modbus:10.0.0.7:1502/3,full=1,reset=2,unit=9")

    assert isinstance(modbus, ModbusDriver)
    assert (modbus._where, modbus._coil, modbus._inputs, modbus._unit) == (
        "modbus 10.0.0.7:1502",
        3,
        {"full": 1, "reset": 2},
        9,
    )
    assert isinstance(open_driver("print"), PrintDriver)


def test_gate_on_a_plc(
    plc: Plc, mosquitto: Any, listener: Any, a_decision: Callable[..., Any], a_gate: Any, tmp_path: Any
) -> None:
    """Decision in, coil set and cleared, answer out; a full bin is reported, retained, and then nothing is taken."""
    options = ("--driver", f"modbus:127.0.0.1:{plc.port}/7,full=3", "--journal", str(tmp_path / "j"), "--hold-ms", "20")
    with a_gate(mosquitto, *options) as process:
        assert plc.says() == "coil 7 0"
        now_ms = a_decision().t_ms
        listener.wait_for(lambda heard: state_of(heard) == "safe")
        listener.say("sortline/l1/heartbeat", encode(Heartbeat(line="l1", boot="boot-1", t_ms=now_ms, state="online")))
        listener.wait_for(lambda heard: state_of(heard) == "ready")

        listener.say("sortline/l1/decision/recyclable", encode(a_decision(valid_ms=10_000.0)))

        assert [plc.says(), plc.says()] == ["coil 7 1", "coil 7 0"]
        answer = listener.wait_for(lambda heard: heard.topic == "sortline/l1/answer")
        assert msgspec.json.decode(answer.payload, type=Answer).outcome == "fired"
        plc.set_input(3, 1)
        listener.wait_for(lambda heard: state_of(heard) == "full")
        process.terminate()
        gone = listener.wait_for(lambda heard: state_of(heard) == "safe")
        assert msgspec.json.decode(gone.payload, type=GateReport).detail == "the gate is away"


def test_what_moves_needs_a_journal(mosquitto: Any, a_gate: Any) -> None:
    """A drive without a journal is refused before it moves."""
    with a_gate(mosquitto, "--driver", "modbus:127.0.0.1:1/7") as process:
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert "--journal: expected a file, found none" in errors


def state_of(heard: Any) -> str:
    """Of a gate's report; empty for other messages."""
    if heard.topic != "sortline/l1/gate/recyclable":
        return ""
    return msgspec.json.decode(heard.payload, type=GateReport).state
