"""``keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option
from krr_export.cli.parameters import LocalPath, Role, option

if TYPE_CHECKING:
    from pathlib import Path


@command("keys", "krr-export keys demo/keys")
@click.argument("directory", type=LocalPath(Role.DIRECTORY))
@option("--orgnr", default="991825827", show_default=True, metavar="N", help="Whose keys they are to be.")
@json_option
def keys_command(directory: Path, orgnr: str, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Make throw-away key pairs for exercises.

    A receiver's and a publisher's, not encrypted. DIRECTORY gets receiver-private.pem, receiver.pem,
    publisher-private.pem and publisher.pem.
    """
    from krr_export.synthetic.sealing import make_keys

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    make_keys(directory, orgnr=orgnr)
    files = [str(path) for path in sorted(directory.glob("*.pem"))]
    for path in files:
        console.say(f"wrote     {path}")
    return console.finish(
        f"made two throw-away key pairs in {directory}; use them for nothing real", 0, {"files": files}
    )
