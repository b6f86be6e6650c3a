"""Write YAML that people read: mappings and lists in blocks, strings quoted as in JSON unless they are simple words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

Yaml: TypeAlias = Mapping[str, "Yaml"] | Sequence["Yaml"] | str | int | None

_WORD = re.compile(r"[a-z][a-z0-9_]+")
_NO_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null"})
"""Plain, these are not read as strings by YAML 1.1 or 1.2."""
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON writes as it is, and YAML does not allow, or reads as the end of a line."""


def to_yaml(document: Mapping[str, Yaml]) -> str:
    """Return the document as YAML, without a line end at the end.

    A string in double quotes as JSON writes it is one of YAML too (YAML 1.2, section 1.3).
    """
    return "\n".join(_lines(document)) or "{}"


def _lines(value: Mapping[str, Yaml] | Sequence[Yaml]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{_scalar(key)}:", inner)
    else:
        for inner in value:
            yield from _item(inner)


def _entry(start: str, value: Yaml) -> Iterator[str]:
    if _is_block(value):
        yield start
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{start} {_scalar(value)}"


def _item(value: Yaml) -> Iterator[str]:
    """Write an item of a list: its first line stands behind the dash."""
    lines = list(_lines(value)) if _is_block(value) else [_scalar(value)]
    yield f"- {lines[0]}"
    yield from (f"  {line}" for line in lines[1:])


def _is_block(value: Yaml) -> TypeGuard[Mapping[str, Yaml] | Sequence[Yaml]]:
    return not isinstance(value, str | int | None) and len(value) > 0


def _scalar(value: Yaml) -> str:
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in _NO_WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
