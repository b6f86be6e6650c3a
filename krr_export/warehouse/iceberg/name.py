"""The name of an Iceberg table, as users give it, and the mark that it leaves in the place that it lies over.

The catalog is elsewhere, so nothing in a place would tell that a table needs its files. So each table leaves an object
there before it lists the first, by which `prune` finds it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import InputError, UsageError
from krr_export.output.objects.asking import read_surely

if TYPE_CHECKING:
    from krr_export.input.objects.store import ObjectStore

ICEBERG = "iceberg:"
"""What stands before the names of a catalog and a table on the command line."""
_WORD = "[A-Za-z0-9_-]+"
_FORM = re.compile(rf"{ICEBERG}(?P<catalog>{_WORD})/(?P<table>{_WORD}(\.{_WORD})+)")
_MARKS = "iceberg"
"""The directory of the marks."""
_ENDING = ".json"


@dataclass(frozen=True)
class TableName:
    """The name of a table.

    Attributes:
        catalog: as pyiceberg's configuration names it.
        table: ``namespace.table``.
    """

    catalog: str
    table: str

    @property
    def target(self) -> str:
        """As on the command line."""
        return f"{ICEBERG}{self.catalog}/{self.table}"

    @property
    def namespace(self) -> str:
        """All before the last dot."""
        return self.table.rpartition(".")[0]


@dataclass(frozen=True)
class Mark:
    """What a table has left in a place.

    Attributes:
        key: of the object.
        name: of the table, when it was made.
        uuid: says whether a table of that name is still the same.
    """

    key: str
    name: TableName
    uuid: str


def parse_table_name(target: str) -> TableName:
    """Parse ``iceberg:CATALOG/NAMESPACE.TABLE``.

    Raises:
        UsageError: it is none. The message does not repeat it.
    """
    found = _FORM.fullmatch(target)
    if found is None:
        raise UsageError("TARGET is no name of an Iceberg table", "give iceberg:CATALOG/NAMESPACE.TABLE")
    return TableName(found["catalog"], found["table"])


def leave_mark(store: ObjectStore, name: TableName, uuid: str) -> None:
    """Have the place know of a table; nothing is done if it does.

    Raises:
        NetworkError: the store failed.
    """
    body = json.dumps({"catalog": name.catalog, "table": name.table}).encode()
    store.create(f"{_MARKS}/{uuid}{_ENDING}", body)


def marks(store: ObjectStore) -> list[Mark]:
    """Return what tables have left in a place.

    Raises:
        InputError: one is damaged.
        NetworkError: the store failed.
    """
    return [_mark(store, f"{_MARKS}/{name}") for name in sorted(store.names(_MARKS)) if name.endswith(_ENDING)]


def _mark(store: ObjectStore, key: str) -> Mark:
    found = read_surely(store, key, lambda body: _marked_name(body) is not None)
    name = None if found is None else _marked_name(found.body)
    if name is None:
        raise InputError(f"{store.uri}/{key} is damaged", "load the table again; or delete it, if that is gone")
    return Mark(key, name, key.removeprefix(f"{_MARKS}/").removesuffix(_ENDING))


def _marked_name(body: bytes) -> TableName | None:
    """Return the table that a mark names; ``None`` if it names none."""
    try:
        said = json.loads(body)
        return parse_table_name(f"{ICEBERG}{said['catalog']}/{said['table']}")
    except (ValueError, LookupError, TypeError, RecursionError, UsageError):
        return None
