"""What is to be reached, and how far the figures are from it. It only reports: no figure makes a run fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmarks.contenders import DELIVERED, REFERENCE
from benchmarks.results import Results, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

Figure = Callable[[Results], Spread | None]


@dataclass(frozen=True)
class Target:
    """A figure and its limit.

    Attributes:
        what: for people.
        sense: on which side of the limit it is to be.
        unit: follows the number.
        figure: from the results; ``None`` where it was not measured.
    """

    what: str
    sense: Literal["at least", "at most"]
    limit: float
    unit: str
    figure: Figure

    def verdict(self, measured: Spread | None) -> str:
        """Reached, or by how much it is missed."""
        if measured is None:
            return "not measured"
        missed = self.limit - measured.median if self.sense == "at least" else measured.median - self.limit
        return "reached" if missed <= 0 else f"missed by {missed / self.limit:.0%}"


def faster(one: str, other: str, on: str) -> Figure:
    """How many times as fast one contender is as another on the same input."""
    return lambda results: results.speed_ratio((one, on), (other, on))


def on_other_input(on: str, than_on: str) -> Figure:
    """krr-export's speed on an input as a share of that on another."""
    return lambda results: results.speed_ratio((REFERENCE, on), (REFERENCE, than_on))


def growth(on: str, than_on: str) -> Figure:
    """krr-export's memory on an input as a multiple of that on another."""
    return lambda results: results.peak_ratio((REFERENCE, on), (REFERENCE, than_on))


def delivered_against_gzip(results: Results) -> Spread | None:
    """krr-export's speed on a delivery as a share of that on the gzip within."""
    return results.speed_ratio((DELIVERED, "main, delivered"), (REFERENCE, "main, gzip"))


def start(contender: str) -> Figure:
    """Seconds of something short."""
    return lambda results: results.seconds(contender, "start")


def highest_peak(results: Results) -> Spread | None:
    """The highest memory that krr-export took in any run; not a median."""
    ours = {name for name, contender in results.contenders.items() if contender["ours"]}
    peaks = [run.peak_bytes / 1e6 for run in results.runs if run.contender in ours]
    return Spread(*3 * (max(peaks),)) if peaks else None


TARGETS: Sequence[Target] = (
    Target(
        "against the hand-written script, one worker", "at least", 1, "x", faster("krr-export-1", "handwritten", "base")
    ),
    Target(
        "against the hand-written script, two workers", "at least", 1.6, "x", faster(REFERENCE, "handwritten", "base")
    ),
    Target("against the hand-written script, main size", "at least", 8, "x", faster(REFERENCE, "handwritten", "main")),
    Target("against xml2arrow to Parquet (aim: 1.5)", "at least", 1, "x", faster(REFERENCE, "xml2arrow", "main")),
    Target("against xmllint --stream --schema", "at least", 2, "x", faster(REFERENCE, "xmllint", "main")),
    Target(
        "against the script, a comment in every record",
        "at least",
        1.6,
        "x",
        faster(REFERENCE, "handwritten", "comments"),
    ),
    Target("gzip against plain", "at least", 0.9, "x", on_other_input("main, gzip", "main")),
    Target("delivery against gzip", "at least", 0.9, "x", delivered_against_gzip),
    Target("with the rules against without", "at least", 0.9, "x", faster(REFERENCE, "no-rules-2", "main")),
    Target("1 % rejects against none", "at least", 0.7, "x", on_other_input("rejects", "base")),
    Target("validate against convert", "at least", 1, "x", faster("validate-2", REFERENCE, "main")),
    Target("highest peak memory of any run", "at most", 500, " MB", highest_peak),
    Target("peak memory, eight times the input", "at most", 1.1, "x", growth("memory, large", "memory, small")),
    Target("peak memory, 8 GB against the smallest size", "at most", 1.05, "x", growth("large", "base")),
    Target("krr-export --version", "at most", 0.15, " s", start("version")),
    Target("krr-export --help", "at most", 0.15, " s", start("help")),
    Target("convert of 5 persons", "at most", 0.8, " s", start(REFERENCE)),
)
