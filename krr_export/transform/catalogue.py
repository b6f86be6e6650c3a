"""The catalogue of derived columns: meaning, type, and the columns that each is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import pyarrow as pa

from krr_export.domain.identity_numbers import KINDS
from krr_export.domain.vocabulary import (
    CERTIFICATE,
    EMAIL,
    IDENTIFIER,
    MOBILE,
    NOTIFICATION_STATES,
    PROVIDER,
    RESERVATION,
    STATUS,
    USABLE_MONTHS,
)
from krr_export.parsing.columns import INSTANT
from krr_export.transform import certificates, lookups, notification, numbers
from krr_export.transform.notification import expiry_column, time_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.transform.inputs import Inputs

Kind: TypeAlias = Literal["text", "word", "time", "bytes"]
"""The kind of values that a column must have to derive another from it; a word may be one of a list."""

STATE = "varslingsstatus"
"""The only derived column that depends on the time of judgement."""


@dataclass(frozen=True)
class Derived:
    """A column that can be derived.

    Attributes:
        name: the name for ``--derive``.
        needs: the columns that it is made from, and the kind of their values.
        arrow_type: of its values.
        make: makes it from a batch.
        documentation: its meaning.
        values: all possible values, in order, if it is a dictionary.
        repeats: the column whose value it reveals, if there is one.
        nullable: whether it may be null.
    """

    name: str
    needs: dict[str, Kind]
    arrow_type: pa.DataType
    make: Callable[[Inputs], pa.Array]
    documentation: str
    values: tuple[str, ...] = ()
    repeats: str | None = None
    nullable: bool = True


_WORDS = pa.dictionary(pa.int8(), pa.string())


def _channel_needs(channel: str) -> dict[str, Kind]:
    first, second = time_columns(channel)
    return {channel: "text", first: "time", second: "time"}


def _expiry(channel: str, make: Callable[[Inputs], pa.Array], what: str) -> Derived:
    return Derived(
        expiry_column(channel),
        _channel_needs(channel),
        INSTANT,
        make,
        f"Until when the {what} may be used to notify, that moment included: {USABLE_MONTHS} calendar months in"
        " Norwegian time after it was last updated or confirmed. Null where there is none, or it has no time at all and"
        " counts as expired.",
    )


CATALOGUE: dict[str, Derived] = {
    derived.name: derived
    for derived in (
        Derived(
            STATE,
            {STATUS: "word", RESERVATION: "word", **_channel_needs(MOBILE), **_channel_needs(EMAIL)},
            _WORDS,
            notification.state,
            "Whether the person may be notified at the moment of the export, or at the one that --as-of gives: active,"
            " not opted out, and some channel not expired.",
            NOTIFICATION_STATES,
            nullable=False,
        ),
        _expiry(MOBILE, notification.mobile_expiry, "mobile number"),
        _expiry(EMAIL, notification.email_expiry, "e-mail address"),
        Derived(
            "identifikatortype",
            {IDENTIFIER: "text"},
            _WORDS,
            lookups.identifier_kind,
            "The kind of the identity number, by its day and month; its check digits are not looked at.",
            KINDS,
        ),
        Derived(
            "mobiltelefonnummer_e164",
            {MOBILE: "text"},
            pa.string(),
            numbers.e164,
            "The mobile number in the form of E.164, as someone in Norway would dial it; null where its length is not"
            " possible in its country.",
            repeats=MOBILE,
        ),
        Derived(
            "postkasseleverandoer_navn",
            {PROVIDER: "text"},
            _WORDS,
            lookups.provider_name,
            "The name of the mailbox's provider; null where there is no mailbox or its provider is not known.",
            lookups.PROVIDER_NAMES,
            repeats=PROVIDER,
        ),
        Derived(
            "x509_sertifikat_sha256",
            {CERTIFICATE: "bytes"},
            pa.string(),
            certificates.fingerprint,
            "SHA-256 of the certificate's DER, 64 lower-case hexadecimal digits: its fingerprint.",
        ),
        Derived(
            "x509_sertifikat_utloeper",
            {CERTIFICATE: "bytes"},
            INSTANT,
            certificates.expiry,
            "When the certificate expires (notAfter); null where it is no X.509 certificate.",
        ),
    )
}
"""By name, in the order of the table's columns."""

NAMES = tuple(CATALOGUE)
