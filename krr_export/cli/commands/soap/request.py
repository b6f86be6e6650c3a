"""``soap request``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option, passphrase_file_option
from krr_export.cli.parameters import Choice, LocalName, LocalPath, Role, option
from krr_export.cli.secrets import passphrase_source
from krr_export.cli.soap_output import check_output, write_document

if TYPE_CHECKING:
    from pathlib import Path

_OPERATIONS = ("hent-personer", "hent-endringer", "hent-print-sertifikat")
_NEEDS = ("Person", "Kontaktinfo", "Sertifikat", "SikkerDigitalPost", "VarslingsStatus")


@command("soap request", "krr-export soap request hent-endringer --from 600 --key ours.pem --cert ours-cert.pem")
@click.argument("operation", type=Choice(_OPERATIONS))
@option("--persons", type=LocalPath(), metavar="FILE", help="Of hent-personer: one identity number a line.")
@option("--from", "first", type=int, metavar="N", help="Of hent-endringer: the first change number, itself included.")
@option("--informasjonsbehov", "needs", type=Choice(_NEEDS), multiple=True, metavar="GROUP",
              help="Ask for this; may be repeated. Default: all but VarslingsStatus.")  # fmt: skip
@option("--paa-vegne-av", metavar="ORGNR", help="The organisation that the request is made for.")
@option("--key", type=LocalPath(), required=True, metavar="FILE", help="Who signs: a private key, PEM or PKCS#12.")
@option("--cert", type=LocalPath(), required=True, metavar="FILE", help="The certificate of that key, PEM or DER.")
@passphrase_file_option
@option("-o", "--output", type=LocalName(Role.OUTPUT), metavar="FILE|-", default="-", show_default=True,
              help="Where to write the request; - is standard output.")  # fmt: skip
@json_option
def request_command(operation: str, *, persons: Path | None, first: int | None, output: str, **options: Any) -> int:
    """Write a signed request of the closed SOAP service.

    OPERATION is hent-personer, hent-endringer or hent-print-sertifikat, of version 16-02. Identity numbers come from a
    file: what a command line holds, every user of the machine can read.
    """
    from krr_export.jobs.soap import make_message, make_soap_request

    console = Console.from_options(options)
    check_output(console, output)
    console.warn_if_readable_by_all("--key", options["key"])
    console.warn_if_readable_by_all("--passphrase-file", options["passphrase_file"])
    message = make_message(operation, persons=persons, first=first, needs=options["needs"])
    passphrase = passphrase_source(options["passphrase_file"])
    made = make_soap_request(message, options["key"], options["cert"], passphrase, options["paa_vegne_av"])
    write_document(made.document + b"\n", output)
    where = "standard output" if output == "-" else output
    last = f"wrote a signed request {operation} to {where}; it is valid for two minutes"
    return console.finish(last, 0, {"file": output})
