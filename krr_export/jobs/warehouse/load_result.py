"""What came of loading."""

from __future__ import annotations

from dataclasses import dataclass

from krr_export.util.formatting import number, records, short_repr


@dataclass(frozen=True)
class LoadResult:
    """The result of loading.

    Attributes:
        target: the database, without user and password.
        loaded: the snapshots that were loaded, oldest first, by the names of their directories.
        unchanged: those that were there already.
        dropped: those that were removed from the target, by ``keep``.
        waiting: those that should have been, and are being read: the next load removes them.
        persons: rows of the newest snapshot in the target.
        message: the result in one line for people.
        warnings: what whoever loads should know, a line each.
    """

    target: str
    loaded: tuple[str, ...]
    unchanged: tuple[str, ...]
    dropped: tuple[str, ...]
    waiting: tuple[str, ...]
    persons: int
    message: str = ""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return short_repr(self, target=self.target, loaded=self.loaded, unchanged=self.unchanged)


def result_message(result: LoadResult, newest: str) -> str:
    """Return the result in one line for people.

    Args:
        result: what came of it.
        newest: the newest snapshot in the target.
    """
    held = f"the newest there is {newest}, {records(result.persons)}"
    parts = [f"{len(result.loaded)} loaded" if len(result.loaded) != 1 else f"loaded {result.loaded[0]}"]
    if not result.loaded:
        why = "the target has it already" if result.unchanged else "it is older than what --keep lets stay"
        parts = [f"nothing to {'load' if result.dropped else 'do'}: {why}"]
    if result.dropped:
        parts.append(f"{number(len(result.dropped))} older removed")
    if result.waiting:
        parts.append(f"{number(len(result.waiting))} older still read, and removed next time")
    return f"{result.target}: {', '.join(parts)}; {held}"
