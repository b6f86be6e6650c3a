"""The options of the commands that write a snapshot."""

from __future__ import annotations

import click

from krr_export.cli.completion import complete_columns, complete_partitions
from krr_export.cli.options import COLUMNS, GUARD, OUTPUT, combine, lang_option
from krr_export.cli.parameters import Choice, FileMode, LocalPath, option
from krr_export.input.freshness import MAX_AHEAD
from krr_export.reporting.guard_limits import MAX_DROP, MAX_GROWTH, MAX_SHIFT

mode_option = option(
    "--mode",
    type=FileMode(),
    default="600",
    show_default=True,
    metavar="OCTAL",
    heading=OUTPUT,
    help="Permissions of the files; directories follow.",
)
changes_option = option(
    "--changes/--no-changes",
    default=False,
    show_default=True,
    heading=OUTPUT,
    help="Write what changed since the snapshot before, as changes/ and in the report.",
)
replace_option = option(
    "--replace",
    is_flag=True,
    heading=OUTPUT,
    help="Exchange a snapshot of this export that is there with another result.",
)
pseudonym_key_option = option(
    "--pseudonym-key",
    type=LocalPath(),
    metavar="FILE",
    heading=COLUMNS,
    help="The secret that pseudonyms are made with: 32 to 4096 bytes, for your eyes only.",
)
guard_options = combine(
    option(
        "--guard/--no-guard",
        default=True,
        show_default=True,
        heading=GUARD,
        help="Publish nothing that differs from the snapshot before by more than the following; or accept it.",
    ),
    option(
        "--max-drop",
        default=MAX_DROP,
        show_default=True,
        metavar="N|P%",
        heading=GUARD,
        help="How many records fewer are in order.",
    ),
    option(
        "--max-growth",
        default=MAX_GROWTH,
        show_default=True,
        metavar="N|P%",
        heading=GUARD,
        help="How many records more are.",
    ),
    option(
        "--max-shift",
        default=MAX_SHIFT,
        show_default=True,
        metavar="P%",
        heading=GUARD,
        help="By how many percentage points the share of rejects, of a listed value or of nulls may change.",
    ),
    option(
        "--max-age",
        metavar="48h",
        heading=GUARD,
        help="Exit with 5 where the export, of run and backfill the newest, was made longer ago: so many m, h or d.",
    ),
    option(
        "--max-ahead",
        default=MAX_AHEAD,
        show_default=True,
        metavar="24h",
        heading=GUARD,
        help="Exit with 5 where an export says that it was made further in the future; pass over a delivery that is"
        " named so where there is another.",
    ),
)
"""Limits of differences from the snapshot before, and of age."""

shape_options = combine(
    option(
        "--format",
        type=Choice(["parquet", "csv", "csv-excel"]),
        default="parquet",
        show_default=True,
        heading=OUTPUT,
        help="Of the table person; rejects are always Parquet. csv-excel: for people who open it in Excel.",
    ),
    option(
        "--compression",
        type=Choice(["zstd", "snappy", "gzip", "none"]),
        heading=OUTPUT,
        help="Default: zstd for Parquet, none for CSV, which takes gzip too.",
    ),
    option(
        "--partition-by",
        multiple=True,
        shell_complete=complete_partitions,
        metavar="COLUMN",
        heading=OUTPUT,
        help="Files of their own for each value of a column with few; may be repeated.",
    ),
    option(
        "--rows-per-file",
        type=click.IntRange(min=1),
        metavar="N",
        default=1_228_800,
        show_default=True,
        heading=OUTPUT,
        help="Begin a new file after N rows; the default is ten row groups.",
    ),
    option(
        "--findings/--no-findings",
        default=True,
        show_default=True,
        heading=OUTPUT,
        help="Write each warning and info about a record, without values, as findings/.",
    ),
)
derive_option = option(
    "--derive",
    multiple=True,
    metavar="NAME[,NAME…]|all",
    heading=COLUMNS,
    help="Add columns that follow from others; may be repeated. krr-export schema --derive all shows them.",
)
as_of_option = option(
    "--as-of",
    metavar="TIME",
    heading=COLUMNS,
    help="When varslingsstatus is judged, ISO 8601. Default: when the export was made.",
)
column_options = combine(
    option(
        "--columns",
        multiple=True,
        shell_complete=complete_columns,
        metavar="NAME[,NAME…]",
        heading=COLUMNS,
        help="Keep these columns only, and radnummer; may be repeated.",
    ),
    option(
        "--drop",
        multiple=True,
        shell_complete=complete_columns,
        metavar="NAME[,NAME…]",
        heading=COLUMNS,
        help="Leave these columns out; may be repeated.",
    ),
    option(
        "--pseudonymise",
        multiple=True,
        shell_complete=complete_columns,
        metavar="NAME[,NAME…]",
        heading=COLUMNS,
        help="Replace the values of these columns by pseudonyms; may be repeated.",
    ),
)

writing_options = combine(
    shape_options,
    mode_option,
    changes_option,
    lang_option,
    derive_option,
    as_of_option,
    column_options,
    pseudonym_key_option,
    guard_options,
)
"""Options of all commands that write a snapshot."""

SHAPE = (
    "format",
    "compression",
    "partition_by",
    "rows_per_file",
    "derive",
    "columns",
    "drop",
    "pseudonymise",
    "findings",
)
"""What a snapshot is like: of one made by changes, it is as in the snapshot before."""
