"""Whether a person may be notified, and until when: eForvaltningsforskriften § 32, whole columns at once.

Contact data that was neither updated nor confirmed in the last 18 months may not be used to notify. Each channel is
judged separately, by the newer of its two times.
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


def time_columns(channel: str) -> tuple[str, str]:
    """Return the columns with the times when a channel was last updated and last confirmed."""
    return UPDATED[channel], VERIFIED[channel]


def expiry_column(channel: str) -> str:
    """Return the name of the derived column with the time until which a channel may be used."""
    return f"{channel}_utloeper"


def mobile_expiry(inputs: Inputs) -> pa.TimestampArray:
    """Return until when the mobile number may be used, inclusive; null without a value or without any time."""
    return _expiry(inputs, MOBILE)


def email_expiry(inputs: Inputs) -> pa.TimestampArray:
    """Return the same for the e-mail address."""
    return _expiry(inputs, EMAIL)


def _expiry(inputs: Inputs, channel: str) -> pa.TimestampArray:
    newest = pc.max_element_wise(*(inputs[name].view(pa.int64()) for name in time_columns(channel)))
    has_value = np.asarray(pc.fill_null(pc.greater(pc.binary_length(inputs[channel]), 0), fill_value=False))
    rows = has_value & np.asarray(newest.is_valid())
    ends = np.zeros(len(rows), np.int64)
    ends[rows] = months_after(newest.fill_null(0).to_numpy()[rows], USABLE_MONTHS)
    return pa.array(ends, pa.int64(), mask=~rows).view(INSTANT)


def state(inputs: Inputs) -> pa.DictionaryArray:
    """Return KAN_VARSLES if a person is active, not opted out, and a channel may be used at the reference time."""
    ends = (inputs.derived(expiry_column(channel)).view(pa.int64()) for channel in CHANNELS)
    usable = (pc.fill_null(pc.greater_equal(end, inputs.reference), fill_value=False) for end in ends)
    can_notify = pc.and_(inputs.equals(STATUS, ACTIVE), pc.or_(*usable))
    can_notify = pc.and_not(can_notify, inputs.equals(RESERVATION, RESERVED))
    return pa.DictionaryArray.from_arrays(pc.invert(can_notify).cast(pa.int8()), pa.array(NOTIFICATION_STATES))
