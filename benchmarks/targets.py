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


def cheaper(one: str, other: str, on: str) -> Figure:
    """How many times the processor time of one contender another takes on the same input."""
    return lambda results: results.cost_ratio((other, on), (one, on))


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
    Target("against xml2arrow to Parquet (aim: 2)", "at least", 1.5, "x", faster(REFERENCE, "xml2arrow", "main")),
    Target("the same, in processor time", "at least", 1, "x", cheaper(REFERENCE, "xml2arrow", "main")),
    Target("the same, from gzip", "at least", 2.5, "x", faster(REFERENCE, "xml2arrow", "main, gzip")),
    Target("against the hand-written script (aim: 15)", "at least", 12, "x", faster(REFERENCE, "handwritten", "main")),
    Target("against xmllint --stream --schema", "at least", 3.5, "x", faster(REFERENCE, "xmllint", "main")),
    Target("delivery against gzip", "at least", 0.9, "x", delivered_against_gzip),
    Target("1 % rejects against none", "at least", 0.7, "x", on_other_input("rejects", "base")),
    Target(
        "a certificate of one's own, against xml2arrow",
        "at least",
        0.8,
        "x",
        faster(REFERENCE, "xml2arrow", "certificates"),
    ),
    Target(
        "a comment in every record, against the script",
        "at least",
        1.6,
        "x",
        faster(REFERENCE, "handwritten", "comments"),
    ),
    Target("prefix ns2 against none", "at least", 0.85, "x", on_other_input("ns2", "base")),
    Target("no white space against some", "at least", 0.85, "x", on_other_input("compact", "base")),
    Target("highest peak memory of any run", "at most", 400, " MB", highest_peak),
    Target("peak memory, eight times the input", "at most", 1.05, "x", growth("memory, large", "memory, small")),
    Target("peak memory, 8 GB against the smallest size", "at most", 1.05, "x", growth("large", "base")),
    Target("krr-export --version", "at most", 0.15, " s", start("version")),
    Target("krr-export --help", "at most", 0.15, " s", start("help")),
    Target("convert of 5 persons", "at most", 0.6, " s", start(REFERENCE)),
)
