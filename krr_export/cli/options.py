"""The options that several commands share, in the groups of the help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.config import PASSPHRASE
from krr_export.cli.parameters import Choice, FileMode, LocalName, LocalPath, Role, option
from krr_export.input.freshness import MAX_AHEAD
from krr_export.reporting.formats import FORMATS
from krr_export.reporting.guard_limits import MAX_DROP, MAX_GROWTH, MAX_SHIFT
from krr_export.reporting.page.language import LANGUAGES
from krr_export.util.processors import MAX_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]
    Declaration = Callable[[Function], Function]

INPUT, DELIVERY, SERVER = "Input", "Encrypted deliveries", "Server"
OUTPUT, COLUMNS = "Output", "Columns and privacy"
JUDGEMENT, GUARD = "Judgement and limits", "Guard"
TUNING = "Tuning"


def combine(*options: Declaration) -> Declaration:
    """Declare several options at once, in this order."""

    def declare(function: Function) -> Function:
        for declared in reversed(options):
            function = declared(function)
        return function

    return declare


schema_option = option(
    "--schema",
    type=LocalName(),
    default="14-05",
    show_default=True,
    metavar="14-05|16-02|FILE.xsd",
    heading=INPUT,
    help="The format's version, or an XSD of the export or of its Person.",
)
limit_option = option(
    "--limit", type=click.IntRange(min=1), metavar="N", heading=INPUT, help="Stop after N records: a partial result."
)
json_option = option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
progress_option = option(
    "--progress/--no-progress", default=None, help="Show a progress bar; by default on a terminal only."
)
report_format_option = option(
    "--report-format",
    type=Choice(["html", *FORMATS]),
    heading=OUTPUT,
    help="The report's format. By default the file's name says it: .html, .json, .xml for JUnit, .md.",
)
lang_option = option(
    "--lang",
    type=Choice(LANGUAGES),
    default="en",
    show_default=True,
    heading=OUTPUT,
    help="The language of the HTML page: English or Norwegian bokmål.",
)
passphrase_file_option = option(
    "--passphrase-file",
    type=LocalPath(),
    metavar="FILE",
    heading=DELIVERY,
    help=f"The private key's passphrase, on the file's first line. Else {PASSPHRASE}, or a prompt.",
)

delivery_options = combine(
    option(
        "--private-key",
        type=LocalPath(),
        metavar="FILE",
        heading=DELIVERY,
        help="Opens an encrypted delivery: PEM or PKCS#12.",
    ),
    passphrase_file_option,
    option(
        "--publisher-cert",
        type=LocalPath(),
        metavar="FILE",
        heading=DELIVERY,
        help="Who must have signed a delivery: a certificate or a public key, PEM or DER.",
    ),
    option(
        "--signature",
        type=Choice(["auto", "exact", "legacy-buffer", "none"]),
        default="auto",
        show_default=True,
        heading=DELIVERY,
        help="The form of a delivery's signature; none trusts anybody.",
    ),
    option(
        "--orgnr",
        metavar="N",
        heading=DELIVERY,
        help="The organisation whose key is used. Default: the only one that the set is for.",
    ),
)
"""Options of all commands that open an export, which may be an encrypted delivery."""

answer_options = combine(
    option(
        "--private-key",
        type=LocalPath(),
        metavar="FILE",
        help="Opens an encrypted answer: PEM or PKCS#12.",
    ),
    passphrase_file_option,
    option(
        "--publisher-cert",
        type=LocalPath(),
        required=True,
        metavar="FILE",
        help="Who must have signed the answer: a certificate or a public key, PEM or DER.",
    ),
    option(
        "-o",
        "--output",
        type=LocalName(Role.OUTPUT),
        default="-",
        show_default=True,
        metavar="FILE|-",
        help="Where to write the message, personal data; - is standard output.",
    ),
)
"""Options of the commands that open an answer of the closed SOAP service."""

login_options = combine(
    option(
        "--identity",
        type=LocalPath(),
        metavar="FILE",
        heading=SERVER,
        help="Private key to log in with. Default: the SSH agent's keys and ~/.ssh/id_*.",
    ),
    option(
        "--identity-passphrase-file",
        type=LocalPath(),
        metavar="FILE",
        heading=SERVER,
        help="File whose first line is the passphrase of that key.",
    ),
    option(
        "--known-hosts",
        type=LocalPath(),
        metavar="FILE",
        heading=SERVER,
        help="The servers' keys. Default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.",
    ),
    option("--force", is_flag=True, heading=SERVER, help="Ask the server even if it was asked in the last 20 minutes."),
)
"""Options of all commands that fetch."""

judging_options = combine(
    option(
        "--max-rejects",
        default="0",
        show_default=True,
        metavar="N|P%",
        heading=JUDGEMENT,
        help="How many records may be refused: a number, or a share of all.",
    ),
    option("--allow-empty", is_flag=True, heading=JUDGEMENT, help="An export without records is in order."),
    option(
        "--rules/--no-rules",
        default=True,
        show_default=True,
        heading=JUDGEMENT,
        help="Judge by the register's own rules too, or by the XSD alone.",
    ),
    option(
        "--strict",
        multiple=True,
        metavar="CODE[,CODE…]",
        heading=JUDGEMENT,
        help="Refuse records that break these rules (identifier-duplicate: the export), of krr-export rules; may be"
        " repeated.",
    ),
    option(
        "--profile/--no-profile",
        default=True,
        show_default=True,
        heading=JUDGEMENT,
        help="Count what the records hold, for the report and the guard.",
    ),
)
tuning_options = combine(
    option(
        "--workers",
        type=click.IntRange(min=0, max=MAX_THREADS),
        metavar="N",
        heading=TUNING,
        help="Threads that read; 0 for none but the main one. Default: the processors that may be used, 8 at most.",
    ),
    option(
        "--reader",
        type=Choice(["auto", "iterparse"]),
        default="auto",
        show_default=True,
        heading=TUNING,
        help="How records are read; all give the same.",
    ),
)
reading_options = combine(
    schema_option, delivery_options, judging_options, tuning_options, json_option, progress_option
)
"""Options of all commands that read a whole export."""

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
        help="Exit with 5 where the export, of run the newest, was made longer ago: so many m, h or d.",
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
        metavar="NAME[,NAME…]",
        heading=COLUMNS,
        help="Keep these columns only, and radnummer; may be repeated.",
    ),
    option(
        "--drop",
        multiple=True,
        metavar="NAME[,NAME…]",
        heading=COLUMNS,
        help="Leave these columns out; may be repeated.",
    ),
    option(
        "--pseudonymise",
        multiple=True,
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
