"""Two thousand mutants of a bundle: not one opens, and no runtime sees a byte of any."""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = Path(__file__).parents[2]
MUTANTS = 2000
RUNTIMES = ("onnxruntime", "ai_edge_litert", "tflite_runtime", "onnx", "tensorflow")

OPEN_ALL = """
import json, sys
from pathlib import Path

from edge.bundle.bundle import open_bundle
from edge.errors import BundleError
from edge.bundle.signature import read_public_key

folder, runtimes = Path(sys.argv[1]), json.loads(sys.argv[2])
key, said = read_public_key(folder / "line.pub"), {}
for path in sorted(folder.glob("*.bundle")):
    try:
        open_bundle(path, [key], min_version=5)
        said[path.stem] = "opened"
    except BundleError as error:
        said[path.stem] = str(error).removeprefix(f"{path}: ")
print(json.dumps({"said": said, "runtimes": [name for name in runtimes if name in sys.modules]}))
"""
"""A process of its own, as on a device: what it has imported at its end shows what could have seen a byte."""


@pytest.fixture(scope="module")
def mutations() -> Any:
    """The mutations beside this file."""
    spec = importlib.util.spec_from_file_location("bundle_mutations", Path(__file__).with_name("mutations.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_mutant_opens_and_the_original_does(tmp_path: Path, mutations: Any) -> None:
    """Bits, blocks, lengths, names, order, links, comments, packing, forgery, downgrade: a BundleError each time."""
    secret, rng = Ed25519PrivateKey.from_private_bytes(bytes(range(32))), random.Random(0)
    sound = mutations.original(secret)
    public = secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "line.pub").write_bytes(public)
    (tmp_path / "original.bundle").write_bytes(sound.whole)

    for number in range(MUTANTS):
        mutate = mutations.MUTATIONS[number % len(mutations.MUTATIONS)]
        mutant = mutate(sound, rng)
        assert mutant != sound.whole, mutate.__name__
        (tmp_path / f"{number:04}-{mutate.__name__}.bundle").write_bytes(mutant)
    told = _opened(tmp_path)

    opened = [name for name, said in told["said"].items() if said == "opened"]
    assert len(told["said"]) == MUTANTS + 1
    assert opened == ["original"]
    assert told["runtimes"] == []
    assert all(len(said) < 400 and "\n" not in said for said in told["said"].values())


def _opened(folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-c", OPEN_ALL, str(folder), json.dumps(RUNTIMES)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told
