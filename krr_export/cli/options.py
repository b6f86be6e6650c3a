"""The options that several commands share, in the groups of the help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.completion import complete_rules
from krr_export.cli.config import PASSPHRASE
from krr_export.cli.parameters import GENERAL, Choice, LocalName, LocalPath, Role, option
from krr_export.reporting.formats import FORMATS
from krr_export.reporting.page.languages.language import LANGUAGES
from krr_export.util.processors import MAX_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]
    Declaration = Callable[[Function], Function]

INPUT, DELIVERY, SERVER = "Input", "Encrypted deliveries", "Server"
OUTPUT, COLUMNS = "Output", "Columns and privacy"
JUDGEMENT, GUARD = "Judgement and limits", "Guard"
TUNING = "Tuning"
DATABASE = "A database"


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
json_option = option("--json", "as_json", is_flag=True, heading=GENERAL, help="One line of JSON on standard output.")
progress_option = option(
    "--progress/--no-progress",
    default=None,
    heading=GENERAL,
    help="Show a progress bar; by default on a terminal only.",
)
report_format_option = option(
    "--report-format",
    type=Choice(["html", *FORMATS]),
    heading=OUTPUT,
    help="The report's format. By default the file's name says it: .html, .txt, .json, .xml for JUnit, .md.",
)
lang_option = option(
    "--lang",
    type=Choice(LANGUAGES),
    default="en",
    show_default=True,
    heading=OUTPUT,
    help="The language of the HTML page: English or Norwegian bokmål.",
)
csv_schema_option = option(
    "--schema",
    type=LocalName(),
    metavar="FILE.xsd",
    heading="A store of CSV",
    help="The XSD that a store of CSV was made with, if it is a file of yours.",
)
db_schema_option = option(
    "--db-schema",
    default="krr",
    show_default=True,
    metavar="NAME",
    heading=DATABASE,
    help="The schema in which the tables are; in PostgreSQL, load makes it if it is missing.",
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
        shell_complete=complete_rules,
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
