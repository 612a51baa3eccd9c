"""Who vouches for a bundle, and what is refused where somebody must."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from edge.bundle.bundle import MANIFEST, SIGNATURE, open_bundle, replace_bundle, write_bundle
from edge.bundle.manifest import encode_manifest
from edge.bundle.signature import read_public_key
from edge.check import probe_all
from edge.config_file import load_config
from edge.daemon import open_trusted
from edge.errors import BundleError, ConfigError

Make = Callable[..., Any]
SPKI = PublicFormat.SubjectPublicKeyInfo


def test_a_bundle_signed_by_a_trusted_key_opens_and_names_it(signed: Path, key_file: Path) -> None:
    """The signer is known afterwards; any one of several trusted keys will do."""
    other = public_file(key_file.with_name("other.pub"), Ed25519PrivateKey.generate())

    bundle = open_bundle(signed, [read_public_key(other), read_public_key(key_file)])

    assert bundle.signer == read_public_key(key_file)


def test_without_keys_a_signature_is_not_asked_for(signed: Path, tiny_bundle: Path) -> None:
    """A device that trusts everybody opens signed and unsigned bundles alike, and claims no signer."""
    opened = [open_bundle(path) for path in (signed, tiny_bundle)]

    assert [bundle.signer for bundle in opened] == [None, None]


def test_an_unsigned_bundle_is_refused_where_a_key_is_trusted(tiny_bundle: Path, key_file: Path) -> None:
    """The line names the keys that would do and how to sign."""
    trusted = [read_public_key(key_file)]

    with pytest.raises(BundleError, match=r"expected a signature by line\.pub \([0-9a-f]{12}…\), found none; sign it"):
        open_bundle(tiny_bundle, trusted)


def test_a_bundle_signed_by_somebody_else_is_refused(signed: Path, key_file: Path) -> None:
    """A sound signature by a key that is not trusted is no better than none."""
    stranger = public_file(key_file.with_name("stranger.pub"), Ed25519PrivateKey.generate())

    with pytest.raises(BundleError, match=r"expected a signature by stranger\.pub .* found one by another key"):
        open_bundle(signed, [read_public_key(stranger)])


def test_a_manifest_that_was_edited_after_signing_is_refused(tmp_path: Path, signed: Path, key_file: Path) -> None:
    """Also where every hash in it fits: the signature is over these bytes and no others."""
    bundle = open_bundle(signed)
    edited = bundle.members[MANIFEST].replace(b'"tiny-1"', b'"tiny-9"')
    path = tmp_path / "edited.bundle"

    replace_bundle(path, {**bundle.members, MANIFEST: edited})

    assert open_bundle(path).manifest.id == "tiny-9"
    with pytest.raises(BundleError, match="over another manifest"):
        open_bundle(path, [read_public_key(key_file)])


def test_a_signature_of_another_length_is_refused(tmp_path: Path, signed: Path) -> None:
    """Where no key is trusted too: nothing rides along in its place."""
    members = {**open_bundle(signed).members, SIGNATURE: b"stowaway"}

    with pytest.raises(BundleError, match=r"manifest\.sig: expected 64 bytes, found 8"):
        replace_bundle(tmp_path / "a.bundle", members)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "no PEM of one"),
        (b"no key", "no PEM of one"),
        ("secret", r"a private key; give the \.pub file"),
        ("elliptic", "another kind, "),
    ],
)
def test_a_file_that_holds_no_such_key_is_named(tmp_path: Path, content: bytes | str | None, said: str) -> None:
    """Missing, empty, the secret key instead, another kind of key: one line each."""
    path = tmp_path / "line.pub"
    made = {
        "secret": Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "elliptic": generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, SPKI),
    }
    if content is not None:
        path.write_bytes(made[content] if isinstance(content, str) else content)

    with pytest.raises(ConfigError, match=rf"line\.pub: expected an ed25519 public key, found {said}"):
        read_public_key(path)


def test_a_line_that_trusts_a_key_takes_its_bundles_alone(
    signed: Path, tiny_bundle: Path, key_file: Path, line_file: Make
) -> None:
    """`trusted_keys` of the line's file is found beside it, and binds the daemon as it binds `check`."""
    text = line_file(signed, "frames").read_text()
    path = key_file.with_name("l1.toml")

    path.write_text(f'trusted_keys = ["line.pub"]\n{text}')
    opened = open_trusted(load_config(path))
    probes = {probe.part: probe for probe in probe_all(path)}
    path.write_text(path.read_text().replace(str(signed), str(tiny_bundle)))

    assert opened.signer is not None
    assert "signed by line.pub" in probes["bundle"].found
    with pytest.raises(BundleError, match="found none; sign it"):
        open_trusted(load_config(path))


def test_a_line_takes_no_older_bundle_than_it_says(signed: Path, line_file: Make) -> None:
    """`min_version` holds for rightly signed bundles, too."""
    path = line_file(signed, "frames")

    path.write_text(f"min_version = 2\n{path.read_text()}")

    with pytest.raises(BundleError, match="expected version 2 or later, found 1"):
        open_trusted(load_config(path))


def test_a_trusted_key_without_a_file_is_an_error_of_the_configuration(signed: Path, line_file: Make) -> None:
    """A line that trusts nobody because of a misspelt path must not trust everybody."""
    path = line_file(signed, "frames")

    path.write_text(f'trusted_keys = ["gone.pub"]\n{path.read_text()}')

    with pytest.raises(ConfigError, match=r"trusted_keys: expected files with public keys, found no file .*gone\.pub"):
        load_config(path)


@pytest.fixture
def secret() -> Ed25519PrivateKey:
    """The key that signs."""
    return Ed25519PrivateKey.generate()


@pytest.fixture
def key_file(tmp_path: Path, secret: Ed25519PrivateKey) -> Path:
    """Its public half, as a device has it."""
    return public_file(tmp_path / "line.pub", secret)


@pytest.fixture
def signed(tmp_path: Path, secret: Ed25519PrivateKey, bundle_parts: Make) -> Path:
    """A signed bundle."""
    manifest, members = bundle_parts()
    path = tmp_path / "signed.bundle"
    write_bundle(path, manifest, {**members, SIGNATURE: secret.sign(encode_manifest(manifest))})
    return path


def public_file(path: Path, secret: Ed25519PrivateKey) -> Path:
    """Write the public half of `secret`."""
    path.write_bytes(secret.public_key().public_bytes(Encoding.PEM, SPKI))
    return path
