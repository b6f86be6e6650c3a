"""The fast reader: one regular expression, built from the schema, that recognises a whole record as usually written.

It only ever accepts. A record that the pattern does not take for certain (an entity, a comment, CDATA, another order of
attributes, a control character, anything unknown) is called odd and left to the reference reader, and so is one whose
values a column's check doubts (see `columns.certain`). So the result is the reference's by construction.

The pattern's last alternatives match whatever it does not recognise, so what it gives tiles the block: nothing was
skipped, and each tile is one record with the white space before it, or odd.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from krr_export.readers.captured import CapturedColumn
from krr_export.readers.expression import CAREFUL, PLAIN, WHITE_SPACE, RecordExpression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from krr_export.characters import Characters
    from krr_export.readers.expression import Values
    from krr_export.schema import RecordSchema

NAME = "pattern"

_SPACES = b" \t\r\n"
ODD_SHARE = 0.25
"""With more odd records than this, the reference takes the whole block: it is cheaper than to pick them out."""
_FIRST_OF_ODD = itemgetter(-2)
"""A tile's group that an odd one captures."""
_PROBE_BYTES = 1 << 15
"""So much of a block is tried first: a block of odd records costs no more than that."""
_STRETCH_BYTES = 1 << 19
"""So much of a block is read at once: what Python makes of it on its way to Arrow stays in a processor's cache."""


@dataclass(frozen=True)
class Tiles:
    """A block's records as the pattern reads them.

    Attributes:
        columns: for each field of the schema its values, one a record, as text where ASCII, else as bytes; null where
            absent or odd.
        odd: the tiles that the pattern did not take, as indices, in order; such a one ends with a record's end tag, but
            need not be a record.
        records: how many records there are.
    """

    columns: list[pa.StringArray | pa.BinaryArray]
    odd: list[int]
    records: int


class PatternReader:
    """Reads blocks with one regular expression.

    Args:
        schema: what a record holds.
        namespaces: the document's prefixes, as its root declares them; ``""`` is the default namespace.

    Raises:
        ValueError: no expression recognises the schema's records, or the root declares no prefix for them.
    """

    def __init__(self, schema: RecordSchema, namespaces: Mapping[str, str]) -> None:
        self._schema = schema
        self._namespaces = namespaces
        expression = RecordExpression(schema, namespaces, PLAIN)
        self._columns = expression.columns
        self._end = b"</" + expression.name + b">"
        self._plain = self._compiled(PLAIN)

    def read(self, data: bytes, characters: Characters) -> Tiles | None:
        """Read a block; ``None`` where the reference should take it whole.

        Args:
            data: the block.
            characters: what it holds.
        """
        pattern = self._plain if characters.plain else self._careful
        if len(data) > _PROBE_BYTES and _is_odd(pattern.findall(data, 0, _PROBE_BYTES)):
            return None
        captured = [CapturedColumn() for _ in self._schema.fields]
        odd: list[int] = []
        records = 0
        for start, end in self._stretches(data):
            tiles = pattern.findall(data, start, end)
            rest = tiles.pop()[-1] if tiles and tiles[-1][-1] else b""
            if rest.strip(_SPACES) or _is_odd(tiles):
                return None
            if tiles:
                *values, first, _ = zip(*tiles, strict=True)
                for column, found in zip(self._columns, values, strict=True):
                    captured[column].extend(found)
                if any(first):
                    odd += [index for index, character in enumerate(first, records) if character]
                records += len(tiles)
        return Tiles([column.array(records) for column in captured], odd, records)

    def ends(self, data: bytes) -> NDArray[np.int64]:
        """Where the tiles end of a block that ``read`` took; each begins where the one before it ends.

        There are more of them than tiles where a time attribute's value holds the end tag of a record.
        """
        octets = np.frombuffer(data, np.uint8)
        begins = np.flatnonzero(octets[: max(0, len(data) - len(self._end) + 1)] == self._end[0])
        # An end tag's second character is the rarest; after it few places are left to look at.
        for place in range(1, len(self._end)):
            begins = begins[octets[begins + place] == self._end[place]]
        return begins + len(self._end)

    @cached_property
    def _careful(self) -> re.Pattern[bytes]:
        """For blocks that hold characters which are not plain."""
        return self._compiled(CAREFUL)

    def _compiled(self, values: Values) -> re.Pattern[bytes]:
        """A record, or else an odd one up to the next end tag of a record, or else whatever is left."""
        end = re.escape(self._end)
        odd = rb"([\s\S])(?:[^<]++|<(?!" + end[1:] + rb"))*+" + end
        expression = RecordExpression(self._schema, self._namespaces, values).expression
        return re.compile(WHITE_SPACE + expression + b"|" + odd + rb"|([\s\S]++)")

    def _stretches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """The block in parts that end with a record each, or with the block."""
        start = 0
        while start < len(data):
            end = data.rfind(self._end, start, start + _STRETCH_BYTES)
            if end < 0:
                end = data.find(self._end, start)
            end = len(data) if end < 0 else end + len(self._end)
            yield start, end
            start = end


def _is_odd(tiles: Sequence[tuple[bytes, ...]]) -> bool:
    """Whether too many are odd."""
    return sum(map(bool, map(_FIRST_OF_ODD, tiles))) > ODD_SHARE * len(tiles)
