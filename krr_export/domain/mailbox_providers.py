"""The providers of digital mailboxes by organisation number, and the placeholders used for them in documentation."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "984661185": "Digipost",
        "996460320": "e-Boks",
        "922020175": "e-Boks",
        "958935420": "e-Boks test",
    }
)
"""From organisation number to name."""

PLACEHOLDERS = ("012345678", "123456789", "998877665")
"""Numbers used for a provider in examples of the register's documentation; their check digits are wrong."""

NUMBER = r"^(?:[0-9]{8}|[0-9]{10})$"
NAME_AND_SIGNS = r"^[^\s#@]+#[0-9A-Za-z]{4}$"
ADDRESS_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "Digipost": NAME_AND_SIGNS,
        "e-Boks": NUMBER,
        "e-Boks test": NUMBER,
    }
)
"""From a provider's name to the form of its mailbox addresses, as a regular expression (RE2): a name and four signs
after ``#``, or eight or ten digits. Inferred from published examples."""
