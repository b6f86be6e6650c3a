"""What became of the exports of a backfill, one by one and in all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krr_export.errors import is_retryable
from krr_export.input.open_source import source_name
from krr_export.jobs.backfill.failure import BAD_EXPORT
from krr_export.util.formatting import short_repr

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.jobs.backfill.failure import Failure
    from krr_export.jobs.convert_result import ConvertResult

FAILED, LEFT = "failed", "left"


@dataclass(frozen=True)
class BackfilledExport:
    """What became of one export of a backfill.

    Attributes:
        source: its path, or its URI as text.
        name: of its snapshot, ``eksport=…``; ``None`` if its time is not known.
        outcome: that of a conversion; ``failed`` if there was none, ``left`` if another stopped the backfill.
        exit_code: that of ``convert``; 0 if it was left.
        reason: why it was not published, in a word of `errors.REASONS`; ``None`` if nothing failed.
        path: the snapshot; or the directory with the report and rejects; ``None`` if there is neither.
        records: how many were written; ``None`` if none were looked at.
        rejected: how many were refused.
        message: all of it in one line for people.
        uri: where ``path`` is in an object store; ``path`` is then its name alone.
    """

    source: Path | str
    name: str | None
    outcome: str
    exit_code: int = 0
    reason: str | None = None
    path: Path | None = None
    records: int | None = None
    rejected: int | None = None
    message: str = ""
    uri: str | None = None

    @classmethod
    def converted(cls, source: Path | str, name: str, result: ConvertResult) -> BackfilledExport:
        """Return what a conversion gave."""
        counts = result.report.counts if result.report else None
        return cls(
            source=source,
            name=name,
            outcome=result.outcome,
            exit_code=result.exit_code,
            reason=result.reason,
            path=result.path,
            records=counts.written if counts else None,
            rejected=counts.rejected if counts else None,
            message=result.message,
            uri=result.uri,
        )

    @classmethod
    def failed(cls, source: Path | str, name: str | None, failure: Failure) -> BackfilledExport:
        """Return that there was no conversion."""
        return cls(source, name, FAILED, failure.exit_code, failure.reason, message=failure.message)

    @classmethod
    def left(cls, source: Path | str, name: str) -> BackfilledExport:
        """Return that the export was not looked at, since another stopped the backfill."""
        return cls(source, name, LEFT, message="left: an export that could not be published stopped the backfill")

    @property
    def line(self) -> str:
        """The message with the name of the source before it."""
        name = source_name(self.source)
        return self.message if self.message.startswith(f"{name}: ") else f"{name}: {self.message}"

    @property
    def stops(self) -> bool:
        """Whether nothing goes on after it, even where bad exports are passed over: the export is not at fault."""
        return self.exit_code not in {0, *BAD_EXPORT}

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "source": str(self.source),
            "export": self.name,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "retryable": is_retryable(self.exit_code),
            "path": None if self.path is None else self.uri or str(self.path),
            "records": self.records,
            "rejected": self.rejected,
            "message": self.message,
        }


@dataclass(frozen=True)
class BackfillResult:
    """The result of a backfill.

    Attributes:
        exports: what became of each source: first those without a time, then the others in the order of their time.
    """

    exports: tuple[BackfilledExport, ...]

    def __repr__(self) -> str:
        return short_repr(self, **self.counts)

    @property
    def counts(self) -> dict[str, int]:
        """How many exports were published, unchanged, refused and left."""
        outcomes = Counter(export.outcome for export in self.exports)
        return {
            "published": outcomes["published"],
            "unchanged": outcomes["unchanged"],
            "refused": len(self._refused),
            "left": outcomes[LEFT],
        }

    @property
    def exit_code(self) -> int:
        """The command's exit code: that of the export that stopped the backfill; else the greatest of all."""
        return self._worst.exit_code if self._worst else 0

    @property
    def reason(self) -> str | None:
        """Why that export was not published, in a word of `errors.REASONS`; ``None`` if nothing failed."""
        return self._worst.reason if self._worst else None

    @property
    def message(self) -> str:
        """The result in one line for people."""
        counts = self.counts
        words = [f"{counts['published']} published", f"{counts['unchanged']} already there"]
        words += [f"{counts[word]} {word}" for word in ("refused", "left") if counts[word]]
        said = f"backfill of {len(self.exports)} export{'s' * (len(self.exports) != 1)}: {', '.join(words)}"
        if self._worst is None:
            return said
        hint = "; --skip-bad goes on after it" if counts["left"] and not self._worst.stops else ""
        return f"{said}; {self._worst.line}{hint}"

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON, without the message."""
        return {**self.counts, "exports": [export.to_dict() for export in self.exports]}

    @property
    def _refused(self) -> list[BackfilledExport]:
        return [export for export in self.exports if export.exit_code]

    @property
    def _worst(self) -> BackfilledExport | None:
        stopping = [export for export in self._refused if export.stops]
        return max(stopping or self._refused, key=lambda export: export.exit_code, default=None)
