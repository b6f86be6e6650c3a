"""Values in Dask's configuration that it cannot use: it takes them for a scheduler that does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTIONS = ("client", "comm", "admin")
"""Those of ``distributed`` that a client reads."""
_PLACES = "correct ~/.config/dask, or the variables DASK_…"


def unread() -> UsageError:
    """Return the error for a configuration that cannot be read."""
    return UsageError("Dask's configuration cannot be read", _PLACES)


def refuse_wrong_values() -> None:
    """Refuse values of another kind than the library's own are. Ask it where a connection failed: others do no harm.

    Raises:
        UsageError: there is one. The message names it, and does not repeat it.
    """
    import dask.config  # noqa: PLC0415 - an optional package

    own = dask.config.merge(*dask.config.defaults)["distributed"]
    for name, usual in _leaves("distributed", {section: own.get(section, {}) for section in _SECTIONS}):
        found = dask.config.get(name, None)
        kind = _kind(usual)
        if None not in (kind, found) and not _is_of(kind, found):
            raise UsageError(f"{name} in Dask's configuration is no {kind}", _PLACES)


def _leaves(name: str, values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the names of settings, and their values."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{name}.{key}", value)
        else:
            yield f"{name}.{key}", value


def _kind(own: object) -> str | None:
    """Return of which kind values must be; ``None`` where several will do."""
    if isinstance(own, bool):
        return None
    if isinstance(own, int | float):
        return "number"
    return "time" if isinstance(own, str) and _is_of("time", own) else None


def _is_of(kind: str | None, value: object) -> bool:
    if kind == "number":
        return isinstance(value, int | float)
    if not isinstance(value, str):
        return isinstance(value, int | float | timedelta)
    from dask.utils import parse_timedelta  # noqa: PLC0415 - an optional package

    try:
        parse_timedelta(value)
    except (KeyError, ValueError):
        return False
    return True
