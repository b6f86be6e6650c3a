"""The rules of single identity numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.identity_numbers import IS_SYNTHETIC
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.rules.violations import violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.parsing.batch_view import BatchView
    from krr_export.rules.violations import Violation


def judge_identifiers(view: BatchView) -> Iterator[Violation]:
    """Yield the violations of the rules of single identity numbers."""
    identities = view.identities
    if identities is None:
        return
    whole = identities.digits.whole
    if not whole.all():
        yield from violations("identifier-not-digits", IDENTIFIER, ~whole & view.present(IDENTIFIER))
    today = identities.are_valid_today
    if not today.all():
        later = identities.may_be_issued & ~today
        yield from violations("identifier-check-digits", IDENTIFIER, whole & ~today & ~later)
        yield from violations("identifier-check-digits-2032", IDENTIFIER, later)
    yield from violations("identifier-date", IDENTIFIER, whole & ~identities.have_dates)
    yield from violations("identifier-century", IDENTIFIER, identities.lack_century)
    yield from violations("identifier-synthetic", IDENTIFIER, IS_SYNTHETIC[identities.kinds])
