"""Derived columns: what analysts would otherwise compute themselves, each in another way."""

from krr_export.transform.catalogue import NAMES
from krr_export.transform.derivation import (
    ALL,
    Derivation,
    DeriveOptions,
    build_derivation,
    derived_fields,
)

__all__ = ["ALL", "NAMES", "Derivation", "DeriveOptions", "build_derivation", "derived_fields"]
