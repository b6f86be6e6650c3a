"""The table ``findings``: a row for each warning and each info about one record, without values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.rules.catalogue import CATALOGUE, RULES
from krr_export.schema.record_schema import ORDINAL_FIELD, Facets, Field, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from krr_export.findings.finding_rows import FindingRows
    from krr_export.schema.record_schema import RecordSchema

_TEXT = pa.dictionary(pa.int16(), pa.string())

_CODES = sorted(code.name for code in CATALOGUE.values() if code.severity != "reject")
_SEVERITIES = ("info", "warning")

FINDINGS = Table(
    "findings",
    "What was found about single records that were not refused: a row for each warning and each info, without values.",
    (
        replace(ORDINAL_FIELD, documentation="The record's ordinal in the export, as in person and rejects."),
        Field("code", _TEXT, "What was found: a stable code, which krr-export rules explains.", privacy="personal"),
        Field(
            "severity",
            _TEXT,
            "How serious the finding is.",
            privacy="personal",
            facets=Facets(enumeration=_SEVERITIES),
        ),
        Field("field", _TEXT, "The element or attribute concerned, by its path in the XSD.", privacy="personal"),
    ),
)
FINDINGS_SCHEMA = FINDINGS.arrow
_SEVERITY_OF_CODE = np.array([_SEVERITIES.index(CATALOGUE[code].severity) for code in _CODES], np.int64)
_READ_BY_RULE = {rule.name: frozenset(rule.columns) for rule in RULES}


class FindingsTable:
    """Converts the findings of blocks to rows of the table.

    Args:
        schema: of a record.
        hidden: columns that are left out or pseudonymised. What a rule that reads one finds is left out too: it would
            tell something of the value.
    """

    def __init__(self, schema: RecordSchema, hidden: Collection[str]) -> None:
        self._names = [field.name for field in schema.fields]
        labels = [field.label for field in schema.fields]
        self._labels = sorted(set(labels))
        self._label_of_column = [self._labels.index(label) for label in labels]
        self._code_of_name = {name: code for code, name in enumerate(_CODES)}
        self._hidden = frozenset(hidden)

    def batch(self, found: Iterable[FindingRows]) -> pa.RecordBatch:
        """Return the rows, ordered by record, code and field."""
        # Codes and labels are sorted: so sorting their indices sorts them.
        fields, codes = len(self._labels), len(_CODES)
        keys = [
            one.ordinals * (codes * fields)
            + (self._code_of_name[one.code] * fields + self._label_of_column[one.column])
            for one in found
            if not self._is_hidden(one)
        ]
        ordered = np.sort(np.concatenate([*keys, np.zeros(0, np.int64)]))
        ordinals, rest = np.divmod(ordered, codes * fields)
        code, field = np.divmod(rest, fields)
        return pa.RecordBatch.from_arrays(
            [
                pa.array(ordinals, pa.int64()),
                _encoded(code, _CODES),
                _encoded(_SEVERITY_OF_CODE[code], _SEVERITIES),
                _encoded(field, self._labels),
            ],
            schema=FINDINGS_SCHEMA,
        )

    def _is_hidden(self, one: FindingRows) -> bool:
        return not self._hidden.isdisjoint({self._names[one.column], *_READ_BY_RULE.get(one.code, ())})


def _encoded(indices: NDArray[np.int64], values: Collection[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int16()), pa.array(values, pa.string()))
