"""The groups of fields that pages contain: those that were requested. A page does not name them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.vocabulary import CERTIFICATE, MAILBOX, MOBILE
from krr_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.schema.record_schema import RecordSchema

_MEMBERS = {"kontaktinformasjon": MOBILE, "digitalpost": MAILBOX, "sertifikat": CERTIFICATE}
"""A column of each group; the XSD says which others are of the same element."""
GROUPS = tuple(_MEMBERS)
"""The groups that the register's services give or leave out (``informasjonsbehov``, scopes)."""


def columns_of(group: str, schema: RecordSchema) -> tuple[str, ...]:
    """Return the columns of a group: those of the same element of a person."""
    paths = {field.name: field.path for field in schema.fields}
    top = paths.get(_MEMBERS[group], ("",))[0]
    return tuple(name for name, path in paths.items() if path[0] == top)


def check_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of groups, each once.

    Raises:
        UsageError: there is no such group.
    """
    found = tuple(dict.fromkeys(names))
    if unknown := [name for name in found if name not in GROUPS]:
        raise UsageError(f"--carried {unknown[0]}: there is no such group", f"choose from {', '.join(GROUPS)}")
    return found
