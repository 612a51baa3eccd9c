import contextlib
import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from onnx.external_data_helper import set_external_data

from edge.bundle.bundle import Bundle, encode_golden, open_bundle, sha256, write_bundle
from edge.bundle.manifest import Variant
from edge.errors import BundleError, SortlineError

MODEL, GOLDEN, PARITY, MANIFEST = "model-int8.onnx", "golden.npz", "parity.json", "manifest.json"
MEMBERS = (MODEL, GOLDEN, PARITY, MANIFEST)
Make = Callable[..., Any]


def test_what_was_written_is_read(tmp_path: Path, bundle_parts: Make) -> None:
    """A bundle gives back the manifest, every member and the golden arrays that went into it."""
    manifest, members = bundle_parts()
    path = tmp_path / "a.bundle"

    write_bundle(path, manifest, members)
    bundle = open_bundle(path)

    assert bundle.manifest == manifest
    assert {name: bundle.members[name] for name in members} == members
    golden = bundle.golden(bundle.variant("int8"))
    assert golden.inputs.shape == (16, 32, 32, 3)
    assert golden.expected.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, bundle_parts: Make) -> None:
    """Two exports of the same content are the same file."""
    first, second = tmp_path / "a.bundle", tmp_path / "b.bundle"

    write_bundle(first, *bundle_parts())
    write_bundle(second, *bundle_parts())

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("member", MEMBERS)
def test_a_flipped_byte_is_refused_by_the_name_of_its_member(tmp_path: Path, tiny_bundle: Path, member: str) -> None:
    """One changed byte in the middle of any member, and the bundle is refused by that member's name."""
    damaged = bytearray(tiny_bundle.read_bytes())
    with zipfile.ZipFile(tiny_bundle) as archive:
        info, content = archive.getinfo(member), archive.read(member)
    damaged[damaged.index(content, info.header_offset) + len(content) // 2] ^= 0xFF

    path = write(tmp_path, bytes(damaged))

    with pytest.raises(BundleError, match=member):
        open_bundle(path)


@pytest.mark.parametrize("member", [MODEL, GOLDEN, PARITY])
def test_a_replaced_member_is_refused_with_both_hashes(tmp_path: Path, tiny_bundle: Path, member: str) -> None:
    """A member with other content in a sound zip does not have the hash that the manifest gives."""
    other = b"quite other content"
    members = read(tiny_bundle)

    path = pack(tmp_path, members | {member: other})

    with pytest.raises(BundleError, match=f"{member}: sha256 is {sha256(other)[:12]}…, manifest says"):
        open_bundle(path)


def test_members_that_changed_places_are_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    """The contents of two members, exchanged, have each other's hash."""
    members = read(tiny_bundle)
    members[MODEL], members[PARITY] = members[PARITY], members[MODEL]

    path = pack(tmp_path, members)

    with pytest.raises(BundleError, match="sha256 is"):
        open_bundle(path)


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_bundle_is_refused(tmp_path: Path, tiny_bundle: Path, share: float) -> None:
    """A download that ended early is no bundle, wherever it ended."""
    whole = tiny_bundle.read_bytes()

    path = write(tmp_path, whole[: int(len(whole) * share)])

    with pytest.raises(BundleError, match=r"expected (a bundle|members)"):  # golden.npz is a zip, too
        open_bundle(path)


@pytest.mark.parametrize("name", ["photo.jpg", "../../etc/passwd", "/model-int8.onnx", "model-fp32.onnx", "extra/"])
def test_a_member_that_the_manifest_does_not_name_is_refused(tmp_path: Path, tiny_bundle: Path, name: str) -> None:
    """Nothing rides along: also not under the name of a variant that is not in the manifest."""
    members = read(tiny_bundle)

    path = pack(tmp_path, members | {name: b"stowaway"})

    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        open_bundle(path)


@pytest.mark.parametrize("missing", MEMBERS)
def test_a_missing_member_is_refused(tmp_path: Path, tiny_bundle: Path, missing: str) -> None:
    """Every member is needed."""
    members = read(tiny_bundle)
    del members[missing]

    path = pack(tmp_path, members)

    with pytest.raises(BundleError, match=r"expected .*members"):
        open_bundle(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    """Of two members of one name a reader could check the one and use the other."""
    path = pack(tmp_path, read(tiny_bundle))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MODEL, b"second")

    with pytest.raises(BundleError, match="once each"):
        open_bundle(path)


def test_a_compressed_member_is_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    """Members are stored: a compressed one could unfold into any size."""
    path = pack(tmp_path, read(tiny_bundle), compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(BundleError, match="expected a stored member, found a compressed one"):
        open_bundle(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
def test_a_member_that_is_no_plain_file_is_refused(tmp_path: Path, tiny_bundle: Path, kind: int) -> None:
    """No links, no folders: a tool that unpacks a bundle follows nothing out of it."""
    path = pack(tmp_path, read(tiny_bundle), kind=kind)

    with pytest.raises(BundleError, match="expected a plain file"):
        open_bundle(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "expected format 1, found 2; update sortline"),
        ({"labels": ("one",)}, "expected two labels and a variant"),
        ({"labels": ("a", "a", "a", "a")}, "expected two labels and a variant"),
        ({"variants": ()}, "expected two labels and a variant"),
        ({"expected": np.zeros((16, 3), np.float32)}, r"golden\.npz: expected 16 or more"),
        ({"golden": encode_golden(np.zeros((3, 32, 32, 3), np.uint8), {MODEL: np.zeros((3, 4), np.float32)})}, "16"),
        ({"golden": encode_golden(np.zeros((16, 8, 8, 3), np.uint8), {MODEL: np.zeros((16, 4), np.float32)})}, "32"),
        (
            {"golden": encode_golden(np.zeros((16, 32, 32, 3), np.float32), {MODEL: np.zeros((16, 4), np.float32)})},
            "32",
        ),
        ({"golden": encode_golden(np.zeros((16, 32, 32, 3), np.uint8), {MODEL: np.zeros((9, 4), np.float32)})}, "16"),
        ({"golden": encode_golden(np.zeros((16, 32, 32, 3), np.uint8), {})}, MODEL),
        ({"golden": encode_golden(np.zeros((), np.uint8), {MODEL: np.zeros((16, 4), np.float32)})}, "golden"),
        ({"golden": b"no arrays"}, r"golden\.npz: expected arrays"),
        ({"golden": b" "}, r"golden\.npz: expected arrays"),
    ],
)
def test_a_bundle_that_contradicts_itself_is_neither_read_nor_written(
    tmp_path: Path, bundle_parts: Make, changes: dict[str, Any], said: str
) -> None:
    """Hashes that fit are not enough: format, labels and the golden arrays must fit each other."""
    manifest, members = bundle_parts(**changes)
    path = tmp_path / "a.bundle"

    with pytest.raises(BundleError, match=said):
        write_bundle(path, manifest, members)

    assert list(tmp_path.iterdir()) == []


def test_a_single_array_in_the_place_of_the_golden_ones_is_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """golden.npz must hold named arrays."""
    alone = io.BytesIO()
    np.save(alone, np.zeros(3))

    parts = bundle_parts(golden=alone.getvalue())

    with pytest.raises(BundleError, match="golden"):
        write_bundle(tmp_path / "a.bundle", *parts)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"{", "truncated"),
        (b'{"format": 1}', "missing required field"),
        (b'{"surprise": 1}', "unknown field `surprise`"),
    ],
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, tiny_bundle: Path, manifest: bytes, said: str) -> None:
    """A manifest that is not ours is refused with the place of the difference."""
    path = pack(tmp_path, read(tiny_bundle) | {MANIFEST: manifest})

    with pytest.raises(BundleError, match=f"manifest.json: .*{said}"):
        open_bundle(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no zip is no bundle."""
    path = write(tmp_path, content)

    with pytest.raises(BundleError, match="expected a bundle"):
        open_bundle(path)


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    """A path without a file, and a folder, say so."""
    with pytest.raises(BundleError, match="No such file"):
        open_bundle(tmp_path / "none.bundle")
    with pytest.raises(BundleError, match="directory"):
        open_bundle(tmp_path)


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_anywhere_is_refused(tmp_path: Path, tiny_bundle: Path, data: st.DataObject) -> None:
    """Any changed byte gives a BundleError, also where no reader looks: a date, an attribute, a length."""
    whole = bytearray(tiny_bundle.read_bytes())
    heads = st.integers(0, 120) | st.integers(len(whole) - 500, len(whole) - 1)
    for at in data.draw(st.lists(heads, min_size=1, max_size=3)):
        whole[at] = data.draw(st.integers(0, 255))

    opened = try_to_open(write(tmp_path, bytes(whole)))

    assert opened is None or bytes(whole) == tiny_bundle.read_bytes()


def test_every_zip_tool_reads_a_bundle(tmp_path: Path, bundle_parts: Make) -> None:
    """The fixed form is a zip as others write it: Python's zipfile finds the members, sound, as plain files."""
    path = tmp_path / "a.bundle"

    write_bundle(path, *bundle_parts())

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [MANIFEST, MODEL, GOLDEN, PARITY]
        assert {stat.S_IFMT(info.external_attr >> 16) for info in archive.infolist()} == {stat.S_IFREG}


@pytest.mark.parametrize("more", [b"\0", b"trailing", b"PK\5\6"])
def test_bytes_after_the_end_are_refused(tmp_path: Path, tiny_bundle: Path, more: bytes) -> None:
    """A second archive could hide there from one reader and be found by another."""
    path = write(tmp_path, tiny_bundle.read_bytes() + more)

    with pytest.raises(BundleError, match="and nothing else"):
        open_bundle(path)


def test_members_in_another_order_are_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    """One bundle has one form."""
    members = read(tiny_bundle)

    path = pack(tmp_path, dict(reversed(members.items())))

    with pytest.raises(BundleError, match="of the manifest, found"):
        open_bundle(path)


def test_a_model_whose_weights_lie_elsewhere_is_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """No runtime gets to see a model that would read another file."""
    (tmp_path / "weights.bin").write_bytes(bytes(12288 * 4 * 4))
    model = onnx.load_from_string(bundle_parts()[1][MODEL])
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")

    parts = bundle_parts(model=model.SerializeToString())

    with pytest.raises(
        BundleError, match=r"model-int8\.onnx: expected all weights inside of the model, found external"
    ):
        write_bundle(tmp_path / "a.bundle", *parts)


def test_an_array_that_would_unfold_without_end_is_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """golden.npz is compressed: what it says that it unfolds to is checked before anything unfolds."""
    golden = bytearray(bundle_parts()[1][GOLDEN])
    at = golden.index(b"PK\1\2") + 24
    golden[at : at + 4] = (2**31).to_bytes(4, "little")

    parts = bundle_parts(golden=bytes(golden))

    with pytest.raises(BundleError, match=r"golden\.npz: expected at most \d+ bytes of arrays, found"):
        write_bundle(tmp_path / "a.bundle", *parts)


def test_a_model_under_another_name_than_it_is_is_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """What is asked for by precision and format is what the file's name says."""
    manifest, members = bundle_parts()
    renamed = replace(manifest, variants=(replace(manifest.variants[0], precision="fp32"),))

    with pytest.raises(BundleError, match=r"manifest\.json: expected file model-fp32\.onnx, found 'model-int8\.onnx'"):
        write_bundle(tmp_path / "a.bundle", renamed, members)


def test_a_model_of_another_size_than_the_manifest_says_is_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """The manifest's figures are checked, not decoration."""
    manifest, members = bundle_parts()
    longer = replace(manifest, variants=(replace(manifest.variants[0], bytes=7),))

    with pytest.raises(BundleError, match=r"model-int8\.onnx: expected 7 bytes, found"):
        write_bundle(tmp_path / "a.bundle", longer, members)


@pytest.mark.parametrize(("least", "opens"), [(0, True), (1, True), (2, False)])
def test_an_older_bundle_than_the_line_asks_for_is_refused(tiny_bundle: Path, least: int, opens: bool) -> None:
    """A bundle of a version below `min_version` does not come back, however sound."""
    expected = contextlib.nullcontext() if opens else pytest.raises(BundleError, match="expected version 2 or later")

    with expected:
        assert open_bundle(tiny_bundle, min_version=least).manifest.version == 1


def test_a_failed_write_leaves_the_old_bundle(tmp_path: Path, bundle_parts: Make) -> None:
    """A new bundle that does not hold up leaves the one that is there, and nothing beside it."""
    path = tmp_path / "a.bundle"
    write_bundle(path, *bundle_parts())
    before = path.read_bytes()
    manifest, members = bundle_parts()

    with pytest.raises(BundleError):
        write_bundle(path, manifest, members | {PARITY: b"other"})

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.bundle"]


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, bundle_parts: Make, folder: str) -> None:
    """A target in a folder that is none gives one clear line."""
    (tmp_path / "file").touch()

    with pytest.raises(SortlineError, match="expected a place to write the bundle to"):
        write_bundle(tmp_path / folder / "a.bundle", *bundle_parts())


def test_a_variant_that_is_not_there_is_answered_with_those_that_are(tiny_bundle: Path) -> None:
    """Asked for fp16, a bundle with int8 alone says what it has."""
    bundle = open_bundle(tiny_bundle)

    with pytest.raises(BundleError, match=r"expected a variant model-fp16\.onnx, found \['model-int8\.onnx'\]"):
        bundle.variant("fp16")

    assert isinstance(bundle.variant("int8"), Variant)


def read(path: Path) -> dict[str, bytes]:
    """All members of a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(folder: Path, content: bytes) -> Path:
    """A file with this content."""
    path = folder / "damaged.bundle"
    path.write_bytes(content)
    return path


def pack(
    folder: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED, kind: int = stat.S_IFREG
) -> Path:
    """A sound zip of these members."""
    path = folder / "packed.bundle"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind | 0o644) << 16
            archive.writestr(info, content, compression)
    return path


def try_to_open(path: Path) -> Bundle | None:
    """The bundle, or None when it is refused."""
    try:
        return open_bundle(path)
    except BundleError:
        return None
