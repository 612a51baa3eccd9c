"""How the verdicts on a gate read: for people and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edge.gate.conformance.verdicts import Verdict, in_order


def as_text(verdict: Verdict) -> str:
    """One line; a second one with the demand when it is not met."""
    word = "ok  " if verdict.passed else "no  " if verdict.optional else "FAIL"
    line = f"{word}  {verdict.rule:18}  {verdict.found}"
    kind = "optional" if verdict.optional else "must be"
    return line if verdict.passed else f"{line}\n      {'':18}  {kind}: {verdict.demands}"


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many, and which are broken."""
    broken = [verdict.rule for verdict in verdicts if not (verdict.passed or verdict.optional)]
    kept = sum(verdict.passed for verdict in verdicts)
    return f"{kept} of {len(verdicts)} rules kept{'; broken: ' if broken else ''}{', '.join(broken)}"


def as_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Whether the gate is in order, and each verdict."""
    return {"passed": in_order(verdicts), "rules": [asdict(verdict) for verdict in verdicts]}
