"""The engine of a line: the runtime, variant and threads that its file asks for, or the fastest of what there is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.bundle.bundle import Bundle
from edge.bundle.manifest import Variant
from edge.classifier import Probabilities
from edge.config import EngineConfig
from edge.engine.contest import Candidate, Contest, Proven
from edge.engine.onnx_session import cuda_installed, first_line
from edge.engine.runtimes import CUDA, RUNTIMES, Runner, Runtime, is_meant_for, open_runner, takes
from edge.engine.self_test import prove
from edge.engine.tuning import Tuning, inference_cores, pin, tunings
from edge.errors import BundleError, EngineFault, ProviderError
from edge.preprocess import Image


@dataclass(frozen=True)
class Engine:
    """A proven model that runs: the classifier of a line."""

    candidate: Candidate
    runner: Runner
    why: str
    """What runs and why it was chosen, for people."""
    slowest_ms: float
    """Of the golden pictures; the first one is left out."""
    problems: tuple[str, ...] = ()
    """Why it is not all that it should be, in stable words."""

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB. Raises EngineFault when the runtime fails."""
        try:
            return self.runner(inputs)
        except Exception as error:  # whatever a runtime raises: nothing that it says from now on can be trusted
            raise EngineFault(f"{self.candidate.runtime}: expected an answer, it says {first_line(error)}") from error

    @property
    def batch(self) -> int:
        """Pictures that are computed together in little more time than one."""
        return self.runner.batch

    @property
    def variant_name(self) -> str:
        """As decisions cite it beside the bundle."""
        variant = self.candidate.variant
        return variant.precision if variant.format == "onnx" else f"{variant.format}-{variant.precision}"


def open_engine(config: EngineConfig, bundle: Bundle, runtimes: Sequence[Runtime] = RUNTIMES) -> Engine:
    """Open what [engine] asks for; where it leaves a choice, measure. `runtimes`: those that "auto" may take.

    Every candidate is held against the golden answers before it runs. Raises ProviderError when no runtime runs the
    model, BundleError when there is none for it or it answers otherwise here, ConfigError for processors that are none.
    """
    pin(config.cpus)
    modest, *others = tunings(config.threads, inference_cores(config.cpus))
    contest = Contest(bundle)
    refused = _enter_all(contest, _candidates(config, bundle, runtimes, modest))
    best, proven = _tuned(contest, others)
    return Engine(
        best, proven.runner, _why(best, contest, refused), max(proven.took_ms[1:]), _card_unused(best, refused)
    )


def open_classifier(bundle: Bundle, variant: Variant, runtime: Runtime, threads: int) -> Runner:
    """Load `variant` in `runtime` and prove it on the golden inputs. Raises ProviderError or BundleError."""
    runner = open_runner(runtime, bundle.members[variant.file], Tuning(threads))
    prove(bundle, variant, runner)
    return runner


def _candidates(
    config: EngineConfig, bundle: Bundle, runtimes: Sequence[Runtime], tuning: Tuning
) -> tuple[Candidate, ...]:
    """The bundle's variants that [engine] can mean, each in its runtimes. Raises BundleError when there is none."""
    asked = runtimes if config.runtime == "auto" else (config.runtime,)
    fits = is_meant_for if config.precision == "auto" else takes
    found = tuple(
        Candidate(runtime, variant, tuning)
        for runtime in asked
        for variant in bundle.manifest.variants
        if fits(runtime, variant) and config.precision in ("auto", variant.precision)
    )
    if not found:
        have = [f"{variant.file} for {variant.provider}" for variant in bundle.manifest.variants]
        precision = "a variant" if config.precision == "auto" else f"a variant in {config.precision}"
        raise BundleError(
            f"{bundle.path}: expected {precision} for {' or '.join(asked)}, found {', '.join(have)}; "
            "export one with --quantize"
        )
    return found


def _enter_all(contest: Contest, candidates: Sequence[Candidate]) -> dict[Candidate, str]:
    """Returns why each one that may not run may not. Raises the error of the only one, or of all."""
    refused: dict[Candidate, str] = {}
    for candidate in candidates:
        try:
            contest.enter(candidate)
        except (ProviderError, BundleError) as error:
            if len(candidates) == 1:
                raise
            refused[candidate] = str(error)
    if not len(contest):
        said = "; ".join(f"{candidate.runtime} {candidate.variant.file}: {why}" for candidate, why in refused.items())
        raise ProviderError(f"expected a runtime for one of the bundle's variants, found none: {said}")
    return refused


def _tuned(contest: Contest, others: Sequence[Tuning]) -> tuple[Candidate, Proven]:
    """The winner, with as many threads as are worth it, and spinning only where that is."""
    best, proven = contest.winner()
    if best.runtime == CUDA:
        return best, proven
    for tuning in others:
        contest.enter(replace(best, tuning=tuning))
    best, proven = contest.winner()
    if best.tuning.threads > 1:
        contest.enter(replace(best, tuning=best.tuning._replace(spinning=True)))
    return contest.winner()


def _card_unused(best: Candidate, refused: dict[Candidate, str]) -> tuple[str, ...]:
    """A problem where the machine was given the libraries for a graphics card, and "auto" had to do without it."""
    said = [why for candidate, why in refused.items() if candidate.runtime == CUDA]
    return (f"no-cuda: {said[0]}",) if said and best.runtime != CUDA and cuda_installed() else ()


def _why(best: Candidate, contest: Contest, refused: dict[Candidate, str]) -> str:
    """What runs, what it was measured against, and what could not run; each with its ms or its error."""
    others = [f"{candidate}: {ms:.1f} ms" for candidate, ms in contest.medians_ms.items() if candidate != best]
    beaten = [f"instead of {', '.join(others)}"] if others else []
    barred = [f"not {candidate.runtime} {candidate.variant.precision}: {why}" for candidate, why in refused.items()]
    return "; ".join([f"{best}: {contest.medians_ms[best]:.1f} ms", *beaten, *barred])
