"""The guard's result in the report: the differences beyond the limits, and the options that accept them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from krr_export.util.stored_json import Int64, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NO_GUARD = "--no-guard"
"""The option that accepts any difference."""


class Difference(Stored, frozen=True):
    """One difference between two exports that exceeds its limit.

    Attributes:
        what: the change number goes backwards; fewer or more records seen; rejects: their share of all records; value
            and nulls: a share of the accepted records.
        column: the column, of value and nulls.
        value: the enumerated value, of value.
        before: the number of the export before (of change-number: possibly of the one after): records, the change
            number, or a share in per cent.
        now: the same number of this export.
        limit: the option that it exceeds, such as --max-drop 5%; null if no option sets a limit.
        accept: the option that would accept it.
        text: a description in a few words.
    """

    what: Literal["change-number", "records-dropped", "records-grown", "rejects", "value", "nulls"]
    column: str | None
    value: str | None
    before: Int64 | float
    now: Int64 | float
    limit: str | None
    accept: Annotated[str, Meta(pattern=r"^(--no-guard|--max-(drop|growth|shift) [0-9]+(\.[0-9]+)?%?)$(?!\n)")]
    text: str


class Guard(Stored, frozen=True):
    """The guard's comparison of an export with the snapshots of the store.

    Attributes:
        compared_with: the newest older snapshot whose report can be read; null if nothing was compared.
        differences: the differences that exceed the limits, the greatest excess first. Of a published export: those
            that --no-guard accepted.
        skipped: the comparisons that were skipped or ignored, and why; null if there are none.
    """

    compared_with: Annotated[str, Meta(pattern="^eksport=")] | None = None
    differences: tuple[Difference, ...] = ()
    skipped: str | None = None

    @property
    def reason(self) -> str:
        """The greatest difference, and the number of others."""
        origin = f" from {self.compared_with}" if self.compared_with else ""
        return f"it differs too much{origin}: {self.greatest}"

    @property
    def greatest(self) -> str:
        """The greatest difference, and the number of others, without what it was compared with."""
        others = len(self.differences) - 1
        return self.differences[0].text + (f", and {others} more" if others else "")

    @property
    def acceptance(self) -> str:
        """The options that would accept all differences."""
        options = acceptance(difference.accept for difference in self.differences)
        return options if options == NO_GUARD else f"{options}, or {NO_GUARD}"

    def summary(self) -> Iterator[str]:
        """Yield the result as a few lines of text."""
        if self.compared_with:
            count = len(self.differences)
            found = (
                f"{count} difference{'s' * (count > 1)} beyond the limits" if count else "all differences are allowed"
            )
            yield f"guard     compared with {self.compared_with}: {found}"
        if self.skipped:
            yield f"guard     {self.skipped}"
        for difference in self.differences:
            yield f"differs   {difference.text}"


def acceptance(accepts: Iterable[str]) -> str:
    """Return the options that accept several differences at once, each with its largest limit; or `NO_GUARD`.

    Args:
        accepts: `Difference.accept` of each.
    """
    options: dict[str, str] = {}
    for accept in accepts:
        option, _, limit = accept.partition(" ")
        options[option] = max(options.get(option, limit), limit, key=_limit_value)
    if NO_GUARD in options:
        return NO_GUARD
    return " ".join(f"{option} {limit}" for option, limit in options.items())


def _limit_value(limit: str) -> float:
    return float(limit.rstrip("%") or inf)
