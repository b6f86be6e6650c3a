"""What a catalog's answers may not decide: which classes are loaded, which files are touched here or deleted, how long.

The library loads and calls whatever class a property names, and a server adds to the properties. So of those that name
one, only our own configuration counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.catalog import PY_CATALOG_IMPL, TYPE, URI, load_catalog
from pyiceberg.catalog.rest import AUTH, RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io import PY_IO_IMPL, WAREHOUSE
from pyiceberg.table import TableProperties
from pyiceberg.typedef import EMPTY_DICT
from requests.adapters import HTTPAdapter

from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.catalog import Catalog
    from pyiceberg.catalog.sql import IcebergTables
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table
    from pyiceberg.typedef import Properties
    from requests import PreparedRequest, Response, Session

_CLASSES = (PY_IO_IMPL, AUTH)
_SECONDS_OF_SILENCE = 120
_OBJECT_STORES = ("s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "oss")
"""Schemes that pyiceberg reads: catalogs name S3 in several ways."""
_PATHS = (TableProperties.WRITE_METADATA_PATH, TableProperties.WRITE_DATA_PATH)


def load_trusted(name: str, configured: Mapping[str, Any]) -> Catalog:
    """Load a catalog that takes no name of a class that a server or a table says, and deletes no file for them.

    Args:
        name: of the catalog.
        configured: its properties, as they are configured here.

    Raises:
        ValueError: they are incomplete or wrong.

    The catalog's own methods raise `InputError` in place of opening metadata, or making some, where they may not lie.
    """
    texts = {key: value for key, value in configured.items() if isinstance(value, str)}
    catalog = _Rest(name, **configured) if _is_rest(texts) else load_catalog(name, **texts)
    load = catalog._load_file_io  # noqa: SLF001 - there is no public way to it
    shown, own = f"the catalog {name}", texts.get(WAREHOUSE, "")

    def load_own(properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        _check(shown, location, own)
        return load({key: value for key, value in properties.items() if key not in _CLASSES}, location)

    catalog._load_file_io = load_own  # type: ignore[method-assign]  # noqa: SLF001 - as above
    # Else, if a table says so, the library deletes whatever its answers call old metadata, with our rights and keys.
    catalog._delete_old_metadata = lambda *_: None  # type: ignore[method-assign]  # noqa: SLF001 - as above
    if isinstance(catalog, SqlCatalog):
        _guard(catalog, shown, own)
    return catalog


def untrusted(shown: str) -> InputError:
    """Return the error for what may be neither opened nor written.

    Args:
        shown: what names it, for messages.
    """
    what = f"{shown} names files or programs of this machine, which nobody may from elsewhere"
    return InputError(what, "ask who runs the catalog; or give its configuration the warehouse that they lie in")


def _guard(catalog: SqlCatalog, shown: str, warehouse: str) -> None:
    """Look where a database says that metadata lie before they are opened or made: `_load_file_io` comes later here."""
    read, resolve = catalog._convert_orm_to_iceberg, catalog._resolve_table_location  # noqa: SLF001 - as above

    def read_trusted(orm_table: IcebergTables) -> Table:
        _check(shown, orm_table.metadata_location, warehouse)
        return read(orm_table)

    def resolve_trusted(location: str | None, database_name: str, table_name: str) -> str:
        found = resolve(location, database_name, table_name)
        _check(shown, found, warehouse)
        return found

    catalog._convert_orm_to_iceberg = read_trusted  # type: ignore[method-assign]  # noqa: SLF001 - as above
    catalog._resolve_table_location = resolve_trusted  # type: ignore[method-assign]  # noqa: SLF001 - as above


def _check(shown: str, location: str | None, warehouse: str) -> None:
    if location and not are_elsewhere([location], warehouse):
        raise untrusted(shown)


class _Timed(HTTPAdapter):
    """Waits for no answer without end, as the library would."""

    def send(self, request: PreparedRequest, *arguments: Any, **named: Any) -> Response:  # noqa: ANN401 - the library's
        """Send a request; raise one of the library's errors if nothing comes for a time."""
        return super().send(request, *arguments, **{**named, "timeout": _SECONDS_OF_SILENCE})


class _Rest(RestCatalog):
    """A catalog that is a server."""

    def _config_headers(self, session: Session) -> None:  # comes before the first request
        super()._config_headers(session)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Timed())

    def _fetch_config(self) -> None:
        own = {key: self.properties[key] for key in _CLASSES if key in self.properties}
        super()._fetch_config()
        self.properties = {key: value for key, value in self.properties.items() if key not in _CLASSES} | own


def _is_rest(configured: Mapping[str, str]) -> bool:
    """Return whether the library would take its own class for a server."""
    uri = configured.get(URI, "")
    if not uri or PY_CATALOG_IMPL in configured:
        return False
    return configured.get(TYPE, "rest" if uri.startswith("http") else "").lower() == "rest"


def is_trusted(table: Table, warehouse: str) -> bool:
    """Return whether all that a table's metadata name may be opened and written.

    Args:
        table: the table.
        warehouse: where our own configuration says that tables lie; empty if it does not.
    """
    properties, metadata = table.properties, table.metadata
    named = [metadata.location, *(properties[key] for key in _PATHS if key in properties)]
    named += [snapshot.manifest_list for snapshot in metadata.snapshots]
    return TableProperties.WRITE_PY_LOCATION_PROVIDER_IMPL not in properties and are_elsewhere(named, warehouse)


def are_elsewhere(locations: Iterable[str], warehouse: str) -> bool:
    """Return whether files lie in an object store; or, where tables are configured to lie on this machine, there."""
    own = f"{warehouse.rstrip('/')}/"
    return all(
        one.partition("://")[0] in _OBJECT_STORES or (bool(warehouse) and one.startswith(own) and ".." not in one)
        for one in locations
    )
