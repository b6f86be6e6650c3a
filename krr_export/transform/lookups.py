"""Columns looked up by number: the kind of an identity number, the name of a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.identity_numbers import KINDS, classify_numbers
from krr_export.domain.mailbox_providers import PROVIDERS
from krr_export.domain.vocabulary import IDENTIFIER, PROVIDER

if TYPE_CHECKING:
    from krr_export.transform.inputs import Inputs

PROVIDER_NAMES = tuple(dict.fromkeys(PROVIDERS.values()))
"""One provider may have several organisation numbers."""


def identifier_kind(inputs: Inputs) -> pa.DictionaryArray:
    """Return the kind of each identity number."""
    kinds = classify_numbers(inputs[IDENTIFIER])
    return pa.DictionaryArray.from_arrays(pa.array(kinds, pa.int8(), mask=kinds < 0), pa.array(KINDS))


def provider_name(inputs: Inputs) -> pa.DictionaryArray:
    """Return the name of each mailbox's provider; null if there is no mailbox, or the number is not known."""
    known = pc.index_in(inputs[PROVIDER], pa.array(PROVIDERS))
    names = pa.array([PROVIDER_NAMES.index(name) for name in PROVIDERS.values()], pa.int8()).take(known)
    return pa.DictionaryArray.from_arrays(names, pa.array(PROVIDER_NAMES))
