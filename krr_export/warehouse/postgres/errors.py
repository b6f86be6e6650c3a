"""Errors of PostgreSQL in the program's own words: the server's quote rows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from krr_export.errors import BusyError, KrrExportError, NetworkError, NoSpaceError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RIGHTS = "let it create schemas in the database, or own the schema and its tables"
_KNOWN: dict[str, tuple[type[KrrExportError], str, str]] = {
    "25006": (OutputError, "the server only reads", "is it a replica? give the address of the primary"),
    "28": (NetworkError, "the login is refused", "see the role, ~/.pgpass and the server's pg_hba.conf"),
    "3D000": (NetworkError, "there is no such database", "create it, or give another"),
    "3F000": (OutputError, "the schema is gone", "load again"),
    "40": (BusyError, "another session is in the way", "run again"),
    "42501": (OutputError, "the role may not do that", _RIGHTS),
    "53100": (NoSpaceError, "the server's disk is full", "make room there, and load again"),
    "53200": (OutputError, "the server is out of memory", "load again later"),
    "53300": (NetworkError, "the server takes no more connections", "load again later"),
    "55P03": (BusyError, "other sessions hold locks on the tables", "end them, or load again later"),
    "57014": (OutputError, "the server canceled a statement", "is there a statement_timeout, or did someone end it?"),
    "0A000": (UsageError, "the server cannot do that", "it must be PostgreSQL 12 or later"),
}
"""By SQLSTATE, or the beginning of it: the kind of error, what happened, what to do."""
_LOST = ("", "08", "57P")
"""Beginnings of SQLSTATE where there is no connection, or no more; the client itself gives none."""


@contextmanager
def own_words(address: str) -> Iterator[None]:
    """Turn errors of the client within into the program's own.

    Args:
        address: of the server, without a password.
    """
    import adbc_driver_manager as adbc  # noqa: PLC0415 - an optional package

    try:
        yield
    except adbc.Error as error:
        raise explain(address, error.sqlstate or _state_of_refusal(str(error))) from None


def _state_of_refusal(text: str) -> str:
    """Return the state that the client leaves out where the server refuses a connection; empty for any other error."""
    words = {"authentication": "28P01", "pg_hba.conf": "28P01", "role ": "28P01", "database ": "3D000"}
    return next((state for word, state in words.items() if "FATAL" in text and word in text), "")


def explain(address: str, sqlstate: str) -> KrrExportError:
    """Return the error to raise for a state; empty: the client has no answer of the server."""
    for state, (kind, what, todo) in _KNOWN.items():
        if sqlstate.startswith(state):
            return kind(f"{address}: {what}", todo)
    if sqlstate.startswith(_LOST[1:]) or not sqlstate:
        return NetworkError(
            f"{address}: no connection, or it was lost", "does psql connect with the same address? then load again"
        )
    return OutputError(f"{address}: PostgreSQL refuses (SQLSTATE {sqlstate})", "its log says more, and may quote rows")
