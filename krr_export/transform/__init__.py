"""Derived columns: what analysts would otherwise work out themselves, each in its own way."""

from krr_export.transform.catalogue import NAMES
from krr_export.transform.derivation import (
    ALL,
    NOTHING_DERIVED,
    Derivation,
    DeriveOptions,
    derivation_of,
    derived_fields,
)

__all__ = ["ALL", "NAMES", "NOTHING_DERIVED", "Derivation", "DeriveOptions", "derivation_of", "derived_fields"]
