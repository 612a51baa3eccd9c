"""Every number of the training recipe, each with its reason."""

from dataclasses import asdict, dataclass
from typing import Literal

import msgspec

from edge.errors import UsageError
from train.views import Variety

Precision = Literal["auto", "off", "float16", "bfloat16"]
Costs = tuple[tuple[float, ...], ...]
"""[truth][answer] in the order of the classes; empty: every mistake costs the same."""

PARTS = ("conv1", "conv2", "conv3", "conv4", "conv5")
"""Of ResNet50, from the photo to the head."""
EVERYTHING = "all"

HEAD_RATE = 1e-3
"""The paper's Adam rate, for the head alone."""
HEAD_VIEWS = 2
"""Augmented views of each photo whose features the head sees beside the plain one."""
FORWARD_BATCH = 64
"""Photos at once where the backbone does not learn."""
DROPOUT = 0.2
WEIGHT_DECAY = 0.05
"""Decoupled (AdamW): with a rate of 1e-4 it shrinks a weight by half a percent in a thousand steps."""
WARMUP_SHARE = 0.05
"""Of all steps: Adam's second moments are noise at first and would throw pretrained weights away."""
FINAL_RATE_SHARE = 0.01
EARLIER_SHARE = 0.2
"""Of the epochs, for each stage before the last."""
EARLIER_RATE = 2.0
"""Each stage learns at so many times the rate of the next: the fewer layers learn, the less pretraining is at risk."""
AVERAGE = 0.75
"""The most that costs nothing on photographers left out of training; more knows its own photographers no better."""
NORM_MOMENTUM = 0.9
"""Of BatchNorm when training from random weights; Keras' 0.99 needs more steps than small datasets give."""
AUTO_BATCHES = (64, 32, 16, 8)
"""Photos that --batch auto tries to compute at once, until they fit the device's memory."""


@dataclass(frozen=True)
class Settings:
    """What a person may change about a run; the defaults suit fine-tuning on a few thousand photos."""

    weights: str
    """A file of backbone weights, "imagenet" or "none"."""
    epochs: int = 15
    """Of the whole network, over all its stages; 0 trains the head only."""
    head_epochs: int = 10
    stages: tuple[str, ...] = (EVERYTHING,)
    """Where each stage begins to train: "conv5" is conv5 and the head, "all" everything that `freeze` leaves."""
    freeze: str = "none"
    """The last part that stays as it was: "conv3" keeps conv1, conv2 and conv3; "conv5" the whole backbone."""
    lr: float = 1e-4
    """Peak rate for the last stage: higher ones lose what the pretrained weights know of other photographers."""
    batch: int | Literal["auto"] = "auto"
    """Photos a weight update; auto: AUTO_BATCHES' largest, in parts where the device has no room for it at once."""
    patience: int = 0
    """Epochs of a stage without a better macro F1 after which it ends, with its best weights; 0: never, with its last.

    Off: the rate falls to its lowest only at a stage's planned end, and the last averaged weights are what was
    measured. Epochs are judged on the calibration share, which teaches nothing, nor does a near-duplicate of it. A
    share of their own would cost another tenth of the training photos, to keep one number, the temperature, from
    being fitted to photos that chose among epochs.
    """
    size: int = 224
    seed: int = 0
    augment: float = 0.5
    """Strength: 0 is none, 1 the paper's kinds in wide ranges.

    Full strength cost half a point of accuracy and brought no new photographer nearer (`benchmarks/leave_one_out.py`).
    """
    turn: float = 25.0
    """Degrees to either side, at strength 1; 180 is any way round."""
    mixup: float = 0.0
    """Alpha of the Beta distribution of a second photo's share; 0 is off."""
    cutmix: float = 0.0
    """Alpha of the Beta distribution of the share pasted from a second photo; 0 is off."""
    backgrounds: float = 0.25
    """Chance that a product shot's white background becomes a belt: white must not say anything of the class."""
    extra_share: float = 0.25
    """Share of each epoch's photos that comes from the extra datasets."""
    label_smoothing: float = 0.1
    costs: Costs = ()
    ema: float = 0.1
    """Share of a stage's steps over which the kept weights are averaged; 0 is off."""
    mixed_precision: Precision = "auto"
    deterministic: bool = False
    """The backend's slower kernels that give the same bits each time; without them a GPU's sums differ in the last."""
    average: float | None = None
    """Share of the fine-tuned weights when mixed with the head-only ones (WiSE-FT, Wortsman et al. 2022); 1 is off.

    None: AVERAGE, or 1 from random weights, which know nothing.
    """
    hold_out_sources: tuple[str, ...] = ()
    """Manifest sources kept out of training and judged apart."""
    calibration: float = 0.1
    """Share of the training photos that teaches nothing, judges epochs and fits the temperature; 0: nothing does."""

    def __post_init__(self) -> None:
        """Raise UsageError for a number outside its range, or settings that contradict each other."""
        for name, low, high in RANGES:
            if (value := getattr(self, name)) is not None and not low <= value <= high:
                raise UsageError(f"--{name.replace('_', '-')}: expected {low} to {high}, found {value}")
        if not (self.batch == "auto" or 1 <= self.batch <= 4096):
            raise UsageError(f"--batch: expected auto or 1 to 4096, found {self.batch}")
        if not self.pretrained and (self.epochs == 0 or self.fine_tuned_share < 1):
            raise UsageError("--weights none: expected --epochs 1 or more and --average 1: random weights know nothing")
        self._check_parts()

    def _check_parts(self) -> None:
        if self.freeze not in (known := ("none", *PARTS)):
            raise UsageError(f"--freeze: expected one of {', '.join(known)}, found {self.freeze!r}")
        known = (*PARTS[:0:-1], EVERYTHING)
        places = [known.index(name) for name in self.stages if name in known]
        if not self.stages or len(places) < len(self.stages) or places != sorted(set(places)):
            wanted = f"some of {', '.join(known)} in this order"
            raise UsageError(f"--stages: expected {wanted}, found {','.join(self.stages)!r}")

    @property
    def variety(self) -> Variety:
        """How far a view may differ from its photo."""
        return Variety(self.augment, self.turn, self.backgrounds, self.mixup, self.cutmix)

    @property
    def pretrained(self) -> bool:
        """Whether the backbone starts from weights that know something."""
        return self.weights != "none"

    @property
    def fine_tuned_share(self) -> float:
        """`average`, resolved."""
        if self.average is not None:
            return self.average
        return AVERAGE if self.pretrained else 1.0

    def update_batch(self, photos: int) -> int:
        """`batch`, resolved for an epoch of at least `photos`."""
        if self.batch != "auto":
            return self.batch
        return next((batch for batch in AUTO_BATCHES if batch <= photos), photos)

    def flat(self) -> dict[str, str | int | float | bool | None]:
        """All settings as plain values, for the run record."""
        joined = {name: ", ".join(getattr(self, name)) for name in ("stages", "hold_out_sources")}
        costs = msgspec.json.encode(self.costs).decode() if self.costs else ""
        return {**asdict(self), **joined, "average": self.fine_tuned_share, "costs": costs}


RANGES = (
    ("epochs", 0, 10_000),
    ("head_epochs", 0, 10_000),
    ("lr", 1e-8, 1.0),
    ("patience", 0, 10_000),
    ("size", 32, 1024),  # below 32 ResNet50 has no pixels left at its end
    ("augment", 0.0, 3.0),
    ("turn", 0.0, 180.0),
    ("mixup", 0.0, 10.0),
    ("cutmix", 0.0, 10.0),
    ("backgrounds", 0.0, 1.0),
    ("extra_share", 0.0, 0.9),
    ("label_smoothing", 0.0, 0.9),
    ("ema", 0.0, 1.0),
    ("average", 0.0, 1.0),
    ("calibration", 0.0, 0.5),
)
