"""Options of applying changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from krr_export.changes.carried import check_groups
from krr_export.jobs.options import ConvertOptions
from krr_export.transform.derivation import parse_moment
from krr_export.transform.privacy import column_names
from krr_export.util.fields import Converted, Names, StrPath, optional_path

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def _groups(given: Names | None) -> tuple[str, ...] | None:
    return None if given is None else check_groups(column_names("--carried", given))


@dataclass(frozen=True)
class ApplyOptions:
    """Options of ``apply``; format, columns and the like are those of the snapshot.

    Attributes:
        as_of: the moment of the new snapshot: when the last page was made. As text: ISO 8601.
        carried: the groups of fields that the pages were asked for, of `GROUPS`; ``None``: not known.
        rest_inclusive: whether pages of REST begin with the number that was asked for.
        schema: the XSD of the store's records, if it is not a built-in one.
        pseudonym_key: the key of the store's pseudonyms.
        load: limits, guard, changes, mode and language, as of ``convert``.

    Raises:
        UsageError: an option has no such value.
    """

    as_of: datetime | str
    carried: Converted[Names | None, tuple[str, ...] | None] = Converted(_groups, None)
    rest_inclusive: bool = False
    schema: str | Path | None = None
    pseudonym_key: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    load: ConvertOptions = field(default_factory=ConvertOptions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "as_of", parse_moment(self.as_of))

    @property
    def moment(self) -> datetime:
        """``as_of`` in UTC."""
        return parse_moment(self.as_of)
