import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.wire.messages import BinDecision
from edge.wire.publisher import Publisher
from tests.edge.wire.publishers import STOPPED, connected

Make = Callable[..., BinDecision]


def test_absent_broker_is_named(unused_port: int) -> None:
    """Nobody at the address is an error that names it."""
    publisher = Publisher(MqttConfig(port=unused_port), "l1", "b", on={})

    with pytest.raises(BrokerError, match=rf"127.0.0.1:{unused_port}.*Connection refused"):
        publisher.connect()


def test_silent_server_is_given_up() -> None:
    """Something that takes the connection and never answers is given up after connect_timeout_s."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = MqttConfig(port=server.getsockname()[1], connect_timeout_s=0.3)
        publisher = Publisher(config, "l1", "b", on={})

        with pytest.raises(BrokerError, match=r"no answer within 0.3 s"):
            publisher.connect()


def test_wrong_password_is_named(mosquitto_with: Any, tmp_path: Path) -> None:
    """A broker that refuses the password is an error at the door that says where and why."""
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "users", "edge", "right"], check=True)
    broker = mosquitto_with(f"allow_anonymous false\npassword_file {tmp_path / 'users'}")
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.write_text("guess\n")
    right.write_text("right\nsecond lines are comments\n")

    with (
        pytest.raises(BrokerError, match=rf"127.0.0.1:{broker.port}.*[Nn]ot authorized.*mqtt.password_file"),
        connected(broker, username="edge", password_file=str(wrong)),
    ):
        pass

    with connected(broker, username="edge", password_file=str(right)) as publisher:
        assert publisher.connected


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_unreadable_secret_is_a_configuration_error(key: str, tmp_path: Path) -> None:
    """A file that the configuration names and that is not there is named with its key."""
    config = MqttConfig(**{key: str(tmp_path / "absent")})

    with pytest.raises(ConfigError, match=rf"absent: mqtt.{key}"):
        Publisher(config, "l1", "b", on={})


def test_tls(mosquitto_with: Any, certificate: Path, a_decision: Make) -> None:
    """With ca_file the connection is encrypted and the broker's certificate is checked."""
    key = certificate.with_name("key.pem")
    broker = mosquitto_with(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}")

    with connected(broker, ca_file=str(certificate)) as publisher:
        assert publisher.publish_decision(a_decision())
        publisher.close(STOPPED)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_tls_that_is_not_there_is_named(mosquitto: Any, certificate: Path) -> None:
    """ca_file against a plain broker is an error that says so."""
    with pytest.raises(BrokerError, match=r"only one side speak TLS"), connected(mosquitto, ca_file=str(certificate)):
        pass


def test_missing_tls_is_named(mosquitto_with: Any, certificate: Path) -> None:
    """No ca_file against a broker that wants TLS is an error that says so."""
    broker = mosquitto_with(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {certificate.with_name('key.pem')}")

    with pytest.raises(BrokerError, match=r"'connection lost' .* only one side speak TLS"), connected(broker):
        pass


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_untrusted_certificate_is_named(mosquitto_with: Any, certificate: Path) -> None:
    """A broker with a certificate of somebody else is refused, and the error names ca_file."""
    key = certificate.with_name("key.pem")
    broker = mosquitto_with(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}")
    stranger = certificate.with_name("stranger.pem")
    name = ["-subj", "/CN=stranger", "-keyout", certificate.with_name("other.pem"), "-out", stranger]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", *name], check=True, capture_output=True)

    with pytest.raises(BrokerError, match=r"mqtt.ca_file does not vouch"), connected(broker, ca_file=str(stranger)):
        pass
