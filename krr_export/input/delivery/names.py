"""Names of the files of a delivery, and which of them belong together.

A delivery is a set of three files. The register's names vary: the time with or without seconds, a key's name with or
without a prefix (the receiver's number, or the word for it), and links named LATEST beside the newest set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LATEST = "LATEST"
"""Stands for the time in the names of links to the newest set."""

Kind: TypeAlias = Literal["data", "signature", "key"]

_MAX_NAMED = 3
"""How many passed-over sets a message names; it counts the others."""
_PART = re.compile(
    r"(?:(?:VirksomhetsID|(?P<receiver>[0-9]{9}))-)?Kontaktregister-(?P<stamp>[0-9]{8}T[0-9]{4}(?:[0-9]{2})?|LATEST)"
    r"\.(?:(?P<data>gz\.enc)|(?P<signature>sig)|(?P<key>key)\.(?:VirksomhetsID-)?(?P<orgnr>[0-9]{9}))"
)
"""Any file may have the prefix; a number in it must be the one that the key is for."""


@dataclass(frozen=True)
class PartName:
    """The name of one file of a set.

    Attributes:
        name: the name itself.
        stamp: when the set was made, ``YYYYMMDDThhmm`` or ``YYYYMMDDThhmmss`` in the sender's time, or ``LATEST``.
        kind: which of the three files it is.
        orgnr: the organisation that a key is for; ``None`` for the others.
    """

    name: str
    stamp: str
    kind: Kind
    orgnr: str | None = None


@dataclass(frozen=True)
class SetNames:
    """The names of those files of one set that exist.

    Attributes:
        stamp: as for `PartName`; that of the data if it exists.
        data: the encrypted export.
        signature: over the data.
        keys: by the organisation that each is for.
    """

    stamp: str
    data: str | None = None
    signature: str | None = None
    keys: dict[str, str] = field(default_factory=dict)

    def all(self) -> list[str]:
        """Return the names of all its files, the data first."""
        return [name for name in (self.data, self.signature, *self.keys.values()) if name is not None]

    def missing(self, orgnr: str | None) -> list[str]:
        """Return the names of the files that are missing for this organisation, or for any if it is ``None``."""
        missing = []
        if self.data is None:
            missing.append(f"Kontaktregister-{self.stamp}.gz.enc")
        if self.signature is None:
            missing.append(f"Kontaktregister-{self.stamp}.sig")
        if not self.keys or (orgnr is not None and orgnr not in self.keys):
            missing.append(f"Kontaktregister-{self.stamp}.key.{orgnr or '*'}")
        return missing


def check_orgnr(orgnr: str | None) -> None:
    """Check that this can be part of a key's name; ``None`` means any organisation.

    Raises:
        UsageError: it does not have nine digits.
    """
    if orgnr is not None and not re.fullmatch("[0-9]{9}", orgnr):
        raise UsageError("the organisation's number has nine digits", "check --orgnr")


def eligible(complete: Sequence[SetNames], latest_stamp: str) -> list[SetNames]:
    """Return the complete sets that may be chosen; the last of them is the newest.

    A set named for the future would be the newest until then, so it counts only if there is no other. LATEST counts
    only if no other set has a time that has passed.

    Args:
        complete: the sets, the oldest first.
        latest_stamp: a set named for a later time is from the future (`AgeLimits.latest_stamp`).
    """
    timed = [names for names in complete if names.stamp != LATEST]
    due = [names for names in timed if names.stamp <= latest_stamp]
    return due or [names for names in complete if names.stamp == LATEST] or timed


def passed_over(lacks: Sequence[str], ahead: Sequence[str] = ()) -> str:
    """Return the end of a message that says which sets were passed over.

    Args:
        lacks: what each incomplete set lacks, the newest set first.
        ahead: the times in the names of the sets that are named for the future, the newest first.
    """
    return _describe_sets("incomplete", lacks) + _describe_sets("named for the future", ahead)


def _describe_sets(why: str, found: Sequence[str]) -> str:
    if not found:
        return ""
    more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
    return f"; passed over as {why}: {', '.join(found[:_MAX_NAMED])}{more}"


def parse_part(name: str) -> PartName | None:
    """Parse the name of a file; ``None`` if it is not a file of a delivery."""
    match = _PART.fullmatch(name)
    if match is None or (match["key"] and match["receiver"] not in (None, match["orgnr"])):
        return None
    kind: Kind = "data" if match["data"] else "signature" if match["signature"] else "key"
    return PartName(name, match["stamp"], kind, match["orgnr"])


def group_sets(names: Iterable[str]) -> list[SetNames]:
    """Group names of files into sets, complete or not; the oldest first, LATEST last."""
    parts = sorted(
        (part for part in map(parse_part, names) if part is not None), key=lambda part: (part.stamp, part.name)
    )
    sets: list[SetNames] = []
    for stamp, group in groupby(parts, key=lambda part: part.stamp):
        found = _build_set(stamp, list(group))
        # A name with seconds and one without belong together: exports are at least twenty minutes apart. Not if both
        # have the same file: then one of them is a copy, and a file of each would not fit together.
        if sets and found.stamp.startswith(sets[-1].stamp) and not _have_same_file(sets[-1], found):
            found = _merge(sets.pop(), found)
        sets.append(found)
    return sets


def _build_set(stamp: str, parts: list[PartName]) -> SetNames:
    parts = sorted(parts, key=lambda part: -len(part.name))  # of two files of one kind, the one without a prefix wins
    names = {part.kind: part.name for part in parts}
    keys = {part.orgnr: part.name for part in parts if part.orgnr is not None}
    return SetNames(stamp, names.get("data"), names.get("signature"), keys)


def _have_same_file(one: SetNames, other: SetNames) -> bool:
    both = (one.data and other.data) or (one.signature and other.signature)
    return bool(both) or not one.keys.keys().isdisjoint(other.keys)


def _merge(one: SetNames, other: SetNames) -> SetNames:
    return SetNames(
        stamp=other.stamp if other.data else one.stamp,
        data=one.data or other.data,
        signature=one.signature or other.signature,
        keys={**one.keys, **other.keys},
    )
