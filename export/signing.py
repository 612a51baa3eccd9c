"""Makes ed25519 keys and signs bundles with them; `edge.bundle.signature` is the other end."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge.bundle.bundle import MANIFEST, SIGNATURE, open_bundle, replace_bundle
from edge.bundle.signature import PublicKey, read_public_key
from edge.errors import SortlineError, UsageError

OWNER_ONLY = 0o600
ALREADY_THERE = "expected no file yet, found one; keys are never replaced, name another"


def make_keys(secret: Path) -> PublicKey:
    """Write the secret key to `secret`, readable by its owner alone, and the public one to SECRET.pub.

    Raises SortlineError when either is there already or cannot be written: a key is never replaced unasked.
    """
    public = secret.with_name(f"{secret.name}.pub")
    key = Ed25519PrivateKey.generate()
    if public.exists():
        raise SortlineError(f"{public}: {ALREADY_THERE}")
    _write_new(secret, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), OWNER_ONLY)
    _write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return read_public_key(public)


def sign_bundle(path: Path, secret: Path) -> bytes:
    """Add manifest.sig to the bundle at `path`, or replace it; all else stays as it is. The signature, 64 bytes.

    Ed25519 draws no random numbers: the same bundle and key give the same bytes. Raises BundleError for a bundle that
    does not hold up, UsageError for a file that holds no such key.
    """
    bundle, key = open_bundle(path), _read_secret(secret)
    signature = key.sign(bundle.members[MANIFEST])
    rest = {name: content for name, content in bundle.members.items() if name != SIGNATURE}
    replace_bundle(path, {**rest, SIGNATURE: signature})
    return signature


def public_of(secret: Path) -> PublicKey:
    """The public key that belongs to the secret one. Raises UsageError."""
    return PublicKey(secret.name, _read_secret(secret).public_key().public_bytes_raw())


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise SortlineError(f"{path}: {ALREADY_THERE}") from error
    except OSError as error:
        raise SortlineError(f"{path}: expected a place to write a key to, found {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _read_secret(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise UsageError(f"{path}: expected the secret key that keygen wrote, found {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: expected the secret key that keygen wrote, found no such key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: expected an ed25519 key, found {type(key).__name__}")
    return key
