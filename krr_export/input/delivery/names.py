"""How the files of a delivery are named, and which of them belong together.

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

_NAMED = 3
"""So many sets that were passed over are named in a message; the others are counted."""
_PART = re.compile(
    r"(?:(?:VirksomhetsID|(?P<receiver>[0-9]{9}))-)?Kontaktregister-(?P<stamp>[0-9]{8}T[0-9]{4}(?:[0-9]{2})?|LATEST)"
    r"\.(?:(?P<data>gz\.enc)|(?P<signature>sig)|(?P<key>key)\.(?:VirksomhetsID-)?(?P<orgnr>[0-9]{9}))"
)
"""Any file may have the prefix; a number there must be the one that the key is for."""


@dataclass(frozen=True)
class PartName:
    """The name of one file of a set.

    Attributes:
        name: the name itself.
        stamp: when the set was made, ``YYYYMMDDThhmm`` or ``YYYYMMDDThhmmss`` in the sender's time, or ``LATEST``.
        kind: which of the three it is.
        orgnr: the organisation that a key is for; ``None`` for the others.
    """

    name: str
    stamp: str
    kind: Kind
    orgnr: str | None = None


@dataclass(frozen=True)
class SetNames:
    """The names of the files of one set, as far as they are there.

    Attributes:
        stamp: as for `PartName`; that of the data where it is there.
        data: the encrypted export.
        signature: over it.
        keys: by the organisation that each is for.
    """

    stamp: str
    data: str | None = None
    signature: str | None = None
    keys: dict[str, str] = field(default_factory=dict)

    def all(self) -> list[str]:
        """The names of all files of it that are there, the data first."""
        return [name for name in (self.data, self.signature, *self.keys.values()) if name is not None]

    def missing(self, orgnr: str | None) -> list[str]:
        """What is missing for this organisation, or for any where it is ``None``; as it would be named."""
        missing = []
        if self.data is None:
            missing.append(f"Kontaktregister-{self.stamp}.gz.enc")
        if self.signature is None:
            missing.append(f"Kontaktregister-{self.stamp}.sig")
        if not self.keys or (orgnr is not None and orgnr not in self.keys):
            missing.append(f"Kontaktregister-{self.stamp}.key.{orgnr or '*'}")
        return missing


def check_orgnr(orgnr: str | None) -> None:
    """See whether this can stand in the name of a key; ``None`` stands for whichever organisation.

    Raises:
        UsageError: it has not nine digits.
    """
    if orgnr is not None and not re.fullmatch("[0-9]{9}", orgnr):
        raise UsageError("the organisation's number has nine digits", "check --orgnr")


def eligible(complete: Sequence[SetNames], latest_stamp: str) -> list[SetNames]:
    """Those of the complete sets of which the last is the newest.

    A set that is named for the future would be the newest until then. So it counts only where there is no other; nor
    does LATEST beside a set of which it is known how new it is.

    Args:
        complete: the sets, the oldest first.
        latest_stamp: of the future is what is named for a later time (`AgeLimits.latest_stamp`).
    """
    timed = [names for names in complete if names.stamp != LATEST]
    due = [names for names in timed if names.stamp <= latest_stamp]
    return due or [names for names in complete if names.stamp == LATEST] or timed


def passed_over(lacks: Sequence[str], ahead: Sequence[str] = ()) -> str:
    """The end of a message that says which sets are no use.

    Args:
        lacks: what each of those lacks that are incomplete, the newest first.
        ahead: the times in the names of those that are named for the future, likewise.
    """
    return _listed("incomplete", lacks) + _listed("named for the future", ahead)


def _listed(why: str, found: Sequence[str]) -> str:
    if not found:
        return ""
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"; passed over as {why}: {', '.join(found[:_NAMED])}{more}"


def parse_part(name: str) -> PartName | None:
    """Read the name of a file; ``None`` where it is none of a delivery's."""
    match = _PART.fullmatch(name)
    if match is None or (match["key"] and match["receiver"] not in (None, match["orgnr"])):
        return None
    kind: Kind = "data" if match["data"] else "signature" if match["signature"] else "key"
    return PartName(name, match["stamp"], kind, match["orgnr"])


def sets_in(names: Iterable[str]) -> list[SetNames]:
    """The sets among names of files, whole or not; the oldest first, and LATEST at the end."""
    parts = sorted(
        (part for part in map(parse_part, names) if part is not None), key=lambda part: (part.stamp, part.name)
    )
    sets: list[SetNames] = []
    for stamp, group in groupby(parts, key=lambda part: part.stamp):
        found = _set_of(stamp, list(group))
        # A name with seconds belongs to one without, exports being at least twenty minutes apart; not where both have
        # the same file: then one of them is a copy, and a file of each would not fit together.
        if sets and found.stamp.startswith(sets[-1].stamp) and not _overlap(sets[-1], found):
            found = _joined(sets.pop(), found)
        sets.append(found)
    return sets


def _set_of(stamp: str, parts: list[PartName]) -> SetNames:
    parts = sorted(parts, key=lambda part: -len(part.name))  # of two files for one thing, that without a prefix stays
    names = {part.kind: part.name for part in parts}
    keys = {part.orgnr: part.name for part in parts if part.orgnr is not None}
    return SetNames(stamp, names.get("data"), names.get("signature"), keys)


def _overlap(one: SetNames, other: SetNames) -> bool:
    both = (one.data and other.data) or (one.signature and other.signature)
    return bool(both) or not one.keys.keys().isdisjoint(other.keys)


def _joined(one: SetNames, other: SetNames) -> SetNames:
    return SetNames(
        stamp=other.stamp if other.data else one.stamp,
        data=one.data or other.data,
        signature=one.signature or other.signature,
        keys={**one.keys, **other.keys},
    )
