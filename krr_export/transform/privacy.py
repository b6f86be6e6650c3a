"""Data minimisation and pseudonyms: columns that are left out or replaced before a row is written."""

from __future__ import annotations

import hmac
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.regular import file_name, read_errors
from krr_export.schema.record_schema import ORDINAL, mark_pseudonymised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

MIN_KEY_BYTES = 32
MAX_KEY_BYTES = 4096
"""Limits of a pseudonym key: a shorter one can be guessed, a longer one is some other file."""

_FINGERPRINT_LABEL = b"krr-export: fingerprint of a pseudonym key"
_FINGERPRINT_DIGITS = 16
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_MAKE_KEY = "make one: (umask 077; openssl rand -hex 32 > pseudonym.key)"


@dataclass(frozen=True)
class PrivacyOptions:
    """Options of data minimisation, in names of columns.

    Attributes:
        columns: the columns that are kept; empty for all. ``radnummer`` is always kept.
        drop: the columns that are left out.
        pseudonymise: the columns whose values are replaced by pseudonyms.
        pseudonym_key: the file of the key for pseudonyms.

    Raises:
        UsageError: the options contradict each other, or one has no effect without another.
    """

    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    pseudonymise: tuple[str, ...] = ()
    pseudonym_key: Path | None = None

    def __post_init__(self) -> None:
        if self.columns and self.drop:
            raise UsageError("--columns and --drop cannot be combined", "say what is kept, or what is left out")
        if ORDINAL.name in self.drop:
            raise UsageError(f"{ORDINAL.name} cannot be left out", "the report and rejects/ name records by it")
        if self.pseudonymise and self.pseudonym_key is None:
            raise UsageError("--pseudonymise needs --pseudonym-key FILE", _MAKE_KEY)
        if self.pseudonym_key is not None and not self.pseudonymise:
            # A user who gives a key expects that it protects something.
            raise UsageError("--pseudonym-key alone replaces nothing", "name the columns with --pseudonymise")


class PseudonymKey:
    """A secret key; pseudonyms are HMAC-SHA-256 (RFC 2104, FIPS 198-1) under it.

    The default ``repr`` does not show it, so it is in no message.

    Args:
        secret: the key's bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._keyed = hmac.new(secret, digestmod="sha256")

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that identify the key.

        They are a part of the HMAC of a fixed label: like a pseudonym of a known value, they only allow to check a
        guess of the whole key.
        """
        return self.pseudonym(_FINGERPRINT_LABEL)[:_FINGERPRINT_DIGITS]

    def pseudonym(self, value: bytes) -> str:
        """Return the pseudonym of a value: 64 lower-case hexadecimal digits."""
        keyed = self._keyed.copy()  # the key is digested once, which saves a third of the time
        keyed.update(value)
        return keyed.hexdigest()

    def pseudonyms(self, column: pa.Array) -> pa.Array:
        """Return the pseudonyms of a column of strings, made from UTF-8 bytes; null stays null."""
        encoded = column.cast(pa.binary()).dictionary_encode()
        replaced = pa.array([self.pseudonym(value) for value in encoded.dictionary.to_pylist()], pa.string())
        return replaced.take(encoded.indices)


@dataclass(frozen=True)
class Treatment:
    """The data minimisation of one export, applied before rows are written.

    Attributes:
        schema: the columns that remain, in the XSD's order; pseudonyms are strings like the values that they replace.
        is_whole: whether no column is left out.
        pseudonymised: the columns with pseudonyms.
        key: makes the pseudonyms; ``None`` if there are none.
    """

    schema: pa.Schema
    is_whole: bool = True
    pseudonymised: tuple[str, ...] = ()
    key: PseudonymKey | None = field(default=None, repr=False)

    @property
    def keeps_records(self) -> bool:
        """Whether ``rejects`` may contain whole records: they have every value, also those that must not be written."""
        return self.is_whole and not self.pseudonymised

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows without the columns left out, and with pseudonyms."""
        if not self.is_whole:
            batch = batch.select(self.schema.names)
        if self.key is None:
            return batch
        for name in self.pseudonymised:
            index = batch.schema.get_field_index(name)
            batch = batch.set_column(index, self.schema.field(name), self.key.pseudonyms(batch.column(index)))
        return batch


def column_names(option: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """Parse names of columns: one text or several, each with one name or several, separated by commas.

    Raises:
        UsageError: a name is empty.
    """
    texts = (given,) if isinstance(given, str) else given
    names = tuple(name.strip() for text in texts for name in text.split(","))
    if not all(names):
        # An unset variable must not drop nothing: that would publish hidden values.
        raise UsageError(f"{option} has an empty name", "is a variable not set?")
    return tuple(dict.fromkeys(names))


def read_pseudonym_key(path: Path) -> PseudonymKey:
    """Read the key for pseudonyms: all bytes of the file, a line end included.

    Raises:
        InputError: it cannot be read, is not a regular file, has less than 32 or more than 4096 bytes, or is open to
            all users of the machine.
    """
    name = file_name(path)
    with read_errors(f"the pseudonym key {name}"):
        # Without O_NONBLOCK, opening a named pipe would wait here for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            secret = os.read(descriptor, MAX_KEY_BYTES + 1) if stat.S_ISREG(mode) else b""
        finally:
            os.close(descriptor)
    if not stat.S_ISREG(mode):
        raise InputError(f"the pseudonym key {name} is not a regular file", _MAKE_KEY)
    if mode & _OTHERS:
        raise InputError(f"the pseudonym key {name} is open to every user of the machine", f"chmod 600 {name}")
    if not MIN_KEY_BYTES <= len(secret) <= MAX_KEY_BYTES:
        size = f"more than {MAX_KEY_BYTES}" if len(secret) > MAX_KEY_BYTES else str(len(secret))
        raise InputError(
            f"the pseudonym key {name} has {size} bytes, and {MIN_KEY_BYTES} to {MAX_KEY_BYTES} are needed", _MAKE_KEY
        )
    return PseudonymKey(secret)


def treatment_of(
    schema: pa.Schema, options: PrivacyOptions, key: PseudonymKey | None, partition_by: Collection[str] = ()
) -> Treatment:
    """Build the treatment of an export from the options.

    Args:
        schema: the columns of its table.
        options: of data minimisation.
        key: read from the file that the options name.
        partition_by: columns that name directories, and so must not change.

    Raises:
        UsageError: a column does not exist, is partitioned by, or cannot be pseudonymised.
    """
    _check_known(schema, options)
    kept = {ORDINAL.name, *options.columns} if options.columns else set(schema.names) - set(options.drop)
    for column in partition_by:
        if column not in kept:
            raise UsageError(f"cannot partition by {column}: the column is left out", "keep it, or do not partition")
        if column in options.pseudonymise:
            raise UsageError(f"cannot partition by {column}: the column is pseudonymised", "do not partition by it")
    _check_pseudonymised(schema, options.pseudonymise, kept)
    pseudonymised = tuple(name for name in schema.names if name in options.pseudonymise)
    metadata = dict(schema.metadata or {})
    if pseudonymised:  # a part file explains itself
        metadata[b"pseudonymised"] = ",".join(pseudonymised).encode()
    columns = [mark_pseudonymised(column) if column.name in pseudonymised else column for column in schema]
    remaining = pa.schema([column for column in columns if column.name in kept], metadata)
    return Treatment(remaining, len(kept) == len(schema), pseudonymised, key)


def _check_known(schema: pa.Schema, options: PrivacyOptions) -> None:
    chosen = {"--columns": options.columns, "--drop": options.drop, "--pseudonymise": options.pseudonymise}
    for option, names in chosen.items():
        if unknown := [name for name in names if name not in schema.names]:
            raise UsageError(
                f"{option} names what is no column: {', '.join(unknown)}", f"the columns are {', '.join(schema.names)}"
            )


def _check_pseudonymised(schema: pa.Schema, names: Iterable[str], kept: Collection[str]) -> None:
    for name in names:
        if name not in kept:
            raise UsageError(f"{name} is pseudonymised and left out", "one of them is enough")
        if not pa.types.is_string(schema.field(name).type):
            # A number or a time can be text in many ways, and the few values of an enumeration are easily guessed.
            possible = ", ".join(column.name for column in schema if pa.types.is_string(column.type))
            raise UsageError(f"{name} is no column of strings, and cannot be pseudonymised", f"choose from {possible}")
