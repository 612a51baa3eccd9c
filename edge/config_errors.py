"""Says what is wrong with a value of a line's file the way people write it: key path, expected, found."""

import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from edge.config import Config

ENTRY = "[...]"
"""How msgspec writes any entry of a table with free names."""


def explain(text: str, raw: dict[str, Any]) -> str:
    """Turn msgspec's "Expected `float`, got `str` - at `$.a.b`" into "a.b: expected float, found 'x'"."""
    said, _, where = text.partition(" - at ")
    key = where.removeprefix("`key` in ").strip("`").removeprefix("$").removeprefix(".")
    key = _with_entries_named(key, raw)
    if unknown := re.search(r"unknown field `(.+?)`", said):
        return f"{_join(key, unknown[1])}: expected only known keys, found this one; check its spelling"
    if missing := re.search(r"missing required field `(.+?)`", said):
        return f"{_join(key, missing[1])}: expected a value, found none"
    found = _value_at(raw, key)
    if where.startswith("`key` in "):
        return f"{key}: expected names of letters, digits, '_' and '-', found {list(found)}"
    if said.startswith("Invalid enum value"):
        return f"{key}: expected one of {_choices(Config, key)}, found {found!r}"
    expected = said.removeprefix("Expected ").split(", got")[0].replace("`", "")
    return f"{key}: expected {expected}, found {found!r}"


def _with_entries_named(key: str, raw: dict[str, Any]) -> str:
    """Where msgspec says "gates[...].reach_mm", find out which gate by trying each one alone."""
    named = key
    while ENTRY in named:
        table, _, rest = named.partition(ENTRY)
        path = table.split(".")
        wrong = [name for name in _value_at(raw, table) if _is_refused(key, _with_only(raw, path, name))]
        if not wrong:
            break
        raw, named = _with_only(raw, path, wrong[0]), f"{table}.{wrong[0]}{rest}"
    return named


def _is_refused(key: str, raw: dict[str, Any]) -> bool:
    try:
        msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        return key in str(error)
    return False


def _with_only(raw: dict[str, Any], path: list[str], name: str) -> dict[str, Any]:
    """A copy of `raw` in which the table at `path` has this one entry."""
    if not path:
        return {name: raw[name]}
    return raw | {path[0]: _with_only(raw[path[0]], path[1:], name)}


def _join(*keys: str) -> str:
    return ".".join(filter(None, keys))


def _value_at(raw: Any, key: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", key):
        raw = raw[int(part)] if isinstance(raw, list) else raw[part]
    return raw


def _choices(kind: Any, key: str) -> list[str]:
    for part in key.split("."):
        kind = get_type_hints(kind)[part]
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [word for option in get_args(kind) for word in get_args(option) or [option.__name__]]
