"""What can be done to a bundle on its way to a device: each function gives one mutant, never the bundle itself."""

import io
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from edge.bundle.archive import write_archive
from edge.bundle.bundle import encode_golden, sha256
from edge.bundle.manifest import InputSpec, Manifest, Variant, encode_manifest

MODEL, GOLDEN, PARITY, MANIFEST, SIGNATURE = (
    "model-int8.onnx",
    "golden.npz",
    "parity.json",
    "manifest.json",
    "manifest.sig",
)
SIZE, VERSION = 8, 5
NAMES = (
    "../../etc/cron.d/x",
    "/etc/passwd",
    "..\\x",
    "model-int8.onnx/",
    "models/model-int8.onnx",
    "MANIFEST.JSON",
    "\0",
)
LOCAL, CENTRAL = b"PK\3\4", b"PK\1\2"

Members = dict[str, bytes]


@dataclass(frozen=True)
class Original:
    """A sound bundle, and the key that signed it."""

    members: Members
    secret: Ed25519PrivateKey

    @property
    def whole(self) -> bytes:
        """Its bytes."""
        return packed(self.members)


Mutation = Callable[[Original, random.Random], bytes]


def original(secret: Ed25519PrivateKey) -> Original:
    """A small bundle of version VERSION, signed by `secret`."""
    golden = encode_golden(
        np.random.default_rng(0).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8),
        {MODEL: np.full((16, 2), 0.5, np.float32)},
    )
    return Original(signed({MODEL: model(), GOLDEN: golden, PARITY: b"{}\n"}, secret), secret)


def signed(parts: Members, secret: Ed25519PrivateKey, version: int = VERSION) -> Members:
    """All members of a bundle of `parts`, hashes and signature right."""
    manifest = encode_manifest(manifest_of(parts, version))
    ordered = {name: parts[name] for name in (MODEL, GOLDEN, PARITY)}
    return {MANIFEST: manifest, **ordered, SIGNATURE: secret.sign(manifest)}


def packed(members: Mapping[str, bytes]) -> bytes:
    """As our writer writes them."""
    file = io.BytesIO()
    write_archive(file, members)
    return file.getvalue()


def bit_flipped(bundle: Original, rng: random.Random) -> bytes:
    """One bit anywhere."""
    whole = bytearray(bundle.whole)
    whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    return bytes(whole)


def header_flipped(bundle: Original, rng: random.Random) -> bytes:
    """One bit of a header, where most bits decide nothing."""
    whole = bytearray(bundle.whole)
    places = [at for at in range(len(whole) - 3) if bytes(whole[at : at + 4]) in {LOCAL, CENTRAL, b"PK\5\6"}]
    at = rng.choice(places) + rng.randrange(22)
    whole[min(at, len(whole) - 1)] ^= 1 << rng.randrange(8)
    return bytes(whole)


def overwritten(bundle: Original, rng: random.Random) -> bytes:
    """A run of bytes, as a bad block leaves it."""
    whole = bytearray(bundle.whole)
    at, length = rng.randrange(len(whole)), rng.randrange(2, 600)
    whole[at : at + length] = rng.randbytes(min(length, len(whole) - at))
    return bytes(whole)


def truncated(bundle: Original, rng: random.Random) -> bytes:
    """A copy that ended early."""
    return bundle.whole[: rng.randrange(len(bundle.whole))]


def grown(bundle: Original, rng: random.Random) -> bytes:
    """Bytes before, after, or between."""
    whole, more = bundle.whole, rng.randbytes(rng.randrange(1, 40))
    at = rng.choice([0, len(whole), rng.randrange(len(whole))])
    return whole[:at] + more + whole[at:]


def exchanged(bundle: Original, rng: random.Random) -> bytes:
    """Two members with each other's content."""
    one, two = rng.sample(list(bundle.members), 2)
    return packed({**bundle.members, one: bundle.members[two], two: bundle.members[one]})


def reordered(bundle: Original, rng: random.Random) -> bytes:
    """The same members in another order."""
    names = list(bundle.members)
    while names == list(bundle.members):
        rng.shuffle(names)
    return packed({name: bundle.members[name] for name in names})


def left_out(bundle: Original, rng: random.Random) -> bytes:
    """A member is missing; without the signature, too, it is no bundle for a device that trusts a key."""
    missing = rng.choice(list(bundle.members))
    return packed({name: content for name, content in bundle.members.items() if name != missing})


def renamed(bundle: Original, rng: random.Random) -> bytes:
    """A name that leaves the folder, or is no member's."""
    old, new = rng.choice(list(bundle.members)), rng.choice(NAMES)
    return packed({new if name == old else name: content for name, content in bundle.members.items()})


def joined(bundle: Original, rng: random.Random) -> bytes:
    """One more member: a stowaway, or a variant that the manifest does not name."""
    name = rng.choice([*NAMES, "model-fp32.onnx", "model-int8.tflite", "photo.jpg"])
    return packed({**bundle.members, name: rng.randbytes(rng.randrange(50))})


def doubled(bundle: Original, rng: random.Random) -> bytes:
    """A second member of the same name, before or after the first: readers differ in which they take."""
    name = rng.choice(list(bundle.members))
    twice = [(name, rng.randbytes(30)), *bundle.members.items()]
    return zipped(twice if rng.random() < 0.5 else [*twice[1:], twice[0]])


def linked(bundle: Original, rng: random.Random) -> bytes:
    """A link, a folder, a pipe or a device in the place of a file."""
    kinds = {rng.choice(list(bundle.members)): rng.choice([stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])}
    return zipped(bundle.members.items(), kinds=kinds)


def compressed(bundle: Original, rng: random.Random) -> bytes:
    """Members that unfold."""
    names = rng.sample(list(bundle.members), rng.randrange(1, len(bundle.members) + 1))
    methods = dict.fromkeys(names, rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    return zipped(bundle.members.items(), methods=methods)


def commented(bundle: Original, rng: random.Random) -> bytes:
    """Comments and extra fields, of the archive or of a member."""
    name, note = rng.choice(list(bundle.members)), rng.randbytes(rng.randrange(1, 60))
    if rng.random() < 0.5:
        return zipped(bundle.members.items(), comment=note)
    return zipped(bundle.members.items(), extra={name: note})


def oversized(bundle: Original, rng: random.Random) -> bytes:
    """A header that claims gigabytes, in one of its two places or in both."""
    whole, claim = bytearray(bundle.whole), struct.pack("<L", rng.randrange(2**29, 2**32))
    name = rng.choice(list(bundle.members)).encode()
    local, central = whole.index(name) - 30, whole.rindex(name) - 46
    for at in {0: [local + 18], 1: [central + 20], 2: [local + 18, central + 20]}[rng.randrange(3)]:
        whole[at : at + 8] = claim + claim
    return bytes(whole)


def signed_by_another(bundle: Original, rng: random.Random) -> bytes:
    """Sound in all, but nobody vouches for the key."""
    stranger = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    return packed({**bundle.members, SIGNATURE: stranger.sign(bundle.members[MANIFEST])})


def forged(bundle: Original, rng: random.Random) -> bytes:
    """Another model, report or manifest, every hash made to fit; the signature is the old one, a random one or none."""
    parts = {name: bundle.members[name] for name in (MODEL, GOLDEN, PARITY)}
    kind = rng.randrange(3)
    if kind == 0:
        parts[MODEL] = model(seed=rng.randrange(1, 2**31))
    elif kind == 1:
        parts[PARITY] = msgspec.json.encode({"accuracy": rng.random()})
    manifest = manifest_of(parts, VERSION + (kind == 2) * rng.randrange(1, 99))
    signature = rng.choice([bundle.members[SIGNATURE], rng.randbytes(64), None])
    members = {MANIFEST: encode_manifest(manifest), **parts}
    return packed(members if signature is None else {**members, SIGNATURE: signature})


def downgraded(bundle: Original, rng: random.Random) -> bytes:
    """An older version, rightly signed in its day."""
    parts = {name: bundle.members[name] for name in (MODEL, GOLDEN, PARITY)}
    return packed(signed(parts, bundle.secret, version=rng.randrange(VERSION)))


def hollow(bundle: Original, rng: random.Random) -> bytes:
    """Rightly signed and malicious: weights in another file, or arrays that unfold beyond measure."""
    parts = {name: bundle.members[name] for name in (MODEL, GOLDEN, PARITY)}
    if rng.random() < 0.5:
        parts[MODEL] = model(external=rng.choice(["/etc/passwd", "weights.bin", "../golden.npz"]))
    else:
        golden = bytearray(parts[GOLDEN])
        at = golden.index(CENTRAL) + 24
        golden[at : at + 4] = struct.pack("<L", rng.randrange(2**30, 2**32 - 1))
        parts[GOLDEN] = bytes(golden)
    return packed(signed(parts, bundle.secret))


MUTATIONS: tuple[Mutation, ...] = (
    bit_flipped,
    header_flipped,
    overwritten,
    truncated,
    grown,
    exchanged,
    reordered,
    left_out,
    renamed,
    joined,
    doubled,
    linked,
    compressed,
    commented,
    oversized,
    signed_by_another,
    forged,
    downgraded,
    hollow,
)


def zipped(
    members: object,
    *,
    kinds: Mapping[str, int] | None = None,
    methods: Mapping[str, int] | None = None,
    extra: Mapping[str, bytes] | None = None,
    comment: bytes = b"",
) -> bytes:
    """Members as another zip writer may write them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = ((kinds or {}).get(name, stat.S_IFREG) | 0o644) << 16
            note = (extra or {}).get(name)
            info.extra = b"" if note is None else struct.pack("<2H", 0x7075, len(note)) + note
            archive.writestr(info, content, (methods or {}).get(name, zipfile.ZIP_STORED))
        archive.comment = comment
    return file.getvalue()


def manifest_of(parts: Mapping[str, bytes], version: int) -> Manifest:
    """A manifest whose hashes are those of `parts`."""
    content = parts[MODEL]
    variant = Variant(
        file=MODEL,
        format="onnx",
        precision="int8",
        provider="cpu",
        sha256=sha256(content),
        bytes=len(content),
        tolerance=0.01,
        parity={},
    )
    return Manifest(
        id=f"small-{version}",
        version=version,
        labels=("bone", "glass"),
        input=InputSpec(size=SIZE),
        temperature=1.0,
        variants=(variant,),
        golden_sha256=sha256(parts[GOLDEN]),
        parity_sha256=sha256(parts[PARITY]),
        dataset={},
        training={},
        tools={},
        created="2026-01-02T03:04:05Z",
    )


def model(seed: int = 0, external: str | None = None) -> bytes:
    """A linear classifier of SIZE x SIZE pixels."""
    values = np.random.default_rng(seed).normal(size=(SIZE * SIZE * 3, 2)).astype(np.float32)
    weights = numpy_helper.from_array(values, "weights")
    if external:
        set_external_data(weights, external)
        weights.ClearField("raw_data")
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["real"], ["row"]),
        helper.make_node("MatMul", ["row", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    ends = (
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE, SIZE, 3]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
    )
    graph = helper.make_graph(nodes, "small", [ends[0]], [ends[1]], [weights])
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    return content
