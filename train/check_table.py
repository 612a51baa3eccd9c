"""What a check found, for a person at a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge.errors import Refused
from train.check import ODDITIES, TINY_PX, UNUSABLE, Findings

EXAMPLES = 5
"""Shown of each kind; `--json` has all."""

MEANING = {
    "unreadable": "no picture: replace or remove",
    "truncated": "ends early: replace or remove",
    "tiny": f"shorter side below {TINY_PX} px: used as it is",
    "grey": "without colour: used as it is",
    "alpha": "transparent: used without alpha",
    "EXIF-rotated": "turned upright when read",
    "copies": "groups with the same bytes",
    "near-duplicates": "groups that show the same picture",
    "leaks": "groups of these in both splits: figures flatter",
    "contradictions": "groups of these in several classes: labels?",
}


def print_findings(findings: Findings) -> None:
    """Print counts per class and subclass, the number of every kind of finding, and examples."""
    kinds = _kinds(findings)
    console = Console()
    console.print(_counts(findings))
    console.print(_numbers(kinds))
    for kind, groups in kinds.items():
        for line in _examples(groups):
            console.print(f"{kind}: {escape(line)}", soft_wrap=True, highlight=False)


def require_usable(findings: Findings, dataset: str) -> None:
    """Raise Refused when a training would stop at a photo, or when its figures would flatter."""
    if wrong := _wrong(findings):
        raise Refused(f"{dataset}: expected photos fit to train and judge on, found {' and '.join(wrong)}")


def _wrong(findings: Findings) -> list[str]:
    unusable, leaks = findings.unusable, len(findings.leaks)
    return [
        *([f"{unusable} unusable (replace or remove them)"] if unusable else []),
        *([f"{leaks} pictures in both splits (mend the manifest's column split)"] if leaks else []),
    ]


def _counts(findings: Findings) -> Table:
    title = f"{findings.photos} photos, largest class : smallest = {findings.imbalance:.1f} : 1"
    table = Table("class", "subclass", "train", "test", "share", title=title)
    for count in findings.counts:
        both = count.train + count.test
        row = (str(count.train), str(count.test), f"{both / findings.photos:.1%}")
        whole = count.subclass is None
        table.add_row(escape(count.label) if whole else "", escape(count.subclass or ""), *row, style="bold" * whole)
    return table


def _kinds(findings: Findings) -> dict[str, Sequence[Sequence[str]]]:
    """Every kind of finding, as groups of photos."""
    return {
        **{kind: [(name,) for name in findings.odd[kind]] for kind in ODDITIES},
        "copies": findings.copies,
        "near-duplicates": findings.near_duplicates,
        "leaks": findings.leaks,
        "contradictions": findings.contradictions,
    }


def _numbers(kinds: Mapping[str, Sequence[Sequence[str]]]) -> Table:
    table = Table("finding", "number", "meaning")
    for kind, groups in kinds.items():
        style = "red" if groups and kind in UNUSABLE | {"leaks"} else ""
        table.add_row(kind, str(len(groups)), MEANING[kind], style=style)
    return table


def _examples(groups: Sequence[Sequence[str]]) -> list[str]:
    lines = [" = ".join(group) for group in groups[:EXAMPLES]]
    return [*lines, f"… and {len(groups) - EXAMPLES} more"] if len(groups) > EXAMPLES else lines
