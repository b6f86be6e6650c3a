"""What was measured, and what follows from it: medians, and ratios taken round by round."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VERSION = 1
"""Of the JSON's format."""


class Spread(NamedTuple):
    """Of several rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Run:
    """One run of one contender.

    Attributes:
        round: from 1.
        rows: that it wrote; ``None`` for one that writes none.
    """

    round: int
    contender: str
    input: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    rows: int | None


@dataclass(frozen=True)
class Results:
    """All that a benchmark brought; it goes to JSON and back.

    Attributes:
        started: ISO 8601, UTC.
        remarks: what a reader of the figures must know.
        rounds: how often all took their turn.
        memory: what ``peak_bytes`` is a sum of.
        inputs: facts of ``inputs.Made`` by the input's name.
        roles: the inputs' parts in the targets.
        contenders: label, command, whether it is krr-export's, by name.
        left_out: why a contender did not take part, by name.
        failures: what went wrong: the run and why. Its contender did not go on with that input.
    """

    started: str
    remarks: list[str]
    rounds: int
    memory: str
    machine: dict[str, str]
    versions: dict[str, str]
    inputs: dict[str, dict[str, Any]]
    roles: dict[str, str]
    contenders: dict[str, dict[str, Any]]
    left_out: dict[str, str]
    failures: dict[str, str]
    runs: list[Run]

    def to_json(self) -> str:
        """As indented JSON, ended by a line feed."""
        return json.dumps({"results_version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """Back from JSON."""
        document = json.loads(text)
        if (found := document.pop("results_version")) != VERSION:
            raise ValueError(f"results of version {found}; this program reads version {VERSION}")
        return cls(**{**document, "runs": [Run(**run) for run in document["runs"]]})

    def of(self, contender: str, role_or_input: str) -> dict[int, Run]:
        """The runs of a contender on an input, by round."""
        name = self.roles.get(role_or_input, role_or_input)
        return {run.round: run for run in self.runs if (run.contender, run.input) == (contender, name)}

    def seconds(self, contender: str, on: str) -> Spread | None:
        """Wall time."""
        return _spread(run.seconds for run in self.of(contender, on).values())

    def cpu_seconds(self, contender: str, on: str) -> Spread | None:
        """Processor time."""
        return _spread(run.cpu_seconds for run in self.of(contender, on).values())

    def peak(self, contender: str, on: str) -> Spread | None:
        """Peak memory in MB."""
        return _spread(run.peak_bytes / 1e6 for run in self.of(contender, on).values())

    def rate(self, contender: str, on: str) -> Spread | None:
        """MB of XML a second."""
        return _spread(map(self._rate, self.of(contender, on).values()))

    def speed_ratio(self, one: tuple[str, str], other: tuple[str, str]) -> Spread | None:
        """How many times as fast one is as the other, round by round: both ran under the same conditions then."""
        return self._ratio(one, other, self._rate)

    def cost_ratio(self, one: tuple[str, str], other: tuple[str, str]) -> Spread | None:
        """How many times the processor time, round by round."""
        return self._ratio(one, other, lambda run: run.cpu_seconds)

    def peak_ratio(self, one: tuple[str, str], other: tuple[str, str]) -> Spread | None:
        """How many times the memory, round by round."""
        return self._ratio(one, other, lambda run: run.peak_bytes)

    def _rate(self, run: Run) -> float:
        octets: int = self.inputs[run.input]["octets"]
        return octets / 1e6 / run.seconds

    def _ratio(self, one: tuple[str, str], other: tuple[str, str], figure: Callable[[Run], float]) -> Spread | None:
        ones, others = self.of(*one), self.of(*other)
        return _spread(figure(ones[n]) / figure(others[n]) for n in ones.keys() & others.keys())


def _spread(values: Iterable[float]) -> Spread | None:
    known = list(values)
    return Spread(median(known), min(known), max(known)) if known else None
