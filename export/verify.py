"""Proves a bundle on the machine at hand: contents, signature, golden inputs, and on photos the gate once more.

No Keras and no TensorFlow: parity.json keeps the trained network's answers to the test photos, ordered by the photos'
sha256. On the same photos the very gate of the export is repeated, with its limits, for every variant that this machine
can run. On other photos there is nothing to pair with: accuracy, macro F1 and recalls are compared with those recorded.
Needs what a device has: sortline[cpu] or [gpu], and [tflite] for TFLite variants.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge.bundle.bundle import PARITY, Bundle, open_bundle
from edge.bundle.manifest import Variant
from edge.bundle.signature import read_public_key
from edge.classifier import Classifier, Probabilities
from edge.commands import print_json
from edge.engine.engine import open_classifier
from edge.engine.runtimes import runtime_of
from edge.errors import BundleError, DatasetError, ProviderError, Refused, Unavailable
from edge.photos.dataset import Dataset, open_dataset
from edge.photos.folder_map import FolderMap
from export.other_photos import compare_figures, print_compared
from export.parity import Limits, Parity, PerPhoto, classify_all, compare
from export.plan import by_content
from export.progress import say
from export.report import print_verdict
from export.statistics import Exam, reference_figures
from export.variants import Kind
from export.verdict import LITTLE


class Answers(msgspec.Struct, frozen=True):
    """Of the trained network to the test photos, as `export.verdict.parity_report` writes them."""

    photos_sha256: str
    float32: str


class Recorded(msgspec.Struct, frozen=True):
    """Of parity.json, what a repetition needs."""

    answers: Answers
    limits: Limits
    models: tuple[Parity, ...]
    test_photos: int


class Golden(msgspec.Struct, frozen=True):
    """How one variant did on the golden inputs here."""

    file: str
    outcome: str
    """agrees, differs or skipped, and why."""
    passed: bool
    ran: bool


@dataclass(frozen=True)
class Trial:
    """The variants that run here, and how all of them did on the golden inputs."""

    classifiers: Mapping[Kind, Classifier]
    golden: tuple[Golden, ...]


def verify_bundle(
    path: Path,
    keys: Sequence[Path],
    photos: Path | None,
    threads: int,
    *,
    folder_map: FolderMap | None = None,
    as_json: bool,
) -> None:
    """Print how the bundle at `path` does here, on the `photos` whose folders `folder_map` turns into classes.

    Raises BundleError for damage or a missing signature, Unavailable when no variant runs here, and Refused when one
    that runs does not decide as it did.
    """
    bundle = open_bundle(path, [read_public_key(key) for key in keys])
    say(f"{path}: contents agree with the manifest, {f'signed by {bundle.signer}' if keys else 'signature not asked'}")
    trial = _try_all(bundle, threads)
    for golden in trial.golden:
        print(f"{'ok ' if golden.passed else '-- ' if not golden.ran else 'BAD'}  {golden.file:22} {golden.outcome}")
    failures = [f"{golden.file}: {golden.outcome}" for golden in trial.golden if golden.ran and not golden.passed]
    figures: dict[str, Any] = {"signed_by": str(bundle.signer) if bundle.signer else None, "golden": trial.golden}
    if photos is not None and trial.classifiers:
        repeated = _repeat(bundle, trial, open_dataset(photos, bundle.manifest.labels, folder_map))
        failures += repeated.pop("failures")
        figures |= repeated
    if as_json:
        print_json({**figures, "passed": not failures, "failures": failures})
    if failures:
        raise Refused(f"{'; '.join(failures)}: this machine does not decide as the bundle promises")
    if not trial.classifiers:
        raise Unavailable(f"{path}: expected a variant that this machine can run, found none")


def _try_all(bundle: Bundle, threads: int) -> Trial:
    opened: dict[Kind, Classifier] = {}
    golden = []
    for variant in bundle.manifest.variants:
        try:
            classifier = open_classifier(bundle, variant, runtime_of(variant), threads)
        except ProviderError as error:
            golden.append(Golden(variant.file, f"skipped: {error}", passed=False, ran=False))
        except BundleError as error:
            golden.append(Golden(variant.file, str(error), passed=False, ran=True))
        else:
            opened[_kind(variant)] = PerPhoto(classifier)
            golden.append(Golden(variant.file, f"golden inputs agree on {variant.provider}", passed=True, ran=True))
    return Trial(opened, tuple(golden))


def _kind(variant: Variant) -> Kind:
    return Kind(variant.file, variant.format, variant.precision, variant.provider)


def _repeat(bundle: Bundle, trial: Trial, dataset: Dataset) -> dict[str, Any]:
    """`failures`, and the figures behind them."""
    recorded, photos = _recorded(bundle), dataset.split("test")
    if not photos:
        raise DatasetError(f"{dataset.root}: expected test photos to judge on, found none")
    photos, digest = by_content(photos)
    truth = np.array(dataset.indices(photos))
    named = classify_all(
        {kind.file: classify for kind, classify in trial.classifiers.items()}, photos, bundle.manifest.input.size
    )
    answers = {kind: named[kind.file] for kind in trial.classifiers}
    if digest == recorded.answers.photos_sha256:
        return _gate(answers, Exam(dataset.labels, truth, _reference(bundle, recorded)), recorded.limits)
    say(f"{dataset.root}: not the test photos of the export; comparing figures instead of decisions")
    compared = compare_figures(recorded.models, named, truth, dataset.labels)
    print_compared(compared, len(photos))
    failures = [f"{c.file}: {c.figure} {c.here:.4f}, recorded {c.recorded:.4f}" for c in compared if not c.agrees]
    return {"same_photos": False, "compared": compared, "failures": failures}


def _recorded(bundle: Bundle) -> Recorded:
    try:
        return msgspec.json.decode(bundle.members[PARITY], type=Recorded)
    except msgspec.DecodeError as error:
        raise BundleError(
            f"{bundle.path}: {PARITY}: expected the trained network's answers and figures ({error}); "
            "export the bundle again to verify it on photos"
        ) from error


def _reference(bundle: Bundle, recorded: Recorded) -> Probabilities:
    try:
        content = base64.b64decode(recorded.answers.float32, validate=True)
        rows = np.frombuffer(content, LITTLE).reshape(recorded.test_photos, len(bundle.manifest.labels))
    except ValueError as error:
        raise BundleError(f"{bundle.path}: {PARITY}: expected answers of the trained network, found {error}") from error
    return rows.astype(np.float32)


def _gate(answers: Mapping[Kind, Probabilities], exam: Exam, limits: Limits) -> dict[str, Any]:
    rows = [compare(kind, given, exam, limits) for kind, given in answers.items()]
    print_verdict(reference_figures(exam), rows, ())
    failures = [f"{row.file}: {failure}" for row in rows for failure in row.failures]
    return {"same_photos": True, "models": rows, "failures": failures}
