"""What a run did, as metrics for Prometheus: a file for the node exporter's textfile collector.

Names and units follow Prometheus' conventions. No metric holds a value of a record, or the name of a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from krr_export.reporting.report import Report

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True)
class RunMetrics:
    """What is known of a run at its end.

    Attributes:
        command: the name of the command.
        run: what tells its metrics from those of other runs on the same machine.
        exit_code: of the command.
        outcome: what became of it, in a word: of a failure, its reason.
        ended: when it ended.
        seconds: how long it took.
        newest_export: when the newest published export was made; ``None`` if there is none.
        report: of the last export that it read to its end; ``None`` if there is none.
    """

    command: str
    run: str
    exit_code: int
    outcome: str
    ended: datetime
    seconds: float
    newest_export: datetime | None = None
    report: Report | None = None

    def render(self) -> str:
        """Return the metrics in Prometheus' text format."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from self._gauge("success", "Whether the run did what it was to do.", {"": int(self.exit_code == 0)})
        yield from self._gauge("exit_code", "The run's exit code.", {"": self.exit_code})
        outcome = f'outcome="{_escape(self.outcome)}",version="{_escape(__version__)}"'
        yield from self._gauge("run_info", "What became of the run; of a failure, its reason.", {outcome: 1})
        yield from self._gauge("last_run_timestamp_seconds", "When the run ended.", {"": self.ended.timestamp()})
        yield from self._gauge("run_duration_seconds", "How long the run took.", {"": round(self.seconds, 3)})
        if self.newest_export is not None:
            what = "When the newest published export was made, by its own time."
            yield from self._gauge("newest_export_timestamp_seconds", what, {"": self.newest_export.timestamp()})
        if self.report is not None:
            yield from self._report_lines(self.report)

    def _report_lines(self, report: Report) -> Iterator[str]:
        counts = report.counts
        states = {"seen": counts.seen, "written": counts.written, "rejected": counts.rejected}
        records = {f'state="{state}"': count for state, count in states.items()}
        made = datetime.fromisoformat(report.header.eksport_tidspunkt_utc).timestamp()
        yield from self._gauge(
            "export_timestamp_seconds",
            "When the last export that the run read to its end was made, by its own time.",
            {"": made},
        )
        yield from self._gauge("records", "Its records.", records)
        findings = {
            f'code="{_escape(found.code)}",severity="{found.severity}"': found.records for found in report.findings
        }
        yield from self._gauge("finding_records", "Its records that have a finding.", findings)
        yield from self._gauge("read_bytes", "Its bytes, as delivered.", {"": report.performance.bytes_read})
        peak = report.performance.peak_memory_bytes
        yield from self._gauge("peak_memory_bytes", "The largest resident set of the process.", {"": peak})

    def _gauge(self, name: str, text: str, samples: Mapping[str, float]) -> Iterator[str]:
        common = f'command="{_escape(self.command)}",run="{_escape(self.run)}"'
        yield f"# HELP krr_export_{name} {text}"
        yield f"# TYPE krr_export_{name} gauge"
        for labels, value in samples.items():
            yield f"krr_export_{name}{{{','.join(filter(None, (common, labels)))}}} {value}"


def _escape(value: str) -> str:
    return value.translate(_ESCAPES)
