"""Keys and signatures of bundles."""

import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.bundle import open_bundle
from edge.bundle.signature import read_public_key
from edge.errors import BundleError, SortlineError, UsageError
from export.signing import make_keys, public_of, sign_bundle

Command = Callable[..., subprocess.CompletedProcess[str]]
BAD = 78


def test_what_one_key_signs_its_public_half_vouches_for(tmp_path: Path, bundle: Path) -> None:
    """keygen, sign, and a device that trusts the public key: it opens, and names the signer."""
    public = make_keys(tmp_path / "key")

    sign_bundle(bundle, tmp_path / "key")

    opened = open_bundle(bundle, [read_public_key(tmp_path / "key.pub")])
    assert opened.signer == public
    assert public_of(tmp_path / "key").raw == public.raw


def test_the_secret_key_is_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else may read it, from its first byte on; the public one is for everybody."""
    make_keys(tmp_path / "key")

    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("key", "key.pub")}

    assert modes["key"] == 0o600
    assert modes["key.pub"] & 0o444 == 0o444


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_a_key_is_never_replaced(tmp_path: Path, there: str) -> None:
    """A device in the field may trust the one that is there; nothing new is left beside it."""
    (tmp_path / there).write_text("precious")

    with pytest.raises(SortlineError, match="expected no file yet, found one; keys are never replaced"):
        make_keys(tmp_path / "key")

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "precious")]


def test_the_same_bundle_and_key_give_the_same_bytes(tmp_path: Path, bundle: Path) -> None:
    """Signing again changes nothing; the models and all else are as they were."""
    make_keys(tmp_path / "key")
    before = open_bundle(bundle).members

    sign_bundle(bundle, tmp_path / "key")
    once = bundle.read_bytes()
    sign_bundle(bundle, tmp_path / "key")

    members = dict(open_bundle(bundle).members)
    assert bundle.read_bytes() == once
    assert len(members.pop("manifest.sig")) == 64
    assert members == before


def test_another_key_takes_the_place_of_the_first(tmp_path: Path, bundle: Path) -> None:
    """A bundle has one signature: the last."""
    keys = [make_keys(tmp_path / name) for name in ("first", "second")]

    for name in ("first", "second"):
        sign_bundle(bundle, tmp_path / name)

    assert open_bundle(bundle, keys[1:]).signer == keys[1]
    with pytest.raises(BundleError, match="by another key"):
        open_bundle(bundle, keys[:1])


@pytest.mark.parametrize("content", [None, b"", b"nonsense", "public"])
def test_a_file_that_holds_no_secret_key_is_named(tmp_path: Path, bundle: Path, content: bytes | str | None) -> None:
    """Missing, empty, something else, the public key instead: one line, and the bundle stays as it was."""
    make_keys(tmp_path / "key")
    wrong, before = tmp_path / "wrong", bundle.read_bytes()
    if content is not None:
        wrong.write_bytes((tmp_path / "key.pub").read_bytes() if content == "public" else content)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="wrong: expected the secret key that keygen wrote, found"):
        sign_bundle(bundle, wrong)

    assert bundle.read_bytes() == before


def test_a_damaged_bundle_is_not_signed(tmp_path: Path, bundle: Path) -> None:
    """A signature vouches for what holds together."""
    make_keys(tmp_path / "key")
    bundle.write_bytes(bundle.read_bytes()[:-1])

    with pytest.raises(BundleError, match="expected a bundle"):
        sign_bundle(bundle, tmp_path / "key")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is the other implementation")
def test_openssl_agrees(tmp_path: Path, bundle: Path) -> None:
    """Keys and signature are of common forms: another implementation checks them."""
    make_keys(tmp_path / "key")
    sign_bundle(bundle, tmp_path / "key")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path, ["manifest.json", "manifest.sig"])

    words = "openssl pkeyutl -verify -rawin -pubin -inkey key.pub -sigfile manifest.sig -in manifest.json"
    done = subprocess.run(words.split(), cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


def test_the_commands_say_what_they_did(tmp_path: Path, bundle: Path, export_command: Command) -> None:
    """keygen, sign, verify, in a shell: each with one line, and an unsigned bundle is status 78."""
    unsigned = shutil.copy(bundle, tmp_path / "unsigned.bundle")

    made = export_command("keygen", tmp_path / "key")
    signed = export_command("sign", bundle, "--key", tmp_path / "key")
    verified = export_command("verify", bundle, "--key", tmp_path / "key.pub")
    refused = export_command("verify", unsigned, "--key", tmp_path / "key.pub")

    fingerprint = read_public_key(tmp_path / "key.pub").fingerprint
    assert fingerprint in made.stdout
    assert signed.stdout == f"{bundle}: signed by key ({fingerprint[:12]}…)\n"
    assert (verified.returncode, refused.returncode) == (0, BAD)
    assert "found none; sign it with `python -m export sign`" in refused.stderr


@pytest.fixture
def bundle(tmp_path: Path, exported: Path) -> Path:
    """A copy of an unsigned bundle."""
    return Path(shutil.copy(exported, tmp_path / "copy.bundle"))
