"""Norwegian translations of masked details, which consist of a few phrases, kinds and lengths (`findings.mask`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krr_export.reporting.page.language import Language

_KINDS = {
    "digits": "sifre",
    "letters": "bokstaver",
    "letters and digits": "bokstaver og sifre",
    "white space": "blanke tegn",
    "mixed": "blandet",
    "mixed, some not ASCII": "blandet, noen utenfor ASCII",
}
_LENGTH = re.compile(rf"(\d+) characters?, ({'|'.join(sorted(_KINDS, key=len, reverse=True))})")
_PHRASES = (
    (re.compile(r"the XSD asks for at least (\d+)"), r"XSD-en krever minst \1"),
    (re.compile(r"the XSD asks for (\d+) characters"), r"XSD-en krever \1 tegn"),
    (re.compile(r"the XSD asks for (xs:\w+)"), r"XSD-en krever \1"),
    (re.compile(r"the XSD allows (\d+)"), r"XSD-en tillater \1"),
    (re.compile(r"the XSD allows (\w+(?:, \w+)*)"), r"XSD-en tillater \1"),
    (re.compile(r"written as (\w+), as until 2014"), r"skrevet som \1, som før 2014"),
    (re.compile(r"the value is \\N"), r"verdien er \\N"),
    (re.compile("the element is missing"), "elementet mangler"),
    (re.compile("the attribute is missing"), "attributtet mangler"),
    (re.compile("the element is in another namespace"), "elementet er i et annet navnerom"),
    (re.compile("the element is repeated, or not in its place"), "elementet er gjentatt, eller ikke på sin plass"),
    (re.compile("an element that the XSD does not know"), "et element som XSD-en ikke kjenner"),
    (
        re.compile("(xsi:(?:nil|type), )?an attribute that the XSD does not have here"),
        r"\1et attributt som XSD-en ikke har her",
    ),
    (re.compile("text where the XSD has only elements"), "tekst der XSD-en bare har elementer"),
    (re.compile(r"(\d+) octets"), r"\1 oktetter"),
    (re.compile("a time"), "et tidspunkt"),
    (re.compile("empty"), "tom"),
)


def translate_detail(words: Language, detail: str) -> tuple[str, str]:
    """Return a detail in the page's language, and its language's code, empty if it is the page's."""
    if words.code == "en":
        return detail, ""
    parts = [_translate_part(part) for part in detail.split("; ")]
    # A half-translated detail would mix languages: it is left untranslated.
    return (detail, "en") if None in parts else ("; ".join(filter(None, parts)), "")


def _translate_part(part: str) -> str | None:
    if found := _LENGTH.fullmatch(part):
        return f"{found[1]} tegn, {_KINDS[found[2]]}"
    for phrase, norwegian in _PHRASES:
        if phrase.fullmatch(part):
            return phrase.sub(norwegian, part)
    return None
