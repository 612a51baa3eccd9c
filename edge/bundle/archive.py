"""The zip of a bundle, to the byte: what is written has one form, and nothing of any other form is read.

A zip says most things twice, locally and in its directory, and has room for comments, extra fields, links, dates and
bytes between members, in which two readers can see two different bundles. So the reader takes exactly what the writer
would write for the same members. The form is fixed here and not by Python's zipfile, whose details may change with
Python; every zip tool reads it.
"""

import os
import stat
import struct
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import BinaryIO

from edge.errors import BundleError

MAX_MEMBER_BYTES = 512 * 2**20
"""Several times a float32 ResNet50; more is a mistake or an attack."""

LOCAL = struct.Struct("<4s5H3L2H")
"""Signature, version, flags, method, time, date, crc, size packed, size, length of name, of extra field."""
CENTRAL = struct.Struct("<4s6H3L5H2L")
"""Signature, made by, version, flags, …, lengths of name, extra, comment, disk, two attributes, offset of LOCAL."""
END = struct.Struct("<4s4H2LH")
"""Signature, disks, members here and in all, size and offset of the directory, length of the comment."""
LOCAL_SIGN, CENTRAL_SIGN, END_SIGN = b"PK\3\4", b"PK\1\2", b"PK\5\6"
VERSION, UNIX, STORED = 20, 3 << 8, 0
MIDNIGHT, FIRST_DAY = 0, 33
"""1 January 1980, the earliest date that a zip can hold: the same content gives the same bytes."""
PLAIN_FILE = (stat.S_IFREG | 0o644) << 16


def write_archive(file: BinaryIO, members: Mapping[str, bytes]) -> None:
    """Write `members` in their order, stored."""
    directory = b""
    for name, content in members.items():
        crc = zlib.crc32(content)
        directory += _central(name, crc, len(content), file.tell())
        file.write(_local(name, crc, len(content)))
        file.write(content)
    file.write(_tail(directory, file.tell(), len(members)))


def read_archive(path: Path, allowed: Collection[str]) -> dict[str, bytes]:
    """Read all members, each at most once and one of `allowed`, in their order.

    Raises BundleError with the first difference from what `write_archive` would have written, OSError as open does.
    """
    members: dict[str, bytes] = {}
    directory = b""
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size
        while (head := file.read(LOCAL.size)).startswith(LOCAL_SIGN) and len(head) == LOCAL.size:
            offset = file.tell() - LOCAL.size
            name, content = _read_member(path, file, head, whole, set(allowed) - set(members))
            members[name] = content
            directory += _central(name, zlib.crc32(content), len(content), offset)
        start = file.tell() - len(head)
        expected = _tail(directory, start, len(members))
        _check_tail(path, members, expected, head + file.read(len(expected)))
    return members


def _read_member(path: Path, file: BinaryIO, head: bytes, whole: int, wanted: Collection[str]) -> tuple[str, bytes]:
    """Name and content; no byte of the content is read before the header is known to be ours."""
    _, _, _, method, _, _, crc, _, size, name_length, _ = LOCAL.unpack(head)
    raw = file.read(name_length)
    name = raw.decode("ascii", "backslashreplace")
    if name not in wanted:
        raise BundleError(f"{path}: expected members {sorted(wanted)} once each, found {name[:80]!r}")
    where = f"{path}: {name}"
    if method != STORED:
        raise BundleError(f"{where}: expected a stored member, found a compressed one")
    if size > MAX_MEMBER_BYTES:
        raise BundleError(f"{where}: expected at most {MAX_MEMBER_BYTES} bytes, found {size}")
    if head + raw != _local(name, crc, size):
        raise BundleError(f"{where}: expected the header of a plain stored file as sortline writes it, found another")
    if size > whole - file.tell():
        raise BundleError(f"{where}: expected a bundle with {size} bytes of it, found the file's end; copy it again")
    content = file.read(size)
    if (found := zlib.crc32(content)) != crc:
        raise BundleError(f"{where}: expected CRC-32 {crc:08x}, found {found:08x}; copy it again")
    return name, content


def _check_tail(path: Path, members: Mapping[str, bytes], expected: bytes, found: bytes) -> None:
    if not members:
        raise BundleError(f"{path}: expected a bundle (a stored zip), found {found[:8]!r}")
    if len(found) < len(expected) and expected.startswith(found):
        raise BundleError(f"{path}: expected a bundle (a stored zip), found its first part; copy it again")
    if found != expected:
        raise BundleError(
            f"{path}: expected a plain file for each of {list(members)} and nothing else, "
            "found another directory: a link, an attribute, a comment, a second name"
        )


def _local(name: str, crc: int, size: int) -> bytes:
    form = (VERSION, 0, STORED, MIDNIGHT, FIRST_DAY)
    return LOCAL.pack(LOCAL_SIGN, *form, crc, size, size, len(name), 0) + name.encode()


def _central(name: str, crc: int, size: int, offset: int) -> bytes:
    form = (UNIX | VERSION, VERSION, 0, STORED, MIDNIGHT, FIRST_DAY)
    return CENTRAL.pack(CENTRAL_SIGN, *form, crc, size, size, len(name), 0, 0, 0, 0, PLAIN_FILE, offset) + name.encode()


def _tail(directory: bytes, start: int, count: int) -> bytes:
    return directory + END.pack(END_SIGN, 0, 0, count, count, len(directory), start, 0)
