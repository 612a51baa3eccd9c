"""The catalogue of drawings: class, then subclass, then the drawing; classes in the reference order."""

from collections.abc import Callable

import numpy as np

from edge.sim.items import batteries, hazardous, kitchen, lamps, masks, other, paper, peels, recyclable
from edge.sim.light import Sprite

Drawing = Callable[[np.random.Generator, int], Sprite]
"""Draws one new item: on a picture of ``size`` pixels, lit, in a random pose, cut to its bounds."""

CATALOGUE: dict[str, dict[str, Drawing]] = {
    "kitchen": {
        "banana_peel": peels.banana_peel,
        "orange_peel": peels.orange_peel,
        "apple_core": kitchen.apple_core,
        "eggshell": kitchen.eggshell,
        "vegetable_leaf": kitchen.vegetable_leaf,
        "bread": kitchen.bread,
        "bone": kitchen.bone,
    },
    "recyclable": {
        "bottle": recyclable.bottle,
        "can": recyclable.can,
        "cardboard_box": paper.cardboard_box,
        "paper": paper.paper,
        "newspaper": paper.newspaper,
        "glass": recyclable.glass,
    },
    "other": {
        "mask": masks.mask,
        "tissue": other.tissue,
        "toothbrush": other.toothbrush,
        "ceramic_shard": other.ceramic_shard,
        "diaper": other.diaper,
        "dirty_cloth": other.dirty_cloth,
        "chopsticks": other.chopsticks,
    },
    "hazardous": {
        "battery": batteries.battery,
        "fluorescent_lamp": lamps.fluorescent_lamp,
        "light_bulb": lamps.light_bulb,
        "tablet_blister": hazardous.tablet_blister,
        "paint_tin": hazardous.paint_tin,
        "syringe": hazardous.syringe,
        "spray_can": hazardous.spray_can,
    },
}
