"""The options by which every command that talks to a broker is told where it is and who asks."""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from edge.config import MqttConfig


def broker_of(
    host: Annotated[str, typer.Option(help="Broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 1883,
    username: Annotated[str | None, typer.Option()] = None,
    password_file: Annotated[Path | None, typer.Option(help="File whose first line is the password.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Turns TLS on and says whom to trust.")] = None,
    cert_file: Annotated[Path | None, typer.Option(help="Our own certificate, where the broker asks for one.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its key.")] = None,
) -> MqttConfig:
    """The options as [mqtt] of a line's file."""
    files = {"password_file": password_file, "ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    named = {name: str(path) for name, path in files.items() if path}
    return msgspec.structs.replace(MqttConfig(host=host, port=port, username=username), **named)


def asks_broker(command: Callable[..., None]) -> Callable[..., None]:
    """`command` for typer, with the options of `broker_of` in the place of its parameter `broker`."""
    options = signature(broker_of).parameters

    @wraps(command)
    def told(**given: Any) -> None:
        broker = broker_of(**{name: given.pop(name) for name in options})
        command(**given, broker=broker)

    told.__signature__ = Signature(list(_expanded(command, options.values())))  # type: ignore[attr-defined]
    return told


def _expanded(command: Callable[..., None], options: Iterable[Parameter]) -> Iterator[Parameter]:
    for parameter in signature(command).parameters.values():
        for shown in options if parameter.name == "broker" else [parameter]:
            yield shown.replace(kind=Parameter.KEYWORD_ONLY)
