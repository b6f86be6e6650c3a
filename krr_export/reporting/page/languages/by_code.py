"""The languages of the page, by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from krr_export.reporting.page.languages.language import Lang, Language


def language(code: Lang) -> Language:
    """Return the language with this code.

    Raises:
        UsageError: there is none.
    """
    if code == "nb":
        from krr_export.reporting.page.languages.norwegian import NORWEGIAN  # noqa: PLC0415 - only who reads it pays for it

        return NORWEGIAN
    if code == "en":
        from krr_export.reporting.page.languages.english import ENGLISH  # noqa: PLC0415 - only a page in English pays for it

        return ENGLISH
    raise UsageError(f"--lang {code}: the page does not speak that language", "choose en or nb")
