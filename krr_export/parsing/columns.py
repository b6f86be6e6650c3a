"""Convert lexical columns to typed Arrow arrays, a column at a time.

All values here are valid by the XSD. A value that the table's type cannot store as written is counted as a finding,
never changed silently.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.times import date_days, date_time_micros, norwegian_offset
from krr_export.parsing.binary import BINARY_DECODERS
from krr_export.schema.record_schema import ORDINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from krr_export.parsing.lexical import LexicalBlock
    from krr_export.schema.record_schema import Field, RecordSchema

Values: TypeAlias = list[str | None]
FlaggedRows: TypeAlias = dict[str, list[int]]
"""Rows whose value gives a finding, by code."""

INSTANT = pa.timestamp("us", tz="UTC")
_WALL = pa.timestamp("us")
_HOUR = 3_600_000_000

# Values that Arrow's own parser accepts and parses correctly. `domain.times` parses the others, one at a time.
_CLOCK = r"-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?"
_WITH_OFFSET = r"^[12]\d{3}" + _CLOCK + r"(Z|[+-]\d\d:\d\d)$"
_WITHOUT_OFFSET = r"^(19|2\d)\d\d" + _CLOCK + "$"


_USUAL_FROM = -30_610_224_000_000_000
_USUAL_TO = 32_503_680_000_000_000
"""The years 1000 to 2999, in microseconds since 1970."""


@dataclass(frozen=True)
class Observation:
    """A finding about values of one field in a block.

    Attributes:
        code: the code in the catalogue of findings.
        field: the field's label.
        rows: the rows of the batch concerned, in order.
    """

    code: str
    field: str
    rows: list[int]


@dataclass(frozen=True)
class TypedBlock:
    """A block's accepted records as a record batch.

    Attributes:
        batch: ``radnummer`` and the schema's columns; a binary column is dictionary-encoded, because its distinct
            values are often few and always large.
        observations: findings about values.
    """

    batch: pa.RecordBatch
    observations: list[Observation]


def to_arrow(block: LexicalBlock, schema: RecordSchema) -> TypedBlock:
    """Convert the columns of a block to a record batch."""
    arrays = []
    observations = []
    for field, values in zip(schema.fields, block.columns, strict=True):
        array, flagged = _to_array(field, values)
        arrays.append(array)
        observations += [Observation(code, field.label, sorted(rows)) for code, rows in flagged.items() if rows]
    return TypedBlock(to_batch(block.ordinals, arrays, schema), observations)


def to_batch(
    ordinals: Sequence[int] | NDArray[np.int64], arrays: list[pa.Array], schema: RecordSchema
) -> pa.RecordBatch:
    """Put ordinals and typed columns together as a batch; binary columns stay dictionary-encoded."""
    columns = [pa.array(ordinals, ORDINAL.type), *arrays]
    fields = [logical.with_type(array.type) for logical, array in zip(schema.arrow, columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _to_array(field: Field, values: Values) -> tuple[pa.Array, FlaggedRows]:
    kind = field.arrow_type
    if field.base in BINARY_DECODERS:
        return _decode_binaries(values, BINARY_DECODERS[field.base]), {}
    if pa.types.is_timestamp(kind):
        return _parse_timestamps(pa.array(values, pa.string()))
    if pa.types.is_date(kind):
        return _dates(values)
    if (parse := _PARSERS.get(field.base)) is not None:
        return pa.array([None if value is None else parse(value) for value in values], kind), {}
    texts = pa.array(_normalise(values, field.facets.white_space), pa.string())
    if pa.types.is_dictionary(kind):
        listed = pa.array(field.facets.enumeration, pa.string())
        return pa.DictionaryArray.from_arrays(pc.index_in(texts, listed).cast(kind.index_type), listed), {}
    return texts, {}


def _normalise(values: Values, white_space: str) -> Values:
    """Apply the XSD's whiteSpace facet; in this register it is ``preserve`` as a rule."""
    if white_space == "preserve":
        return values
    replaced = [None if value is None else re.sub(r"[\t\r\n]", " ", value) for value in values]
    if white_space == "replace":
        return replaced
    return [None if value is None else re.sub(r" +", " ", value).strip(" ") for value in replaced]


def _decode_binaries(values: Values, decode: Callable[[str], bytes | None]) -> pa.DictionaryArray:
    """Decode each distinct value once."""
    encoded = pa.array(values, pa.string()).dictionary_encode()
    decoded = [decode(text) for text in encoded.dictionary.to_pylist()]
    array = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(decoded, pa.binary()))
    # The same bytes may be written in several ways (white space), but get one dictionary entry.
    return array if len(set(decoded)) == len(decoded) else array.dictionary_decode().dictionary_encode()


def _parse_timestamps(texts: pa.StringArray) -> tuple[pa.Array, FlaggedRows]:
    """Parse timestamps into instants in UTC: usual ones by kernels, the rest one at a time."""
    if (instants := _parse_usual_instants(texts)) is not None:
        return instants, {}
    zoned = pc.match_substring_regex(texts, _WITH_OFFSET)
    instants = _select(zoned, texts).cast(INSTANT)
    flagged: FlaggedRows = defaultdict(list)
    wall = pc.and_not(pc.match_substring_regex(texts, _WITHOUT_OFFSET), zoned)
    if pc.any(wall, min_count=0).as_py():
        instants = pc.coalesce(instants, _wall_to_utc(_select(wall, texts).cast(_WALL), flagged))
    rest = pc.indices_nonzero(pc.and_not(pc.is_valid(texts), pc.is_valid(instants)))
    if len(rest):
        instants = _parse_rows(instants, rest.to_pylist(), texts.take(rest).to_pylist(), date_time_micros, flagged)
    return instants, flagged


def _parse_usual_instants(texts: pa.StringArray) -> pa.TimestampArray | None:
    """Parse timestamps with Arrow's own parser; return ``None`` unless all have an offset and a year from 1000 to 2999.

    That parser is strict, except that it accepts times without seconds and offsets of up to 24 hours: the XSD has
    excluded these before.
    """
    try:
        instants = texts.cast(INSTANT)
    except pa.ArrowInvalid:
        return None
    earliest, latest = pc.min_max(instants.cast(pa.int64())).values()
    if earliest.is_valid and not _USUAL_FROM <= earliest.as_py() <= latest.as_py() < _USUAL_TO:
        return None
    return instants


def _dates(values: Values) -> tuple[pa.Array, FlaggedRows]:
    flagged: FlaggedRows = defaultdict(list)
    rows = [row for row, value in enumerate(values) if value is not None]
    present = [value for value in values if value is not None]
    days = _parse_rows(pa.nulls(len(values), pa.int32()), rows, present, date_days, flagged)
    return days.cast(pa.date32()), flagged


def _select(mask: pa.BooleanArray, array: pa.Array) -> pa.Array:
    return pc.if_else(mask, array, pa.scalar(None, array.type))


def _wall_to_utc(walls: pa.Array, flagged: FlaggedRows) -> pa.Array:
    """Convert Norwegian wall time to UTC. The offset is constant within an hour, so it is looked up once for each."""
    micros = walls.cast(pa.int64())
    hours = pc.divide(pc.floor_temporal(walls, unit="hour").cast(pa.int64()), _HOUR).dictionary_encode()
    offsets_and_codes = [norwegian_offset(hour) for hour in hours.dictionary.to_pylist()]
    hours_by_code: dict[str, list[int]] = defaultdict(list)
    for index, (_, codes) in enumerate(offsets_and_codes):
        for code in codes:
            hours_by_code[code].append(index)
    for code, indices in hours_by_code.items():
        concerned = pc.is_in(hours.indices, pa.array(indices, hours.indices.type))
        flagged[code] += pc.indices_nonzero(concerned).to_pylist()
    offsets = pa.array([offset for offset, _ in offsets_and_codes], pa.int64()).take(hours.indices)
    return pc.subtract(micros, offsets).cast(INSTANT)


def _parse_rows(
    array: pa.Array,
    rows: list[int],
    texts: list[str],
    parse: Callable[[str], tuple[int | None, tuple[str, ...]]],
    flagged: FlaggedRows,
) -> pa.Array:
    """Parse ``texts``, one for each of ``rows``, put the numbers in those rows, and collect the codes of findings."""
    mask = [False] * len(array)
    parsed = []
    for row, text in zip(rows, texts, strict=True):
        number, codes = parse(text)
        mask[row] = True
        parsed.append(number)
        for code in codes:
            flagged[code].append(row)
    storage = pa.int64() if pa.types.is_timestamp(array.type) else array.type
    filled = pc.replace_with_mask(array.cast(storage), pa.array(mask, pa.bool_()), pa.array(parsed, storage))
    return filled.cast(array.type)


def _boolean(text: str) -> bool:
    return text.strip() in {"true", "1"}


def _integer(text: str) -> int:
    return int(Decimal(text))  # int alone limits the number of digits, leading zeros included


_PARSERS: dict[str, Callable[[str], object]] = {
    "boolean": _boolean,
    **dict.fromkeys(("byte", "short", "int", "long"), _integer),
    **dict.fromkeys(("unsignedByte", "unsignedShort", "unsignedInt", "unsignedLong"), _integer),
    **dict.fromkeys(("float", "double"), float),
}
"""Parsers of single values for rare types, which no column of the register has."""
