"""Data minimisation and pseudonyms: columns that are left out, or replaced, before a row is written."""

from __future__ import annotations

import hmac
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.regular import file_name, read_errors
from krr_export.schema.record_schema import ORDINAL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

MIN_KEY_BYTES = 32
MAX_KEY_BYTES = 4096
"""Of a pseudonym key: less can be guessed, more is no key but some other file."""

_FINGERPRINT_LABEL = b"krr-export: fingerprint of a pseudonym key"
_FINGERPRINT_DIGITS = 16
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_MAKE_KEY = "make one: (umask 077; openssl rand -hex 32 > pseudonym.key)"


@dataclass(frozen=True)
class PrivacyOptions:
    """What may be chosen, in names of columns.

    Attributes:
        columns: those that are kept; empty for all. ``radnummer`` is kept in any case.
        drop: those that are left out.
        pseudonymise: those whose values are replaced by pseudonyms.
        pseudonym_key: the file of the key, needed for these.

    Raises:
        UsageError: the options contradict each other, or one is of no use without another.
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
            # Whoever gives a key believes that something is protected by it.
            raise UsageError("--pseudonym-key alone replaces nothing", "name the columns with --pseudonymise")


class PseudonymKey:
    """A secret key; pseudonyms are HMAC-SHA-256 (RFC 2104, FIPS 198-1) under it.

    It has no ``repr`` of its own, so that it is in no message.

    Args:
        secret: the key's bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._keyed = hmac.new(secret, digestmod="sha256")

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits by which the key is recognised.

        They are a part of the HMAC of a fixed label: they help to check a guess of the whole key, as any pseudonym of a
        known value does, and to nothing else.
        """
        return self.pseudonym(_FINGERPRINT_LABEL)[:_FINGERPRINT_DIGITS]

    def pseudonym(self, value: bytes) -> str:
        """The pseudonym of a value: 64 lower-case hexadecimal digits."""
        keyed = self._keyed.copy()  # the key is digested once: a third less time than from the beginning
        keyed.update(value)
        return keyed.hexdigest()

    def pseudonyms(self, column: pa.Array) -> pa.Array:
        """The pseudonyms of a column of strings, of their UTF-8 bytes; null stays null."""
        encoded = column.cast(pa.binary()).dictionary_encode()
        replaced = pa.array([self.pseudonym(value) for value in encoded.dictionary.to_pylist()], pa.string())
        return replaced.take(encoded.indices)


@dataclass(frozen=True)
class Treatment:
    """What is done to the rows of one export before they are written.

    Attributes:
        schema: the columns that remain, in the XSD's order; pseudonyms are strings like the values they stand for.
        is_whole: whether no column is left out.
        pseudonymised: the columns that hold pseudonyms.
        key: makes the pseudonyms; ``None`` where there are none.
    """

    schema: pa.Schema
    is_whole: bool = True
    pseudonymised: tuple[str, ...] = ()
    key: PseudonymKey | None = field(default=None, repr=False)

    @property
    def keeps_records(self) -> bool:
        """Whether ``rejects`` may hold records whole: they hold every value, also those that must not be written."""
        return self.is_whole and not self.pseudonymised

    @property
    def applied(self) -> dict[str, Any]:
        """What the manifest says of it: the columns (null for all), those with pseudonyms, the key's fingerprint."""
        return {
            "columns": None if self.is_whole else self.schema.names,
            "pseudonymised": list(self.pseudonymised),
            "pseudonym_key_fingerprint": self.key.fingerprint if self.key else None,
        }

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows without what is left out, and with pseudonyms."""
        if not self.is_whole:
            batch = batch.select(self.schema.names)
        if self.key is None:
            return batch
        for name in self.pseudonymised:
            index = batch.schema.get_field_index(name)
            batch = batch.set_column(index, self.schema.field(name), self.key.pseudonyms(batch.column(index)))
        return batch


def column_names(option: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """Names of columns as they may be given: one text or several, each with one name or several between commas.

    Raises:
        UsageError: a name is empty.
    """
    texts = (given,) if isinstance(given, str) else given
    names = tuple(name.strip() for text in texts for name in text.split(","))
    if not all(names):
        # To drop nothing because a variable was not set would publish what must not be.
        raise UsageError(f"{option} has an empty name", "is a variable not set?")
    return tuple(dict.fromkeys(names))


def read_pseudonym_key(path: Path) -> PseudonymKey:
    """Read the key for pseudonyms: all bytes of the file, a line end included.

    Raises:
        InputError: it cannot be read, is no regular file, has less than 32 or more than 4096 bytes, or is open to all
            users of the machine.
    """
    name = file_name(path)
    with read_errors(f"the pseudonym key {name}"):
        # Without O_NONBLOCK a named pipe would wait here for whoever writes to it.
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
    """What the options mean for an export.

    Args:
        schema: the columns of its table.
        options: what was chosen.
        key: as read from the file that they name.
        partition_by: columns that name files, and so must stay as they are.

    Raises:
        UsageError: a column is not there, is partitioned by, or cannot be pseudonymised.
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
    remaining = pa.schema([column for column in schema if column.name in kept], metadata)
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
            # A number or a time becomes text in many ways, and an enumeration's few values are guessed at once.
            possible = ", ".join(column.name for column in schema if pa.types.is_string(column.type))
            raise UsageError(f"{name} is no column of strings, and cannot be pseudonymised", f"choose from {possible}")
