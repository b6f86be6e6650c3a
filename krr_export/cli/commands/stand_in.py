"""``stand-in``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.options import json_option
from krr_export.cli.parameters import LocalPath, option
from krr_export.errors import INTERRUPTED
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from pathlib import Path


@command("stand-in", "krr-export stand-in --pages all --keys keys --port 8099")
@option("--pages", type=LocalPath(), multiple=True, required=True, metavar="DIR",
        help="Pages of REST, as sample --pages writes them. May be repeated.")  # fmt: skip
@option("--keys", type=LocalPath(), required=True, metavar="DIR",
        help="Keys as krr-export keys makes them: receiver.pem says who may ask.")  # fmt: skip
@option("--client-id", default="exercise", show_default=True, metavar="ID", help="The id of who may ask.")
@option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Where to listen. Default: any free port."
)
@json_option
def stand_in_command(  # noqa: PLR0913 - each is an option
    pages: tuple[Path, ...], keys: Path, *, client_id: str, port: int, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Serve a made-up register's changes, for exercises.

    It stands in for Maskinporten and for the register's REST service, at 127.0.0.1 alone and without TLS. Its URL is
    the one line on standard output: give it to fetch-changes as --url and --maskinporten. It runs until it is stopped.
    """
    from krr_export.synthetic.stand_in import open_stand_in, read_change_log

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    log = read_change_log(pages)
    try:
        with open_stand_in(log, keys / "receiver.pem", client_id, port) as server:
            console.say(f"register  changes up to {number(log.latest)}")
            console.write(f"http://127.0.0.1:{server.server_port}")
            server.serve_forever()
    except KeyboardInterrupt:
        return console.finish("interrupted: the stand-in is gone", INTERRUPTED, {})
    except TerminatedError as error:
        return console.finish(f"{error.what}: the stand-in is gone", error.exit_code, {})
    raise AssertionError
