"""Binary columns as dictionaries: many records share a certificate, so columns are expanded only when needed."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

ENCODED_BINARY = pa.dictionary(pa.int32(), pa.binary())


def is_encoded_binary(kind: pa.DataType) -> bool:
    """Return whether the type is a dictionary of binary values, with any index type."""
    return bool(pa.types.is_dictionary(kind) and pa.types.is_binary(kind.value_type))


def canonical(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """Return the values as one array of type ``kind`` that does not depend on how they were chunked or encoded.

    A binary dictionary contains the values in use, in order of first appearance; if the column is dictionary-encoded,
    it is not expanded. An enumeration keeps its dictionary, which is the same in all batches.
    """
    if not is_encoded_binary(kind):
        return column.cast(kind).combine_chunks()
    if not is_encoded_binary(column.type):
        column = column.dictionary_encode()
    array = column.combine_chunks()
    distinct = array.dictionary.dictionary_encode()  # a dictionary may contain a value twice
    codes = distinct.indices.take(array.indices)
    used = codes.drop_null().unique()
    return pa.DictionaryArray.from_arrays(pc.index_in(codes, used), distinct.dictionary.take(used))
