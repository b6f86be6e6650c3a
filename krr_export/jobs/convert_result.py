"""The result of a conversion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from krr_export.reporting.page.frame import framed
from krr_export.reporting.refusals import REFUSED_EXIT_CODES
from krr_export.reporting.report import REPORT_HTML
from krr_export.util.formatting import short_repr

if TYPE_CHECKING:
    from krr_export.output.store_place import StorePlace
    from krr_export.reporting.report import Report


@dataclass(frozen=True)
class ConvertResult:
    """The result of a conversion.

    Attributes:
        outcome: ``published``, ``unchanged`` (an identical snapshot exists), ``partial``, ``too-many-rejects``,
            ``empty``, ``duplicates`` (of identity numbers, if `strict` forbids them), ``guard`` (it differs too much
            from the export before it).
        path: the snapshot; or, if not published, the directory with the report and rejects.
        report: ``None`` if there was nothing to do.
        message: the result in one line for people.
        uri: where that is in an object store; ``path`` is then its name alone.
    """

    outcome: str
    path: Path
    report: Report | None
    message: str
    uri: str | None = None

    def __repr__(self) -> str:
        facts = {} if self.report is None else self.report.short_counts()
        return short_repr(self, outcome=self.outcome, path=self.path, **facts)

    def _repr_html_(self) -> str | None:
        """Show the page of the snapshot in a notebook; ``None`` if there is none."""
        try:
            return framed((self.path / REPORT_HTML).read_text("utf-8"), self.outcome)
        except (OSError, ValueError):
            return None if self.report is None else self.report._repr_html_()

    @property
    def published(self) -> bool:
        """True if the store now contains the whole export."""
        return self.outcome in {"published", "unchanged"}

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0; if the export was not published, 5 for the guard and otherwise 1."""
        return REFUSED_EXIT_CODES.get(self.outcome, 0)

    @property
    def reason(self) -> str | None:
        """Why the export was not published, in a word of `errors.REASONS`; ``None`` if nothing failed."""
        return self.outcome if self.exit_code else None

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON, without the message."""
        report = None if self.report is None else self.report.to_dict()
        return {"outcome": self.outcome, "path": self.uri or str(self.path), "report": report}


def named_by_place(result: ConvertResult, place: StorePlace) -> ConvertResult:
    """Return a result that names an object store, not the mirror of it."""
    if place.mirror is None:
        return result
    uri = place.rename(str(result.path))
    return replace(result, path=Path(result.path.name), uri=uri, message=place.rename(result.message))
