import pytest
from typer import Typer
from typer.testing import CliRunner

from edge.config import MqttConfig
from edge.wire.broker_options import asks_broker


def told(*arguments: str) -> MqttConfig:
    """What a command that asks a broker is given for these arguments."""
    app, given = Typer(), []

    @app.command()
    @asks_broker
    def ask(*, line: str, broker: MqttConfig) -> None:
        given.append((line, broker))

    done = CliRunner().invoke(app, ["l1", *arguments], catch_exceptions=False)

    assert done.exit_code == 0, done.output
    [(line, broker)] = given
    assert line == "l1"
    return broker


def test_without_options_it_is_the_broker_of_this_machine() -> None:
    """As [mqtt] without keys."""
    assert told() == MqttConfig()


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("--host", "host", "broker.plant"),
        ("--port", "port", 8883),
        ("--username", "username", "panel"),
        ("--password-file", "password_file", "password"),
        ("--ca-file", "ca_file", "ca.pem"),
        ("--cert-file", "cert_file", "own.pem"),
        ("--key-file", "key_file", "own.key"),
    ],
)
def test_each_option_is_a_key_of_mqtt(option: str, field: str, value: object) -> None:
    """The option alone, all else as without it."""
    broker = told(option, str(value))

    changed = {name: getattr(broker, name) for name in broker.__struct_fields__ if name != field}
    assert getattr(broker, field) == value
    assert changed == {name: getattr(MqttConfig(), name) for name in changed}


def test_the_commands_own_options_stay() -> None:
    """The help names them beside the broker's, and nothing called broker."""
    from edge.__main__ import app

    for command, own in (("gate", "--hold-ms"), ("gate-test", "--tolerance"), ("command", "--wait")):
        shown = CliRunner().invoke(app, [command, "--help"]).output

        assert own in shown
        assert "--key-file" in shown
        assert "--broker" not in shown
