"""Options by name, as type checkers know them: those of ``convert``, and the part of them that ``apply`` takes.

Python derives no ``TypedDict`` from a dataclass; a test holds these equal to `krr_export.jobs.options.ConvertOptions`.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from krr_export.errors import UsageError
from krr_export.input.delivery.opening import DeliveryKeywords, DeliveryOptions, with_keywords
from krr_export.output.sinks.options import Compression, Format
from krr_export.reporting.page.languages.language import Lang
from krr_export.util.fields import Names, StrPath, check_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.jobs.options import ConvertOptions


class ShapeKeywords(TypedDict, total=False):
    """What a snapshot is like: of one made by changes, it is as in the snapshot before."""

    format: Format
    compression: Compression | None
    partition_by: Names
    rows_per_file: int
    derive: Names
    columns: Names
    drop: Names
    pseudonymise: Names
    findings: bool


class LoadKeywords(ShapeKeywords, total=False):
    """How rows are judged and published, wherever they come from."""

    pseudonym_key: StrPath | None
    max_rejects: int | str
    guard: bool
    max_drop: int | str
    max_growth: int | str
    max_shift: int | str
    max_age: timedelta | str | None
    max_ahead: timedelta | str
    changes: bool
    mode: int
    lang: Lang


class OptionKeywords(LoadKeywords, total=False):
    """The fields of `ConvertOptions`."""

    schema: str | Path
    as_of: datetime | str | None
    rules: bool
    profile: bool
    strict: Names
    allow_empty: bool
    allow_older: bool
    replace: bool
    limit: int | None
    workers: int | None
    reader: str
    delivery: DeliveryOptions


class ConvertKeywords(OptionKeywords, DeliveryKeywords, total=False):
    """The options of ``convert`` by name: fields of `ConvertOptions`, and of `DeliveryOptions` for an encrypted one."""


def changed(options: ConvertOptions, keywords: Mapping[str, Any]) -> ConvertOptions:
    """Return the options with these changes.

    Args:
        options: to begin with.
        keywords: `ConvertKeywords`, of a caller who may not be type-checked.

    Raises:
        UsageError: there is no such option, its value is invalid, or the options to begin with are none.
    """
    if not is_dataclass(options):
        raise UsageError("options is of another type", "give ConvertOptions")
    own = [field.name for field in fields(options)]
    keys = DeliveryKeywords.__annotations__
    check_names([*own, *keys], keywords)
    given = dict(keywords)
    keyed = {name: given.pop(name) for name in keywords if name in keys}
    if keyed:
        given["delivery"] = with_keywords(given.get("delivery", options.delivery), cast("DeliveryKeywords", keyed))
    return replace(options, **given) if given else options
