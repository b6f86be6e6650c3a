"""The profile of a batch: a few kernels for each column, and no loop over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.digits import string_buffers
from krr_export.domain.identity_numbers import KINDS
from krr_export.domain.vocabulary import ACTIVE, CERTIFICATE, EMAIL, MAILBOX, MOBILE, RESERVATION, RESERVED, STATUS
from krr_export.parsing.batch_view import NEVER
from krr_export.profiling.ages import GROUPS, Calendar
from krr_export.profiling.certificates import count_certificates
from krr_export.profiling.distinct import Distinct
from krr_export.profiling.plan import build_plan
from krr_export.profiling.profile import CONTACT, Profile, empty_profile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from krr_export.parsing.batch_view import BatchView
    from krr_export.profiling.plan import Channel
    from krr_export.profiling.profile import Ages, Lengths
    from krr_export.schema.record_schema import RecordSchema

_AT_SIGN = ord("@")


class Profiler:
    """Makes profiles of an export's batches.

    Args:
        schema: of a record.
        exported_at: when the export was made; ages are relative to it.
    """

    def __init__(self, schema: RecordSchema, exported_at: datetime) -> None:
        self._plan = build_plan(schema)
        self._calendar = Calendar(exported_at)

    def empty(self) -> Profile:
        """Return the profile of no records."""
        return empty_profile(self._plan)

    def profile_batch(self, view: BatchView) -> Profile:
        """Return the counts of what a batch contains.

        Args:
            view: rows from `pipeline.process_block`: the schema's columns, perhaps followed by others.
        """
        plan, profile = self._plan, self.empty()
        profile.records = len(view)
        profile.nulls[:] = [view.column(name).null_count for name in plan.columns]
        if not len(view):
            return profile
        for row, name in enumerate(plan.measured):
            _fill_lengths(profile.lengths, row, view.column(name), view.present(name))
        for counts, (name, _) in zip(profile.values, plan.enumerated, strict=True):
            np.add(counts, _bincount(view.column(name).indices.drop_null().to_numpy(), len(counts)), out=counts)
        if plan.identifier and view.identities:
            kinds = view.identities.kinds
            profile.kinds += _bincount(kinds[view.present(plan.identifier)], len(KINDS))
        profile.contact[:] = _count_contact(view)
        usable = {
            channel.column: self._fill_ages(profile.ages, row, channel, view)
            for row, channel in enumerate(plan.channels)
        }
        if plan.notification:
            profile.notifiable = _count_notifiable(view, usable)
        if plan.provider:
            profile.providers = _count_values(view.column(plan.provider))
        if plan.email:
            profile.domains = _count_domains(view.column(plan.email))
        if plan.certificate:
            profile.certificates = count_certificates(view.column(plan.certificate))
        return profile

    def _fill_ages(self, ages: Ages, row: int, channel: Channel, view: BatchView) -> NDArray[np.bool_]:
        """Fill in the ages of a channel, and return in which rows it may be used to notify, whosever it is."""
        calendar, has_value = self._calendar, view.present(channel.column)
        ages.records[row] = np.count_nonzero(has_value)
        newest = np.full(ages.records[row], NEVER)
        youngest = np.full(ages.records[row], calendar.oldest)
        for time, name in enumerate((channel.updated, channel.verified)):
            micros = view.micros(name) if name else None
            if micros is None:
                continue
            instants = micros[has_value]
            groups = calendar.groups(instants)
            ages.groups[row, time] = _bincount(groups, len(GROUPS))
            ages.groups[row, time, calendar.oldest] -= np.count_nonzero(instants == NEVER)
            np.maximum(newest, instants, out=newest)
            np.minimum(youngest, groups, out=youngest)
        undated = np.count_nonzero(newest == NEVER)
        ages.groups[row, -1] = _bincount(youngest, len(GROUPS))
        ages.groups[row, -1, calendar.oldest] -= undated
        ages.undated[row] = undated
        expired = calendar.expired(newest)
        ages.expired[row] = np.count_nonzero(expired)
        usable = has_value.copy()
        usable[has_value] = ~expired
        return usable


def _bincount(indices: NDArray[np.integer], size: int) -> NDArray[np.intp]:
    return np.bincount(indices, minlength=size)


def _fill_lengths(lengths: Lengths, row: int, column: pa.Array, has_value: NDArray[np.bool_]) -> None:
    """Fill in the lengths of a column's values."""
    if column.null_count == len(column):
        return
    numbers, times = _lengths(column, has_value)
    lengths.shortest[row], lengths.longest[row] = numbers.min(), numbers.max()
    lengths.total[row] = numbers.sum() if times is None else numbers @ times
    if not lengths.shortest[row]:
        empty = numbers == 0
        lengths.empty[row] = np.count_nonzero(empty) if times is None else times[empty].sum()


def _lengths(column: pa.Array, has_value: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.intp] | None]:
    """Return the lengths of the non-null values, and how often each counts; ``None``: once."""
    if pa.types.is_dictionary(column.type):
        counts = _bincount(column.indices.drop_null().to_numpy(), len(column.dictionary))
        used = np.flatnonzero(counts)
        return pc.binary_length(column.dictionary.take(used)).to_numpy(), counts[used]
    if not pa.types.is_string(column.type):
        return pc.binary_length(column.drop_null()).to_numpy(), None
    offsets, octets = string_buffers(column)
    is_ascii = octets[offsets[0] : offsets[-1]].max(initial=0) < 128  # noqa: PLR2004 - the end of ASCII
    numbers = np.diff(offsets) if is_ascii else pc.utf8_length(column).fill_null(0).to_numpy()
    return numbers[has_value] if column.null_count else numbers, None


def _count_contact(view: BatchView) -> list[int]:
    """Count records by way to reach the person, in the order of `CONTACT`."""
    mobile, email = view.present(MOBILE), view.present(EMAIL)
    ways = (mobile, email, mobile & email, ~(mobile | email), view.present(MAILBOX), view.present(CERTIFICATE))
    return [int(np.count_nonzero(way)) for _, way in zip(CONTACT, ways, strict=True)]


def _is_empty(column: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.equal(pc.binary_length(column), 0), fill_value=False))


def _count_notifiable(view: BatchView, fresh: Mapping[str, NDArray[np.bool_]]) -> int:
    """Count who may be notified, as the derived column varslingsstatus says it of the time of the export.

    Args:
        view: the rows, with all columns that decide it.
        fresh: by channel, in which rows it is new enough.
    """
    active, reserved = view.among(STATUS, (ACTIVE,)), view.among(RESERVATION, (RESERVED,))
    if active is None or reserved is None:
        return 0
    usable = [is_fresh & ~_is_empty(view.column(channel)) for channel, is_fresh in fresh.items()]
    return int(np.count_nonzero(np.logical_or.reduce(usable) & active & ~reserved))


def _count_values(column: pa.StringArray) -> Distinct[str]:
    """Count records by value, values in order of first occurrence, without nulls."""
    values = Distinct[str]()
    counted = column.value_counts()
    for value, records in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
        if value is not None:
            values.count(value, records)
    return values


def _count_domains(addresses: pa.StringArray) -> Distinct[str]:
    """Count records by the text after the last ``@`` of an address, in lower case; empty if there is no ``@``."""
    addresses = addresses.drop_null()
    if not len(addresses):
        return Distinct()
    offsets, octets = string_buffers(addresses)
    starts = offsets[1:].copy()  # empty if there is no @
    at_signs = offsets[0] + np.flatnonzero(octets[offsets[0] : offsets[-1]] == _AT_SIGN).astype(np.int32)
    # If an address has several @, the last one is assigned last and wins.
    starts[np.searchsorted(offsets, at_signs, side="right") - 1] = at_signs + 1
    # The same bytes, each address as two adjacent texts: the part before the domain, and the domain.
    bounds = np.concatenate([np.column_stack([offsets[:-1], starts]).ravel(), offsets[-1:]])
    texts = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), addresses.buffers()[2])
    counted = texts.take(pa.array(np.arange(1, len(bounds), 2))).value_counts()
    domains = Distinct[str]()
    folded = pc.utf8_lower(counted.field(0)).to_pylist()
    for domain, records in zip(folded, counted.field(1).to_pylist(), strict=True):
        domains.count(domain, records)
    return domains
