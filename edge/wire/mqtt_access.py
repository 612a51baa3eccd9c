"""How a broker lets us in: read from the configuration once, checked at the door."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from edge.config import MqttConfig
from edge.errors import ConfigError

ONE_SIDED_TLS = "before any answer; does only one side speak TLS (mqtt.ca_file)?"
REFUSED_TLS = "instead of an answer; does the broker want another certificate of ours (mqtt.cert_file, mqtt.key_file)?"
"""TLS 1.3 lets us in first and looks at our certificate afterwards; the broker then just hangs up."""


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
        tls=_tls(config),
    )


def _read_password(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: mqtt.password_file: expected a file with the password, found {error}") from error


def _tls(config: MqttConfig) -> ssl.SSLContext | None:
    own = [name for name in ("cert_file", "key_file") if getattr(config, name)]
    if config.ca_file is None:
        if own:
            raise ConfigError(f"mqtt.{own[0]}: expected mqtt.ca_file beside it, found none; without it there is no TLS")
        return None
    context = _trust(config.ca_file)
    if len(own) == 1:
        raise ConfigError(f"mqtt.{own[0]}: expected both mqtt.cert_file and mqtt.key_file, found only this one")
    if config.cert_file and config.key_file:
        _identify(context, config.cert_file, config.key_file)
    return context


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"{ca_file}: mqtt.ca_file: expected PEM certificates, found {error}") from error


def _identify(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    try:
        context.load_cert_chain(cert_file, key_file, password="")  # an encrypted key is an error, not a prompt
    except OSError as error:
        raise ConfigError(
            f"{cert_file}, {key_file}: mqtt.cert_file, mqtt.key_file: expected a PEM certificate and its key, "
            f"found {error}"
        ) from error


def explain(error: OSError) -> str:
    """Why a connection could not be opened, and what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"found a certificate that mqtt.ca_file does not vouch for ({error.verify_message})"
    if isinstance(error, ssl.SSLError) and "ALERT" in error.reason:
        return f"found our certificate refused ({error.reason}); check mqtt.cert_file and mqtt.key_file"
    if isinstance(error, ssl.SSLError):
        return f"found no TLS there ({error.reason})"
    if isinstance(error, ConnectionResetError):
        return f"found '{error.strerror}' {ONE_SIDED_TLS}"
    if isinstance(error, TimeoutError):
        return "found no answer; check mqtt.host and mqtt.port"
    return f"found '{error.strerror or error}'; is the broker running, are mqtt.host and mqtt.port right?"
