"""Rules of digital mailboxes: the form of an address by its provider, and the provider's organisation number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.mailbox_providers import ADDRESS_FORMS, PLACEHOLDERS, PROVIDERS
from krr_export.domain.organisation_numbers import are_valid
from krr_export.domain.vocabulary import MAILBOX, PROVIDER
from krr_export.rules.prefilter import unmatched_rows
from krr_export.rules.violations import Violation, violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from krr_export.parsing.batch_view import BatchView

_KNOWN = pa.array(list(PROVIDERS), pa.string())
_PLACEHOLDERS = pa.array(PLACEHOLDERS, pa.string())


def judge_mailboxes(view: BatchView) -> Iterator[Violation]:
    """Yield the violations of the rules of providers, over distinct values, and of mailbox addresses by provider."""
    values = view.texts(PROVIDER)
    if values is None:
        return
    providers = values.dictionary_encode()
    distinct = providers.dictionary
    valid, placeholder = are_valid(distinct), pc.is_in(distinct, _PLACEHOLDERS)
    for code, wrong in (
        ("provider-check-digit", pc.invert(pc.or_(valid, placeholder))),
        ("provider-placeholder", placeholder),
        ("provider-unknown", pc.and_not(valid, pc.is_in(distinct, _KNOWN))),
    ):
        if wrong.true_count:
            yield from violations(code, PROVIDER, wrong.take(providers.indices))
    addresses = view.texts(MAILBOX)
    if addresses is not None:
        yield from _judge_addresses(addresses, view.present(MAILBOX), providers)


def _judge_addresses(
    addresses: pa.StringArray, present: NDArray[np.bool_], providers: pa.DictionaryArray
) -> Iterator[Violation]:
    wrong = []
    names = [PROVIDERS.get(number) for number in providers.dictionary.to_pylist()]
    indices = np.asarray(providers.indices.fill_null(len(names)))
    for pattern in dict.fromkeys(ADDRESS_FORMS.values()):
        uses_it = [name is not None and ADDRESS_FORMS.get(name) == pattern for name in names]
        if any(uses_it):
            among = np.array([*uses_it, False])[indices] & present
            rows = unmatched_rows(addresses, among, pattern)
            if rows.size:
                wrong.append(rows[~np.asarray(pc.match_substring_regex(addresses.take(pa.array(rows)), pattern))])
    rows = np.sort(np.concatenate(wrong)) if wrong else _NONE
    if rows.size:
        yield Violation("mailbox-address-form", MAILBOX, rows)


_NONE = np.zeros(0, np.int64)
