"""How every command that talks to a broker is told where it is and who asks."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edge.config import MqttConfig

Host = Annotated[str, typer.Option(help="Broker.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Username = Annotated[str | None, typer.Option()]
PasswordFile = Annotated[Path | None, typer.Option(help="File whose first line is the password.")]
CaFile = Annotated[Path | None, typer.Option(help="Turns TLS on and says whom to trust.")]
CertFile = Annotated[Path | None, typer.Option(help="Our own certificate, where the broker asks for one.")]
KeyFile = Annotated[Path | None, typer.Option(help="Its key.")]


def broker_of(
    host: str,
    port: int,
    username: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
) -> MqttConfig:
    """The options as [mqtt] of a line's file."""
    files = {"password_file": password_file, "ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    named = {name: str(path) for name, path in files.items() if path}
    return msgspec.structs.replace(MqttConfig(host=host, port=port, username=username), **named)
