"""Who vouches for a bundle: ed25519 over manifest.json, which holds the hash of every other member.

The signature is the 64 bytes alone and the keys are PEM, so that other tools can check it too:
`openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub -sigfile manifest.sig -in manifest.json`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import BundleError, ConfigError

SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class PublicKey:
    """An ed25519 key that may vouch for bundles."""

    name: str
    """Of its file."""
    raw: bytes
    """32 bytes."""

    @property
    def fingerprint(self) -> str:
        """For people: the first half of the sha256 of the raw key."""
        return hashlib.sha256(self.raw).hexdigest()[:32]

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint[:12]}…)"


def read_public_key(path: Path) -> PublicKey:
    """Read a PEM file. Raises ConfigError when it is missing or holds another kind of key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        content = path.read_bytes()
        key = load_pem_public_key(content)
    except OSError as error:
        raise ConfigError(f"{path}: expected an ed25519 public key, found {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        found = "a private key; give the .pub file" if b"PRIVATE KEY" in content else "no PEM of one"
        raise ConfigError(f"{path}: expected an ed25519 public key, found {found}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: expected an ed25519 public key, found another kind, {type(key).__name__}")
    return PublicKey(path.name, key.public_bytes_raw())


def check_signature(manifest: bytes, signature: bytes | None, trusted: Sequence[PublicKey], where: str) -> PublicKey:
    """The trusted key that signed exactly these bytes of manifest.json. Raises BundleError when there is none."""
    wanted = f"{where}: expected a signature by {' or '.join(map(str, trusted))}"
    if signature is None:
        raise BundleError(f"{wanted}, found none; sign it with `python -m export sign`")
    for key in trusted:
        if _signed_by(key, manifest, signature):
            return key
    raise BundleError(f"{wanted}, found one by another key or over another manifest")


def _signed_by(key: PublicKey, manifest: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, manifest)
    except InvalidSignature:
        return False
    return True
