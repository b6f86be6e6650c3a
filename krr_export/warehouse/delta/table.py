"""A Delta table over the place that snapshots are pushed to. It lists their files of persons, and has none of its own.

A commit is one object that is written only if there is none of its number. So of two writers one learns that the other
was faster, looks at what is there now, and decides anew; nothing is merged behind our back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.domain.store_layout import EXPORT_PREFIX, exported_at, is_export_name
from krr_export.errors import InputError, NetworkError, OutputError, UsageError
from krr_export.version import __version__
from krr_export.warehouse.delta.partition import EXPORT, with_export
from krr_export.warehouse.delta.statistics import statistics_json
from krr_export.warehouse.lake.columns import union
from krr_export.warehouse.lake.registration import ListedFile, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deltalake import DeltaTable as Native

    from krr_export.output.objects.layout import Commit
    from krr_export.warehouse.lake.registration import Registration

LOG = "_delta_log"
"""The directory of a table's commits."""

_NAME = "person"
_DESCRIPTION = "Persons of the register, by eksport; made by krr-export: do not OPTIMIZE or VACUUM it"
_KEPT = "interval 36500 days"
"""VACUUM deletes what a table does not list, if it is older: here reports, rejects, commits and manifests lie, too."""
_OPTIONS = {
    "AWS_S3_ALLOW_UNSAFE_RENAME": "false",  # else, if the environment has it, two writers would both win
    "max_retries": "5",
}
_LISTED = ("path", "size_bytes", "num_records", f"partition.{EXPORT}")
"""What is asked of the library of each file; it has the statistics of every column, too."""
_LOOK = "see docs/guides/object-stores.md for what the environment must have"


def load_deltalake() -> tuple[Any, Any, Any]:
    """Load the library; return it, and its modules of transactions and of errors.

    Raises:
        UsageError: the package deltalake is missing.
    """
    try:
        import deltalake  # noqa: PLC0415 - an optional package
        from deltalake import exceptions, transaction  # noqa: PLC0415 - the same
    except ImportError:
        raise UsageError("the package deltalake is missing", "pip install 'krr-export[delta]'") from None
    return deltalake, transaction, exceptions


class DeltaTable:
    """The table over a place.

    Its methods raise:
        InputError: what is there is no table of this tool.
        NetworkError: the store cannot be reached.
        OutputError: the table asks for what the library cannot do.

    Args:
        uri: of the place.

    Raises:
        UsageError: the package deltalake is missing.
    """

    def __init__(self, uri: str) -> None:
        self._library, self._actions, self._errors = load_deltalake()
        self.uri = uri
        self._native: Native | None = None
        self._listed: dict[str, tuple[ListedFile, ...]] | None = None
        """What is listed, once it was asked for: with many nights there is much of it."""
        self.reload()

    def reload(self) -> None:
        """Look at what is there now."""
        with self._failures():
            is_there = self._library.DeltaTable.is_deltatable(self.uri, _OPTIONS)
            self._native = self._library.DeltaTable(self.uri, storage_options=_OPTIONS) if is_there else None
        self._listed = None
        if self._native is not None and self._native.metadata().partition_columns != [EXPORT]:
            raise InputError(
                f"{self.uri} is a Delta table, but none of krr-export", "push the store to a place of its own"
            )

    def listed(self) -> dict[str, tuple[ListedFile, ...]]:
        """Return the files of each snapshot, by its name ``eksport=…``, oldest first."""
        if self._listed is None:
            self._listed = self._read_listed()
        return self._listed

    def _read_listed(self) -> dict[str, tuple[ListedFile, ...]]:
        found: dict[str, list[ListedFile]] = {}
        for row in self._rows():
            name = f"{EXPORT_PREFIX}{row[f'partition.{EXPORT}']}"
            if not is_export_name(name):
                raise InputError(f"{self.uri} lists files of no export", "push the store to a place of its own")
            found.setdefault(name, []).append(ListedFile(row["path"], row["size_bytes"], row["num_records"]))
        return {name: tuple(found[name]) for name in sorted(found)}

    @property
    def shown(self) -> str:
        """For messages."""
        return f"the Delta table at {self.uri}"

    def names(self) -> list[str]:
        """Return the names of the snapshots that are listed, oldest first."""
        return [*self.listed()]

    def files(self, name: str) -> tuple[ListedFile, ...]:
        """Return the files that are listed of a snapshot."""
        return self.listed().get(name, ())

    def lists(self, commit: Commit) -> bool:
        """Return whether a snapshot is listed as it was pushed."""
        return {file.key for file in self.files(commit.eksport)} == keys_of(commit)

    def held(self) -> dict[str, str]:
        """Return nothing: nothing in such a table has a name."""
        return {}

    def differences(self) -> tuple[str, ...]:
        """Return nothing: whatever others did to the table is in its list of files."""
        return ()

    def close(self) -> None:
        """Do nothing: nothing stays open."""

    def write(self, snapshot: Registration) -> bool:
        """List a snapshot, in place of all that is listed of the same export, in one commit.

        Returns:
            Whether that was done: somebody else may have been faster with another commit.
        """
        if self._native is None and not self._create(snapshot):
            return False
        listed = self.files(snapshot.name)
        found, wanted = ({file.key for file in files} for files in (listed, snapshot.files))
        if found == wanted:
            return False  # somebody was faster since the table was made
        if not found.isdisjoint(wanted):
            raise UsageError(
                f"another program has rewritten some of the files of {snapshot.name} in the table, and left others",
                f"there DELETE … WHERE eksport = '{_export_value(snapshot.name)}', and load it again",
            )
        made = int(exported_at(snapshot.name).timestamp() * 1000)
        partition = {EXPORT: _export_value(snapshot.name)}
        actions = [
            self._actions.AddAction(
                file.key, file.bytes, partition, made, data_change=True, stats=statistics_json(file.statistics)
            )
            for file in snapshot.files
        ]
        columns = union(snapshot.columns, self._columns(), snapshot.name)
        return self._commit(snapshot.name, actions, columns, _facts(snapshot.commit))

    def drop(self, name: str) -> bool:
        """List a snapshot no more; its files stay. Return as `write` does."""
        return self._commit(name, [], self._columns(), {"krr.dropped": name})

    def _create(self, snapshot: Registration) -> bool:
        configuration = {"delta.deletedFileRetentionDuration": _KEPT, "delta.dataSkippingNumIndexedCols": "0"}
        if snapshot.allowed:
            configuration["delta.dataSkippingStatsColumns"] = ",".join(snapshot.allowed)
        try:
            with self._failures():
                self._actions.create_table_with_add_actions(
                    self.uri,
                    self._library.Schema.from_arrow(with_export(snapshot.columns)),
                    [],
                    mode="error",
                    partition_by=[EXPORT],
                    name=_NAME,
                    description=_DESCRIPTION,
                    configuration=configuration,
                    storage_options=_OPTIONS,
                )
        except OutputError:  # also, if it was made meanwhile
            self.reload()
            if self._native is None:
                raise
            return False
        self.reload()
        return self._native is not None

    def _commit(self, name: str, actions: Sequence[Any], columns: pa.Schema, facts: dict[str, str]) -> bool:
        assert self._native is not None  # noqa: S101 - for the type: it was looked for before
        try:
            with self._failures():
                self._native.create_write_transaction(
                    [*actions],
                    mode="overwrite",
                    schema=self._library.Schema.from_arrow(with_export(columns)),
                    partition_by=[EXPORT],
                    partition_filters=[(EXPORT, "=", _export_value(name))],
                    commit_properties=self._actions_of_ours(facts),
                    post_commithook_properties=self._actions.PostCommitHookProperties(cleanup_expired_logs=False),
                )
        except self._errors.CommitFailedError:
            self.reload()
            return False
        self.reload()
        return True

    def _actions_of_ours(self, facts: dict[str, str]) -> Any:  # noqa: ANN401 - the library's
        properties = {"krr.version": __version__, **facts}
        return self._library.CommitProperties(custom_metadata=properties, max_commit_retries=0)

    def _columns(self) -> pa.Schema:
        assert self._native is not None  # noqa: S101 - for the type: it was looked for before
        schema = pa.schema(self._native.schema().to_arrow())
        return pa.schema([_with_plain_type(field) for field in schema if field.name != EXPORT])

    def _rows(self) -> list[dict[str, Any]]:
        if self._native is None:
            return []
        with self._failures():
            found = pa.table(self._native.get_add_actions(flatten=True))
        rows: list[dict[str, Any]] = found.select(_LISTED).to_pylist() if found.num_rows else []
        return rows

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Have the library's errors be ours: its own words repeat what servers answer."""
        try:
            yield
        except self._errors.CommitFailedError:
            raise
        except OSError:
            raise NetworkError(f"{self.uri} cannot be reached, or does not let us in", _LOOK) from None
        except self._errors.DeltaError:
            raise OutputError(
                f"{self.shown} cannot be read or written",
                "was it changed by another program, to a newer version of the protocol?",
            ) from None


def _export_value(name: str) -> str:
    """Return what the column ``eksport`` has for a snapshot."""
    return name.removeprefix(EXPORT_PREFIX)


def _with_plain_type(field: pa.Field) -> pa.Field:
    """Return a field of the table with the type that files have: the library gives views for text and bytes."""
    kinds = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return field.with_type(kinds.get(field.type, field.type))


def _facts(commit: Commit) -> dict[str, str]:
    return {"krr.eksport": commit.eksport, "krr.manifest_sha256": commit.manifest_sha256}
