"""When int8 misses its gate: leaves the layers that cost most in float, more and more of them, until it passes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from export.apart import apart
from export.choice import held_out_pictures
from export.golden import golden_inputs
from export.latency import measure
from export.parity import classify_all, compare, open_model
from export.plan import Plan
from export.progress import say
from export.sensitivity import Cost, InFloat, rank_layers
from export.steps import FP32, INT8, Making, calibration, quantize
from export.variants import Kind
from export.verdict import Verdict, cores

_MIXED = Kind("int8 with layers in float", "onnx", "int8")


def fall_back(plan: Plan, verdict: Verdict, making: Making, folder: Path) -> tuple[Verdict, Making]:
    """The verdict and models as they are when int8 ONNX passes or can't be helped; else those that pass.

    Layers are ranked on held-out training photos; how many stay in float is what the gate decides.
    """
    if not _worth_trying(plan, verdict, making):
        return verdict, making
    say("int8 misses its gate: finding the layers that cost most")
    ranked = _ranked(plan, making, folder)
    for count in _counts(min(plan.making.max_float_layers, len(ranked))):
        changed = _remade(plan, making, ranked[:count], folder)
        judged = _judged_again(plan, verdict, changed)
        if not _failures(judged):
            return judged, _with_price(making, changed, ranked[:count], plan)
    say(f"int8 misses its gate with {plan.making.max_float_layers} layers in float too")
    return verdict, making


def _worth_trying(plan: Plan, verdict: Verdict, making: Making) -> bool:
    """Whether int8 alone is what fails: a float32 model that is not the network can't be mended here."""
    float_fails = any(row.failures for row in verdict.rows if row.file == FP32.file)
    return bool(plan.making.max_float_layers and making.recipe and _failures(verdict)) and not float_fails


def _failures(verdict: Verdict) -> tuple[str, ...]:
    return next((row.failures for row in verdict.rows if row.file == INT8.file), ())


def _ranked(plan: Plan, making: Making, folder: Path) -> tuple[Cost, ...]:
    assert making.recipe is not None
    pictures = held_out_pictures(plan)
    return apart(folder, rank_layers, making.models[FP32], making.recipe, calibration(plan, folder), pictures, folder)


def _counts(most: int) -> Iterator[int]:
    """1, 2, 4, … and `most`: each costs a judgement over all test photos."""
    count = 1
    while count < most:
        yield count
        count *= 2
    yield most


def _remade(plan: Plan, making: Making, costs: tuple[Cost, ...], folder: Path) -> Making:
    assert making.recipe is not None
    names = tuple(cost.layer for cost in costs)
    say(f"leaving in float: {', '.join(names)}")
    recipe, target = replace(making.recipe, in_float=names), folder / f"in-float-{len(names)}.onnx"
    quantize(plan, recipe, making.models[FP32], target, folder)
    return replace(making, recipe=recipe, models={**making.models, INT8: target})


def _judged_again(plan: Plan, verdict: Verdict, making: Making) -> Verdict:
    classifier = {INT8.name: open_model(making.models[INT8], INT8.format, cores())}
    answers = classify_all(classifier, plan.test, plan.run.record.size)[INT8.name]
    row = compare(INT8, answers, verdict.exam, plan.limits)
    rows = tuple(row if old.file == INT8.file else old for old in verdict.rows)
    return replace(verdict, answers={**verdict.answers, INT8: answers}, rows=rows)


def _with_price(before: Making, after: Making, costs: tuple[Cost, ...], plan: Plan) -> Making:
    """Says what it costs: both models timed in turn on this host."""
    timed = {INT8: before.models[INT8], _MIXED: after.models[INT8]}
    speeds = measure(timed, golden_inputs(plan.run.record.size, plan.seed))
    int8_ms, mixed_ms = (speed.p50_ms for speed in speeds if speed.threads == 1)
    say(f"{len(costs)} layers in float: {mixed_ms:.1f} ms instead of {int8_ms:.1f} ms with one thread here")
    return replace(after, in_float=InFloat(costs, int8_ms, mixed_ms))
