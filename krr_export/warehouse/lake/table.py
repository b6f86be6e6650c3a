"""What a table over pushed snapshots can do, whatever its format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from krr_export.output.objects.layout import Commit
    from krr_export.warehouse.lake.registration import ListedFile, Registration


class LakeTable(Protocol):
    """A table over a place. Its methods raise `KrrExportError` in words of ours."""

    @property
    def shown(self) -> str:
        """For messages, such as ``the Delta table at s3://bucket/krr``."""

    def names(self) -> list[str]:
        """Return the names ``eksport=…`` of the snapshots that are listed, oldest first."""

    def files(self, name: str) -> tuple[ListedFile, ...]:
        """Return the files that are listed of a snapshot."""

    def lists(self, commit: Commit) -> bool:
        """Return whether a snapshot is listed as it was pushed, and readers find it so."""

    def write(self, snapshot: Registration) -> bool:
        """List a snapshot, in place of all that is listed of the same export, in one commit.

        Returns:
            Whether that was done: somebody else may have been faster with another commit.
        """

    def drop(self, name: str) -> bool:
        """List a snapshot no more; its files stay. Return as `write` does."""

    def held(self) -> Mapping[str, str]:
        """Return what other programs have named in the table, for messages, by the snapshots whose files it needs."""

    def differences(self) -> Iterable[str]:
        """Yield a line for each thing that another program has done to the table itself."""

    def close(self) -> None:
        """Let go of what is open."""
