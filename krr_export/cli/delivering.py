"""``seal`` and ``keys``, and the options by which other commands open an encrypted delivery."""

from __future__ import annotations

import os
import sys
import termios
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import Console
from krr_export.cli.parameters import LocalPath, Role, command, first_line
from krr_export.errors import InputError
from krr_export.input.delivery.opening import DeliveryOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_VARIABLE = "KRR_EXPORT_PASSPHRASE"

_PASSPHRASE_FILE = click.option(
    "--passphrase-file", type=LocalPath(), metavar="FILE",
    help=f"The private key's passphrase, on the file's first line. Else {_VARIABLE}, or a prompt.",
)  # fmt: skip
_ORGNR = click.option(
    "--orgnr", metavar="N", help="The organisation whose key is used. Default: the only one that the set is for."
)


def delivery_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all commands that open an export, which may be an encrypted delivery."""
    for option in reversed(
        [
            click.option(
                "--private-key", type=LocalPath(), metavar="FILE",
                help="Opens an encrypted delivery: PEM or PKCS#12.",
            ),
            _PASSPHRASE_FILE,
            click.option(
                "--publisher-cert", type=LocalPath(), metavar="FILE",
                help="Who must have signed a delivery: a certificate or a public key, PEM or DER.",
            ),
            click.option(
                "--signature", type=click.Choice(["auto", "exact", "legacy-buffer", "none"]), default="auto",
                show_default=True, help="The form of a delivery's signature; none trusts anybody.",
            ),
            _ORGNR,
        ]
    ):  # fmt: skip
        function = option(function)
    return function


def taken_delivery(console: Console, options: dict[str, Any]) -> DeliveryOptions:
    """The delivery's options among a command's; takes them out."""
    passphrase_file: Path | None = options.pop("passphrase_file")
    chosen = DeliveryOptions(
        private_key=options.pop("private_key"),
        passphrase=passphrase_from(passphrase_file),
        publisher_cert=options.pop("publisher_cert"),
        signature=options.pop("signature"),
        orgnr=options.pop("orgnr"),
    )
    console.warn_of_readers("--private-key", chosen.private_key)
    console.warn_of_readers("--passphrase-file", passphrase_file)
    if chosen.signature == "none":
        console.warn(
            "--signature none: whoever wrote a delivery is believed to be its publisher. Use it for tests alone"
        )
    return chosen


def passphrase_from(file: Path | None) -> Callable[[], bytes | None]:
    """Asks for a passphrase when it turns out to be needed: the file, the environment, or the terminal."""

    def ask() -> bytes | None:
        if file is not None:
            return first_line(file, "--passphrase-file")
        if (given := os.environb.get(_VARIABLE.encode())) is not None:
            return given
        return _typed() if sys.stdin is not None and sys.stdin.isatty() else None

    return ask


def _typed() -> bytes:
    try:
        return str(
            click.prompt("Passphrase of the private key", hide_input=True, err=True, default="", show_default=False)
        ).encode()
    except (OSError, termios.error):
        raise InputError(
            "the terminal went away while the passphrase was asked for", "give --passphrase-file"
        ) from None
    except UnicodeError:
        raise InputError("the passphrase is not text in the terminal's encoding", "give --passphrase-file") from None


@command(
    "seal", "krr-export seal export.xml inbox --recipient receiver.pem --orgnr 991825827 --signing-key publisher.key"
)
@click.argument("source", type=LocalPath())
@click.argument("directory", type=LocalPath(Role.DIRECTORY))
@click.option("--recipient", type=LocalPath(), required=True, metavar="CERT",
              help="For whom: a certificate or public key.")  # fmt: skip
@click.option("--orgnr", required=True, metavar="N", help="The recipient's organisation number.")
@click.option("--signing-key", type=LocalPath(), required=True, metavar="KEY",
              help="Who signs: a private key, PEM or PKCS#12.")  # fmt: skip
@_PASSPHRASE_FILE
@click.option("--signature", type=click.Choice(["exact", "legacy-buffer"]), default="exact", show_default=True,
              help="Over the file's bytes, or as the register's own Java client verifies it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def seal_command(source: Path, directory: Path, **options: Any) -> int:  # noqa: ANN401 - the options above
    """Make an encrypted, signed delivery of an export, for exercises.

    SOURCE is the export, plain or gzip. DIRECTORY gets three files, named as the register names them.
    """
    from krr_export.synthetic.sealing import seal  # noqa: PLC0415 - cryptography is slow to load

    console = Console(quiet=options["quiet"], verbose=options["verbose"], as_json=options["as_json"])
    console.warn_of_readers("--signing-key", options["signing_key"])
    console.warn_of_readers("--passphrase-file", options["passphrase_file"])
    made = seal(
        source,
        directory,
        recipient=options["recipient"],
        orgnr=options["orgnr"],
        signing_key=options["signing_key"],
        passphrase=passphrase_from(options["passphrase_file"]),
        form=options["signature"],
    )
    files = [str(path) for path in (made.data, made.signature, made.key)]
    for path in files:
        console.say(f"wrote     {path}")
    return console.finish(f"sealed {source.name} for {options['orgnr']} as {made.data}", 0, {"files": files})


@command("keys", "krr-export keys demo/keys")
@click.argument("directory", type=LocalPath(Role.DIRECTORY))
@click.option("--orgnr", default="991825827", show_default=True, metavar="N", help="Whose keys they are to be.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def keys_command(directory: Path, orgnr: str, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Make throw-away key pairs for exercises.

    A receiver's and a publisher's, not encrypted. DIRECTORY gets receiver-private.pem, receiver.pem,
    publisher-private.pem and publisher.pem.
    """
    from krr_export.synthetic.sealing import make_keys  # noqa: PLC0415 - cryptography is slow to load

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    make_keys(directory, orgnr=orgnr)
    files = [str(path) for path in sorted(directory.glob("*.pem"))]
    for path in files:
        console.say(f"wrote     {path}")
    return console.finish(
        f"made two throw-away key pairs in {directory}; use them for nothing real", 0, {"files": files}
    )
