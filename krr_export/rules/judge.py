"""Application of every rule to the rows of a block, as whole columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.rules.catalogue import RULE_NAMES
from krr_export.rules.certificates import CertificateJudge
from krr_export.rules.consistency import judge_consistency
from krr_export.rules.contact import judge_emails, judge_mobiles, judge_times
from krr_export.rules.identifiers import judge_identifiers
from krr_export.rules.mailboxes import judge_mailboxes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from krr_export.parsing.batch_view import BatchView
    from krr_export.rules.violations import Violation

_ORDER = {name: place for place, name in enumerate(RULE_NAMES)}


class Judge:
    """Applies the rules to the rows of one export, block by block.

    Duplicates are counted in `rules.duplicates`: a block does not know the others.

    Args:
        exported_at: when the export was made.
    """

    def __init__(self, exported_at: datetime) -> None:
        self._exported_at = exported_at
        self._certificates = CertificateJudge(exported_at)

    def find_violations(self, view: BatchView) -> list[Violation]:
        """Return the violations of the rows, in the catalogue's order.

        A rule is skipped if a column that it reads is missing, or has an unknown type.

        Args:
            view: rows of the table ``person``.
        """
        if not len(view):
            return []
        return sorted(self._violations(view), key=lambda violation: _ORDER[violation.code])

    def _violations(self, view: BatchView) -> Iterator[Violation]:
        yield from judge_identifiers(view)
        yield from judge_mobiles(view)
        yield from judge_emails(view)
        yield from judge_mailboxes(view)
        yield from judge_consistency(view)
        yield from judge_times(view, self._exported_at)
        yield from self._certificates.find_violations(view)
