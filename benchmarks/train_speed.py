"""How fast the whole network trains, from the cache of decoded photos to the updated weights, and what limits it.

    python benchmarks/train_speed.py --batch 64 --peak-tflops 989 --peak-gb-s 3350

"end to end" is the product's own loop over an epoch: rows gathered from the memory map, numbers drawn, copied to the
device, varied there, forwards and backwards. "constant input" is the same compiled step on one batch that lies on the
device already, "no augmentation" a step without that layer on the same. "host alone" is what the feed could supply.
The floors are the least time that the convolutions' arithmetic, or moving their inputs and outputs, takes at the
device's stated peak. Without DATASET the photos are noise, which costs the same.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from device_limits import floors, peak_bytes

from edge.photos.dataset import open_dataset
from edge.preprocess import Image
from train import device
from train.augment import augmented
from train.batches import open_batches
from train.keeping import Keeper
from train.model import build, built_with
from train.optimizer import Averaging
from train.photos import load_photos
from train.settings import Settings
from train.stage_training import StageTraining
from train.stages import stages_of
from train.training_setup import TrainingSet, TrainingSetup

CLASSES = 4


def main() -> None:
    """Print one table, or one JSON object."""
    options = parsed()
    device.require_backend()
    with photos(options) as images:
        found = measured(images, options)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:32} {value if isinstance(value, str) or value is None else f'{value:,.5g}'}")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?", help="photos to train on, kept decoded as by python -m train")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--photos", type=int, default=4096, help="an epoch's")
    parser.add_argument("--rounds", type=int, default=3, help="epochs to take the median of, after a first one")
    parser.add_argument("--precision", default="auto", choices=("auto", "off", "float16", "bfloat16"))
    parser.add_argument("--mix", action="store_true", help="with mixup and cutmix")
    parser.add_argument("--peak-tflops", type=float, help="the device's stated dense rate in that precision")
    parser.add_argument("--peak-gb-s", type=float, help="the device's stated memory rate")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def photos(options: argparse.Namespace) -> Iterator[Image]:
    """An epoch's photos as training reads them: a memory map."""
    if options.dataset:
        chosen = open_dataset(options.dataset).photos
        yield load_photos([chosen[place % len(chosen)] for place in range(options.photos)], options.size)
        return
    with tempfile.TemporaryFile() as file:
        images = np.memmap(file, np.uint8, "w+", shape=(options.photos, options.size, options.size, 3))
        for place in range(options.photos):
            images[place] = np.random.default_rng(place).integers(0, 256, images.shape[1:], np.uint8)
        yield images


def measured(images: Image, options: argparse.Namespace) -> dict[str, Any]:
    """Every figure by its name."""
    setup = TrainingSetup.of(training_set(images), settings(options))
    end_to_end, first_s = product(setup, options)
    peak = peak_bytes()
    constant = steps_alone(setup, options, views=True)
    plain = steps_alone(setup, options, views=False)
    return {
        "device": ", ".join(device.gpus()) or "cpu",
        "backend": f"{keras.config.backend()}, keras {keras.__version__}",
        "precision": device.policy(options.precision),
        "batch": options.batch,
        "end to end, photos/s": end_to_end,
        "constant input, photos/s": constant,
        "end to end / constant (0.95)": end_to_end / constant,
        "no augmentation, photos/s": plain,
        "constant / no augmentation": constant / plain,
        "host alone, photos/s": host_alone(setup, options),
        "first epoch with compilation, s": first_s,
        "peak device memory, GiB": None if peak is None else peak / 2**30,
        **floors(build(CLASSES, options.size), device.policy(options.precision), options, end_to_end),
    }


def settings(options: argparse.Namespace) -> Settings:
    """The usual recipe, with nothing but steps in it."""
    alphas = {"mixup": 0.2, "cutmix": 1.0} if options.mix else {}
    return Settings(
        weights="pretrained",  # freezes BatchNorm as usual; nothing reads them
        epochs=options.rounds + 1,
        batch=options.batch,
        size=options.size,
        patience=0,
        mixed_precision=options.precision,
        **alphas,
    )


def training_set(images: Image) -> TrainingSet:
    """Any labels, and nobody to judge the epochs."""
    labels = np.arange(len(images), dtype=np.int64) % CLASSES
    return TrainingSet(images, labels, len(images), CLASSES, images[:0], labels[:0])


def product(setup: TrainingSetup, options: argparse.Namespace) -> tuple[float, float]:
    """Photos a second of the loop behind `python -m train`, and the seconds of its first epoch."""
    rows: list[dict[str, Any]] = []
    model = build(CLASSES, options.size)
    StageTraining(model, setup, Keeper(), stages_of(setup.settings)[0], options.batch, [], rows).run(None)
    speeds = [row["photos_per_s"] for row in rows]
    return statistics.median(speeds[1:]), options.photos // options.batch * options.batch / speeds[0]


def steps_alone(setup: TrainingSetup, options: argparse.Namespace, *, views: bool) -> float:
    """Photos a second of the compiled step on one batch that the device keeps."""
    keras.backend.clear_session()
    gc.collect()
    with built_with(device.policy(options.precision)):
        core = build(CLASSES, options.size, freeze_norm=True)
        network = augmented(core, setup.views.variety) if views else core
    setup.compile(network, Averaging(1000, 1e-4, setup.settings.ema))
    with feed(setup, options) as batches:
        inputs, *targets = batches[0]
    epoch = constant((inputs if views else inputs["photo"], *targets), options.photos // options.batch)
    seconds = [timed(lambda: network.fit(epoch, shuffle=False, verbose=0)) for _ in range(options.rounds + 1)]
    return options.photos // options.batch * options.batch / statistics.median(seconds[1:])


def feed(setup: TrainingSetup, options: argparse.Namespace) -> Any:
    """Batches as training opens them."""
    return open_batches(setup.training_set.images, setup.order(), options.batch, setup.views, targets=setup.targets)


def constant(batch: tuple[Any, ...], steps: int) -> Any:
    """An epoch of one batch, on the device as far as Keras' `fit` leaves it there."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf  # any other dataset would copy through Python

        return tf.data.Dataset.from_tensors(batch).cache().repeat(steps)
    return Constant(keras.tree.map_structure(keras.ops.convert_to_tensor, batch), steps)


class Constant(keras.utils.PyDataset):
    """The same batch so many times."""

    def __init__(self, batch: tuple[Any, ...], steps: int) -> None:
        super().__init__()
        self._batch, self._steps = batch, steps

    def __len__(self) -> int:
        """Batches."""
        return self._steps

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """It."""
        return self._batch


def host_alone(setup: TrainingSetup, options: argparse.Namespace) -> float:
    """Photos a second that the feed supplies when nobody else works."""
    with feed(setup, options) as batches:
        seconds = timed(lambda: [batches[index] for index in range(len(batches))])
        return len(batches) * options.batch / seconds


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes; `fit` ends by reading the loss, so the device is done as well."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
