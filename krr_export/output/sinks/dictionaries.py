"""Binary columns as dictionaries: many certificates are the same one, so they are never expanded without need."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

ENCODED_BINARY = pa.dictionary(pa.int32(), pa.binary())


def is_encoded_binary(kind: pa.DataType) -> bool:
    """Whether the type is a dictionary of binary values, with whatever index."""
    return bool(pa.types.is_dictionary(kind) and pa.types.is_binary(kind.value_type))


def canonical(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """The same values as one array of type ``kind`` that does not show how they arrived.

    A binary dictionary holds the values in use, in order of first appearance; made from dictionaries, it does not
    expand them. An enumeration keeps its dictionary, which is the same in all batches.
    """
    if not is_encoded_binary(kind):
        return column.cast(kind).combine_chunks()
    if not is_encoded_binary(column.type):
        column = column.dictionary_encode()
    array = column.combine_chunks()
    distinct = array.dictionary.dictionary_encode()  # a dictionary may hold a value twice
    codes = distinct.indices.take(array.indices)
    used = codes.drop_null().unique()
    return pa.DictionaryArray.from_arrays(pc.index_in(codes, used), distinct.dictionary.take(used))
