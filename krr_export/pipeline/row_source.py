"""What a load into a store asks of its rows: an export, or a snapshot with changes applied to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    import pyarrow as pa

    from krr_export.input.delivery.provenance import Provenance
    from krr_export.output.manifest import Applied
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.profiling.profiler import Profiler
    from krr_export.schema.record_schema import RecordSchema


class Origin(Protocol):
    """Where the rows come from, as bytes."""

    @property
    def name(self) -> str:
        """Of the file, without directories."""

    @property
    def size(self) -> int | None:
        """Bytes, if they are known before all are read."""

    @property
    def bytes_read(self) -> int:
        """Bytes read so far."""

    @property
    def at_end(self) -> bool:
        """True once all bytes are read."""

    @property
    def sha256(self) -> str | None:
        """Of all bytes, once they are read."""

    @property
    def compression(self) -> Literal["gzip", "none"]:
        """Of the bytes."""

    @property
    def provenance(self) -> Provenance | None:
        """Of an encrypted delivery."""


class RowHeader(Protocol):
    """What the rows say of themselves."""

    @property
    def eksport_tidspunkt(self) -> str:
        """When they were the register's state, as written."""

    @property
    def exported_at(self) -> datetime:
        """The same in UTC."""

    @property
    def seneste_endringsnummer(self) -> int:
        """The register's last change number in them."""

    @property
    def encoding(self) -> str:
        """Of the document."""

    @property
    def export_name(self) -> str:
        """The name of their snapshot, ``eksport=…``."""


class RowSource(Protocol):
    """Rows of the table person, before the columns that are hidden are left out; they can be read once."""

    @property
    def source(self) -> Origin:
        """Where they come from."""

    @property
    def header(self) -> RowHeader:
        """What they say of themselves."""

    @property
    def transcoded(self) -> bool:
        """Whether byte offsets count in UTF-8 instead of in the delivered document."""

    @property
    def record_schema(self) -> RecordSchema:
        """The structure of a record."""

    @property
    def profiler(self) -> Profiler | None:
        """Makes profiles of the rows; ``None`` if not asked for."""

    @property
    def schema(self) -> pa.Schema:
        """The columns, derived ones included."""

    @property
    def workers(self) -> int:
        """Threads that read, besides the caller's."""

    @property
    def applied(self) -> Applied | None:
        """How they were made from a snapshot, once all are read; ``None`` for an export."""

    def results(self) -> Generator[BlockResult, None, None]:
        """Yield the rows in order, with what was found about them."""
