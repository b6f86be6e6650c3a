"""The rounds: all contenders take their turn, so that whatever changes on the machine meanwhile meets all alike."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.inputs import make, warm
from benchmarks.measure import RunFailedError, measure
from benchmarks.results import Run

if TYPE_CHECKING:
    from benchmarks.inputs import Input, Made
    from benchmarks.plan import Plan


@dataclass
class Bench:
    """A plan under way.

    Attributes:
        plan: who meets on what.
        data: the directory of the exports; outputs lie there for a moment, too.
        made: the exports' facts, by name.
        runs: what was measured so far.
        failures: what went wrong so far, by contender and input.
    """

    plan: Plan
    data: Path
    made: dict[str, Made] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def make_inputs(self) -> None:
        """Make the exports that are not there."""
        for name, wanted in self.plan.inputs.items():
            started = time.monotonic()
            self.made[name] = make(wanted, self.data)
            if (seconds := time.monotonic() - started) > 1:
                say(f"made {wanted.path(self.data).name} in {seconds:.0f} s")

    def run(self, rounds: int) -> None:
        """Run everything so many times. An interruption ends it, and keeps what was measured."""
        try:
            self._run(rounds)
        except KeyboardInterrupt:
            say("interrupted")
            self.failures["the benchmark"] = "interrupted"

    def _run(self, rounds: int) -> None:
        done = 0
        for number in range(1, rounds + 1):
            for name, contenders in self.plan.contenders.items():
                warm(self.plan.inputs[name].path(self.data))
                for contender in contenders:
                    done += 1
                    place = f"{done}/{rounds * self.plan.runs} {contender} on {name}"
                    self._take(number, BY_NAME[contender], self.plan.inputs[name], place)

    def _take(self, number: int, contender: Contender, on: Input, place: str) -> None:
        key = f"{contender.name} on {on.name}"
        if key in self.failures:
            return
        try:
            run = self._run_once(number, contender, on)
        except RunFailedError as error:
            self.failures[key] = str(error)
            say(f"{place}: failed: {error}")
        else:
            self.runs.append(run)
            say(f"{place}: {run.seconds:.2f} s, {run.peak_bytes / 1e6:.0f} MB")

    def _run_once(self, number: int, contender: Contender, on: Input) -> Run:
        os.sync()  # nobody pays for what the one before has left to be written
        with tempfile.TemporaryDirectory(prefix="output-", dir=self.data) as name:
            target = Path(name)
            cost = measure(contender.command_for(on.path(self.data), target))
            rows = contender.rows_in(target) if contender.rows else None
        facts = self.made[on.name]
        if rows not in (None, facts.records - facts.rejected):
            raise RunFailedError(f"{rows} rows instead of {facts.records - facts.rejected}")
        return Run(number, contender.name, on.name, rows=rows, **asdict(cost))


BY_NAME = {contender.name: contender for contender in CONTENDERS}


def say(text: str) -> None:
    """A line about how far things are."""
    print(text, file=sys.stderr, flush=True)
