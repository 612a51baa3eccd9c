"""How weights move: AdamW with a warmed-up cosine rate, and an average of the weights that stays beside them."""

import math
from typing import Any

import keras
from keras import ops

from train.settings import FINAL_RATE_SHARE, WARMUP_SHARE, WEIGHT_DECAY


class Averaging(keras.optimizers.AdamW):
    """AdamW whose averaged weights go into the model only when asked.

    Keras would put them there at the end of each `fit`, and an epoch is one `fit`. What depends on the length of a
    stage are variables, not constants: a compiled step serves stages of any length.
    """

    def __init__(self, updates: int, rate: float, ema: float, parts: int = 1) -> None:
        """For `updates` weight updates, each from `parts` batches; `ema`: share of them averaged, 0 is off."""
        super().__init__(
            pace := Pace(parts),
            weight_decay=WEIGHT_DECAY,
            use_ema=ema > 0,
            gradient_accumulation_steps=parts if parts > 1 else None,
        )
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._pace, self._updates, self._rate = pace, updates, rate
        self._span = max(1.0, updates * parts * ema)  # Keras averages after every batch

    def build(self, variables: list[Any]) -> None:
        """Make the variables."""
        super().build(variables)
        self._pace.updates = self._number(self._updates, "updates")
        self._pace.rate = self._number(self._rate, "rate")
        if self.use_ema:
            self.ema_momentum = self._number(1 - 1 / self._span, "ema_momentum")

    def _number(self, value: float, name: str) -> Any:
        return self.add_variable((), initializer=keras.initializers.Constant(value), dtype="float32", name=name)

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Leave the weights as the last step made them."""

    def put_averages(self, var_list: list[Any]) -> None:
        """Replace the weights by their averages, where such are kept."""
        super().finalize_variable_values(var_list)


class Pace(keras.optimizers.schedules.LearningRateSchedule):
    """From FINAL_RATE_SHARE of the peak up in a line and down in a cosine (Loshchilov & Hutter 2017)."""

    def __init__(self, parts: int) -> None:
        """Keras counts batches; `parts` of them make a weight update."""
        self._parts = parts
        self.updates: Any = 1.0
        self.rate: Any = 0.0

    def __call__(self, step: Any) -> Any:
        """The rate at the batch number `step`."""
        update = ops.cast(step // self._parts, "float32")
        updates = ops.convert_to_tensor(self.updates)
        warm = ops.maximum(1.0, ops.round(updates * WARMUP_SHARE))
        down = ops.clip((update - warm) / ops.maximum(1.0, updates - warm), 0.0, 1.0)
        share = ops.minimum(update / warm, 0.5 * (1.0 + ops.cos(math.pi * down)))
        return ops.convert_to_tensor(self.rate) * (FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * share)


def averaging_part(optimizer: Any) -> Averaging:
    """The optimizer itself, or the one inside the loss scaling that Keras put around it."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    assert isinstance(inner, Averaging)
    return inner
