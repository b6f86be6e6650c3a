"""``seal``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option, passphrase_file_option
from krr_export.cli.parameters import Choice, LocalPath, Role, option
from krr_export.cli.secrets import passphrase_source

if TYPE_CHECKING:
    from pathlib import Path


@command(
    "seal", "krr-export seal export.xml inbox --recipient receiver.pem --orgnr 991825827 --signing-key publisher.key"
)
@click.argument("source", type=LocalPath())
@click.argument("directory", type=LocalPath(Role.DIRECTORY))
@option("--recipient", type=LocalPath(), required=True, metavar="CERT",
              help="For whom: a certificate or public key.")  # fmt: skip
@option("--orgnr", required=True, metavar="N", help="The recipient's organisation number.")
@option("--signing-key", type=LocalPath(), required=True, metavar="KEY",
              help="Who signs: a private key, PEM or PKCS#12.")  # fmt: skip
@passphrase_file_option
@option("--signature", type=Choice(["exact", "legacy-buffer"]), default="exact", show_default=True,
              help="Over the file's bytes, or as the register's own Java client verifies it.")  # fmt: skip
@json_option
def seal_command(source: Path, directory: Path, **options: Any) -> int:
    """Make an encrypted, signed delivery, for exercises.

    SOURCE is the export, plain or gzip. DIRECTORY gets three files, named as the register names them.
    """
    from krr_export.synthetic.sealing import seal

    console = Console(quiet=options["quiet"], verbose=options["verbose"], as_json=options["as_json"])
    console.warn_if_readable_by_all("--signing-key", options["signing_key"])
    console.warn_if_readable_by_all("--passphrase-file", options["passphrase_file"])
    made = seal(
        source,
        directory,
        recipient=options["recipient"],
        orgnr=options["orgnr"],
        signing_key=options["signing_key"],
        passphrase=passphrase_source(options["passphrase_file"]),
        form=options["signature"],
    )
    files = [str(path) for path in (made.data, made.signature, made.key)]
    for path in files:
        console.say(f"wrote     {path}")
    return console.finish(f"sealed {source.name} for {options['orgnr']} as {made.data}", 0, {"files": files})
