"""Which snapshots a load is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Selection:
    """Which snapshots are to be loaded, and which stay in the target; as the options of `krr_export.load`.

    Attributes:
        all_snapshots: of a store, all; not the newest alone.
        keep: how many of the newest stay; ``None`` for all.
        replace: load again what is there already.
        history: make a history of what is there; of databases alone.
    """

    all_snapshots: bool = False
    keep: int | None = None
    replace: bool = False
    history: bool = False

    def kept(self, names: Collection[str]) -> list[str]:
        """Return the names of those that stay of all these, oldest first: no other need be loaded."""
        return sorted({*names})[-(self.keep or 0) :]

    def old(self, names: Collection[str]) -> list[str]:
        """Return the names of those that do not stay, oldest first."""
        return sorted({*names} - {*self.kept(names)})
