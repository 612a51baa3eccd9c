"""Every number of the training recipe, each with its reason."""

from dataclasses import asdict, dataclass
from typing import Literal

from edge.errors import UsageError

Precision = Literal["auto", "off", "float16", "bfloat16"]

HEAD_RATE = 1e-3
"""The paper's Adam rate, for the head alone."""
HEAD_VIEWS = 2
"""Augmented views of each photo whose features the head sees beside the plain one."""
DROPOUT = 0.2
WEIGHT_DECAY = 0.05
"""Decoupled (AdamW): with a rate of 1e-4 it shrinks a weight by half a percent in a thousand steps."""
WARMUP_SHARE = 0.05
"""Of all steps: Adam's second moments are noise at first and would throw pretrained weights away."""
FINAL_RATE_SHARE = 0.01
EMA_SHARE = 0.1
"""Of all steps: the span over which the saved weights are averaged."""
NORM_MOMENTUM = 0.9
"""Of BatchNorm when training from random weights; Keras' 0.99 needs more steps than small datasets give."""


@dataclass(frozen=True)
class Settings:
    """What a person may change about a run; the defaults suit fine-tuning on a few thousand photos."""

    weights: str
    """A file of backbone weights, "imagenet" or "none"."""
    epochs: int = 15
    """Of the whole network; 0 trains the head only."""
    head_epochs: int = 10
    lr: float = 1e-4
    """Peak rate for the whole network: higher ones lose what the pretrained weights know of other photographers."""
    batch: int = 64
    size: int = 224
    seed: int = 0
    augment: float = 1.0
    """Strength: 0 is none, 1 the paper's kinds at moderate ranges."""
    backgrounds: float = 0.5
    """Chance that a product shot's white background becomes a belt: white must not say anything of the class."""
    extra_share: float = 0.25
    """Share of each epoch's photos that comes from the extra datasets."""
    label_smoothing: float = 0.1
    mixed_precision: Precision = "auto"
    average: float = 1.0
    """Share of the fine-tuned weights when mixed with the head-only ones (WiSE-FT, Wortsman et al. 2022); 1 is off."""
    hold_out_sources: tuple[str, ...] = ()
    """Manifest sources kept out of training and judged apart."""
    calibration: float = 0.1
    """Share of the training photos that teaches nothing and fits the temperature; 0 leaves it at 1."""

    def __post_init__(self) -> None:
        """Raise UsageError for a number outside its range."""
        for name, low, high in RANGES:
            if not low <= (value := getattr(self, name)) <= high:
                raise UsageError(f"--{name.replace('_', '-')}: expected {low} to {high}, found {value}")
        if not self.pretrained and (self.epochs == 0 or self.average < 1):
            raise UsageError("--weights none: expected --epochs 1 or more and --average 1: random weights know nothing")

    @property
    def pretrained(self) -> bool:
        """Whether the backbone starts from weights that know something."""
        return self.weights != "none"

    def flat(self) -> dict[str, str | int | float | bool | None]:
        """All settings as plain values, for the run record."""
        return {**asdict(self), "hold_out_sources": ", ".join(self.hold_out_sources)}


RANGES = (
    ("epochs", 0, 10_000),
    ("head_epochs", 0, 10_000),
    ("lr", 1e-8, 1.0),
    ("batch", 1, 4096),
    ("size", 32, 1024),  # below 32 ResNet50 has no pixels left at its end
    ("augment", 0.0, 3.0),
    ("backgrounds", 0.0, 1.0),
    ("extra_share", 0.0, 0.9),
    ("label_smoothing", 0.0, 0.9),
    ("average", 0.0, 1.0),
    ("calibration", 0.0, 0.5),
)
