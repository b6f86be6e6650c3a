"""What a shell completes: the names that an option takes, each from where the command itself knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import KrrExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    from krr_export.schema.record_schema import RecordSchema

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _listed(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    """Return what completes the last of several names with commas between them, or a single one."""

    def complete(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        before, comma, last = typed.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{name}" for name in names(ctx) if name.startswith(last) and name not in taken]

    return complete


def _schema(ctx: click.Context) -> RecordSchema | None:
    from krr_export.schema.registry import load_schema  # noqa: PLC0415 - help does not need it

    try:
        return load_schema(str(ctx.params.get("schema") or "14-05"))
    except KrrExportError:  # the command will say so
        return None


def _columns(ctx: click.Context) -> Iterable[str]:
    schema = _schema(ctx)
    return () if schema is None else schema.arrow.names


def _columns_of_few_values(ctx: click.Context) -> Iterable[str]:
    schema = _schema(ctx)
    return () if schema is None else [field.name for field in schema.fields if field.facets.enumeration]


def _rules(_ctx: click.Context) -> Iterable[str]:
    from krr_export.rules.catalogue import RULES  # noqa: PLC0415 - help does not need it

    return [rule.code.name for rule in RULES]


complete_columns = _listed(_columns)
complete_partitions = _listed(_columns_of_few_values)
complete_rules = _listed(_rules)
