"""May this person be notified, and until when: eForvaltningsforskriften § 32, whole columns at once.

Contact data that was neither updated nor confirmed in the last 18 months may not be used to notify. That is judged for
each channel on its own, by the newer of its two times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.vocabulary import (
    ACTIVE,
    CHANNELS,
    EMAIL,
    MOBILE,
    NOTIFICATION_STATES,
    RESERVATION,
    RESERVED,
    STATUS,
    UPDATED,
    USABLE_MONTHS,
    VERIFIED,
)
from krr_export.domain.wall_time import months_after
from krr_export.parsing.columns import INSTANT

if TYPE_CHECKING:
    from krr_export.transform.inputs import Inputs


def times_of(channel: str) -> tuple[str, str]:
    """The columns that say when a channel was last updated and last confirmed."""
    return UPDATED[channel], VERIFIED[channel]


def expiry_of(channel: str) -> str:
    """The derived column that says until when a channel may be used."""
    return f"{channel}_utloeper"


def mobile_expiry(inputs: Inputs) -> pa.TimestampArray:
    """Until when the mobile number may be used, that moment included; null where it has no value or neither time."""
    return _expiry(inputs, MOBILE)


def email_expiry(inputs: Inputs) -> pa.TimestampArray:
    """The same for the e-mail address."""
    return _expiry(inputs, EMAIL)


def _expiry(inputs: Inputs, channel: str) -> pa.TimestampArray:
    newest = pc.max_element_wise(*(inputs[name].view(pa.int64()) for name in times_of(channel)))
    has_value = np.asarray(pc.fill_null(pc.greater(pc.binary_length(inputs[channel]), 0), fill_value=False))
    rows = has_value & np.asarray(newest.is_valid())
    ends = np.zeros(len(rows), np.int64)
    ends[rows] = months_after(newest.fill_null(0).to_numpy()[rows], USABLE_MONTHS)
    return pa.array(ends, pa.int64(), mask=~rows).view(INSTANT)


def state(inputs: Inputs) -> pa.DictionaryArray:
    """KAN_VARSLES where a person is active, has not opted out, and some channel may be used at the reference time."""
    ends = (inputs.derived(expiry_of(channel)).view(pa.int64()) for channel in CHANNELS)
    usable = (pc.fill_null(pc.greater_equal(end, inputs.reference), fill_value=False) for end in ends)
    may = pc.and_(inputs.equals(STATUS, ACTIVE), pc.or_(*usable))
    may = pc.and_not(may, inputs.equals(RESERVATION, RESERVED))
    return pa.DictionaryArray.from_arrays(pc.invert(may).cast(pa.int8()), pa.array(NOTIFICATION_STATES))
