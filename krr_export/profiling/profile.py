"""Counts of what records contain: of one batch, or of several, added in the order of the export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.identity_numbers import KINDS
from krr_export.profiling.ages import GROUPS
from krr_export.profiling.certificates import Certificates
from krr_export.profiling.distinct import Distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krr_export.profiling.plan import Plan

CONTACT = ("mobile", "email", "both", "neither", "mailbox", "certificate")
"""Ways to reach a person; ``mobile`` and ``email`` include those with both."""

TIMES = ("updated", "verified", "newest")
"""The times of a channel; ``newest`` is the later of the two."""

NO_LENGTH = np.iinfo(np.int64).max
"""The shortest length if there is no value."""


@dataclass
class Lengths:
    """Lengths of the values of columns, in characters or octets, one number for each measured column.

    Attributes:
        empty: values of length 0.
        shortest: `NO_LENGTH` if there is no value.
        longest: 0 if there is no value.
        total: of all values.
    """

    empty: NDArray[np.int64]
    shortest: NDArray[np.int64]
    longest: NDArray[np.int64]
    total: NDArray[np.int64]

    def add(self, later: Lengths) -> None:
        """Add the lengths of a later batch."""
        self.empty += later.empty
        self.total += later.total
        np.minimum(self.shortest, later.shortest, out=self.shortest)
        np.maximum(self.longest, later.longest, out=self.longest)


@dataclass
class Ages:
    """Ages of contact data, one row for each channel.

    Attributes:
        records: records with a value.
        undated: those of them without any time.
        expired: those of them whose newest time is too old to be used to notify, undated ones included.
        groups: records by time, in the order of `TIMES`, and by age, in the order of `ages.GROUPS`.
    """

    records: NDArray[np.int64]
    undated: NDArray[np.int64]
    expired: NDArray[np.int64]
    groups: NDArray[np.int64]

    def add(self, later: Ages) -> None:
        """Add the ages of a later batch."""
        self.records += later.records
        self.undated += later.undated
        self.expired += later.expired
        self.groups += later.groups


@dataclass
class Profile:
    """Counts of what records contain.

    Attributes:
        plan: the columns that were counted.
        records: number of records.
        nulls: by column, in the plan's order.
        lengths: of the measured columns.
        values: by enumerated column, records by value, in the XSD's order.
        kinds: records by kind of identity number, in the order of `KINDS`.
        contact: records by way to reach the person, in the order of `CONTACT`.
        ages: of contact data.
        notifiable: persons who may be notified: active, not opted out, with a channel whose 18 months are not over.
        providers: records by the mailbox provider's organisation number.
        domains: records by the domain of the e-mail address, in lower case; empty if there is none.
        certificates: records by certificate.
    """

    plan: Plan
    records: int
    nulls: NDArray[np.int64]
    lengths: Lengths
    values: tuple[NDArray[np.int64], ...]
    kinds: NDArray[np.int64]
    contact: NDArray[np.int64]
    ages: Ages
    notifiable: int = 0
    providers: Distinct[str] = field(default_factory=Distinct)
    domains: Distinct[str] = field(default_factory=Distinct)
    certificates: Certificates = field(default_factory=Certificates)

    def add(self, later: Profile) -> None:
        """Add the profile of a later batch of the same export.

        Added in the order of the export, the result does not depend on how the export was divided.

        Raises:
            ValueError: it is of another schema.
        """
        if self.plan != later.plan:
            raise ValueError("profiles of different schemas cannot be added")
        self.records += later.records
        self.nulls += later.nulls
        self.lengths.add(later.lengths)
        for known, more in zip(self.values, later.values, strict=True):
            known += more  # noqa: PLW2901 - in place, in the array
        self.kinds += later.kinds
        self.contact += later.contact
        self.ages.add(later.ages)
        self.notifiable += later.notifiable
        self.providers.add(later.providers)
        self.domains.add(later.domains)
        self.certificates.add(later.certificates)

    def __add__(self, later: Profile) -> Profile:
        """Return the sum, in this order; `add` does not copy."""
        combined = self.empty()
        combined.add(self)
        combined.add(later)
        return combined

    def empty(self) -> Profile:
        """Return the profile of no records of the same schema."""
        return empty_profile(self.plan)


def empty_profile(plan: Plan) -> Profile:
    """Return the profile of no records."""

    def zeros(*shape: int) -> NDArray[np.int64]:
        return np.zeros(shape, np.int64)

    measured, channels = len(plan.measured), len(plan.channels)
    return Profile(
        plan=plan,
        records=0,
        nulls=zeros(len(plan.columns)),
        lengths=Lengths(zeros(measured), np.full(measured, NO_LENGTH, np.int64), zeros(measured), zeros(measured)),
        values=tuple(zeros(len(listed)) for _, listed in plan.enumerated),
        kinds=zeros(len(KINDS)),
        contact=zeros(len(CONTACT)),
        ages=Ages(zeros(channels), zeros(channels), zeros(channels), zeros(channels, len(TIMES), len(GROUPS))),
    )
