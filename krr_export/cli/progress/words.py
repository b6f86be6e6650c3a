"""How much was read, in words."""

from __future__ import annotations

from krr_export.util.formatting import number

_WHOLE_MEGABYTES = 100_000_000


def of_megabytes(done: float, total: float | None) -> str:
    """Return how many bytes of how many: ``9.7 of 21.8 MB``."""
    return f"{_megabytes(done)} of {_megabytes(total)} MB" if total else f"{_megabytes(done)} MB"


def xml_megabytes(xml: int, delivered: int) -> list[str]:
    """Return how many bytes of XML those delivered were, if these are fewer, as of a compressed export."""
    return [f"{_megabytes(xml)} MB of XML"] if xml > delivered else []


def _megabytes(size: float) -> str:
    return number(round(size / 1e6)) if size >= _WHOLE_MEGABYTES else f"{size / 1e6:.1f}"
