"""How a broker lets us in: read from the configuration once, checked at the door."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from edge.config import MqttConfig
from edge.errors import ConfigError


@dataclass(frozen=True)
class Access:
    """Where the broker is and how it lets us in."""

    host: str
    port: int
    keepalive_s: int
    timeout_s: float
    username: str | None
    password: str | None
    tls: ssl.SSLContext | None


def read_access(config: MqttConfig) -> Access:
    """Read the password and the trusted certificates that `config` names. Raises ConfigError."""
    return Access(
        host=config.host,
        port=config.port,
        keepalive_s=config.keepalive_s,
        timeout_s=config.connect_timeout_s,
        username=config.username,
        password=_read_password(config.password_file),
        tls=_trust(config.ca_file),
    )


def _read_password(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: mqtt.password_file: expected a file with the password, found {error}") from error


def _trust(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"{ca_file}: mqtt.ca_file: expected PEM certificates, found {error}") from error
