"""What a line does when its graphics card fails again and again: the processor, if it may and is fast enough."""

from dataclasses import replace

import msgspec

from edge.bundle.bundle import Bundle
from edge.config import Config
from edge.decision.timing import LEAST_LEAD_MS
from edge.engine.engine import Engine, open_engine
from edge.engine.faults import LIMIT, WINDOW_S, Faults
from edge.engine.runtimes import CUDA, RUNTIMES
from edge.errors import ProviderError

ON_THE_PROCESSOR = tuple(runtime for runtime in RUNTIMES if runtime != CUDA)


def open_with_fallback(config: Config, bundle: Bundle, faults: Faults) -> Engine:
    """The line's engine; after too many `faults` of the card the fastest one of the processor, where that is allowed.

    Raises what `open_engine` does, and ProviderError when the processor would be too slow for the line's gates.
    """
    if config.engine.cpu_fallback and faults.too_many:
        return _on_the_processor(config, bundle, faults.last)
    try:
        return open_engine(config.engine, bundle)
    except ProviderError as error:
        if config.engine.runtime == CUDA:
            faults.note(str(error))  # a card that fell off its bus is not there at the next start
        raise


def slack_ms(config: Config) -> float:
    """What a decision may take from the picture to the nearest gate's command."""
    speed_mm_s = config.belt.speed_mm_s
    gates = [gate for name, gate in config.gates.items() if name != config.routing.reject]
    return min(gate.distance_mm / speed_mm_s * 1000 - gate.dead_ms - LEAST_LEAD_MS for gate in gates)


def _on_the_processor(config: Config, bundle: Bundle, said: str) -> Engine:
    anyhow = msgspec.structs.replace(config.engine, runtime="auto", precision="auto")
    engine = open_engine(anyhow, bundle, ON_THE_PROCESSOR)
    if engine.slowest_ms > (slack := slack_ms(config)):
        raise ProviderError(
            f"expected {engine.candidate} to take at most the {slack:.0f} ms that the nearest gate leaves, found "
            f"{engine.slowest_ms:.0f}; the graphics card failed {LIMIT} times in {WINDOW_S / 60:.0f} minutes: {said}"
        )
    return replace(engine, problems=(f"cpu-fallback: {said}",))
