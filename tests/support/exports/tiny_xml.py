"""Tiny exports as XML: records, and the document around them."""

from __future__ import annotations

EXPORT = "http://kontaktinfo.difi.no/xsd/eksporttjeneste/14-05"
PERSONS = "http://begrep.difi.no"
ROOT_ATTRIBUTES = 'eksportTidspunkt="2014-02-26T12:22:25+01:00" senesteEndringsNummer="1724"'
IDENTIFIER = "03851598730"
"""A synthetic identity number."""


def person(*inner: str, identifier: str = IDENTIFIER) -> str:
    """A record: its identity number, then whatever comes after it, as markup."""
    return f"<Person><personidentifikator>{identifier}</personidentifikator>{''.join(inner)}</Person>"


def contact(email: str = "ola@example.no", attributes: str = "") -> str:
    """A Kontaktinformasjon with an e-mail address, as markup."""
    return f"<Kontaktinformasjon><Epostadresse {attributes}>{email}</Epostadresse></Kontaktinformasjon>"


def export(
    *persons: str,
    declaration: str = '<?xml version="1.0" encoding="{encoding}"?>\n',
    root: str = f'et:Kontaktregister xmlns:et="{EXPORT}" xmlns="{PERSONS}" {ROOT_ATTRIBUTES}',
    between: str = "\n",
    after: str = "",
    encoding: str = "UTF-8",
) -> bytes:
    """An export as bytes.

    Args:
        persons: the records as markup.
        declaration: what stands before the root; ``{encoding}`` stands for its name.
        root: the root's start tag without its angle brackets.
        between: what stands between two tags under the root.
        after: what stands after the root.
        encoding: a name that XML and Python both know; UTF-16 gets a byte order mark.
    """
    content = "".join(f"{between}{text}" for text in persons) + between
    text = f"{declaration.format(encoding=encoding)}<{root}>{content}</{root.split(maxsplit=1)[0]}>{after}"
    return text.encode(encoding)
