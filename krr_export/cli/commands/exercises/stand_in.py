"""``stand-in``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.options import json_option
from krr_export.cli.parameters import Choice, LocalPath, option, parse_share
from krr_export.errors import INTERRUPTED, UsageError
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.synthetic.services.served_register import ServedRegister


@command("stand-in", "krr-export stand-in --register export.xml.gz --change 2% --keys keys --port 8099")
@option("--pages", type=LocalPath(), multiple=True, metavar="DIR",
        help="Serve pages of REST, as sample --pages writes them. May be repeated.")  # fmt: skip
@option("--register", "base", type=LocalPath(), metavar="EXPORT",
        help="Serve a register made from this export, a sample without faults, and SOAP too.")  # fmt: skip
@option("--schema", type=Choice(["14-05", "16-02"]), default="14-05", show_default=True, help="The version of EXPORT.")
@option("--change", default="0%", show_default=True, metavar="P%",
        help="The share of persons who change in the night after EXPORT, as sample --from makes it.")  # fmt: skip
@option("--seed", type=int, default=0, show_default=True, help="Of that night, as for sample.")
@option("--keys", type=LocalPath(), required=True, metavar="DIR",
        help="Keys as krr-export keys makes them: the receiver may ask, the publisher is the register.")  # fmt: skip
@option("--client-id", default="exercise", show_default=True, metavar="ID", help="The id of who may ask.")
@option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Where to listen. Default: any free port."
)
@json_option
def stand_in_command(
    *, pages: tuple[Path, ...], base: Path | None, keys: Path, client_id: str, port: int, **options: Any
) -> int:
    """Serve a made-up register, for exercises.

    It stands in for Maskinporten and for the register's REST service; with --register also for the closed SOAP service
    at URL/ws-v5, and for that of the mailbox providers, who change it, at URL/ws-postkasseleverandoer-v1. It listens at
    127.0.0.1 alone, without TLS. Its URL is the one line on standard output: give it to fetch-changes as --url and
    --maskinporten. It runs until it is stopped.
    """
    from krr_export.synthetic.services.stand_in import open_stand_in, read_change_log

    console = Console.from_options(options)
    if bool(pages) == (base is not None):
        raise UsageError("a register is served from --pages, or from --register", "give one of them")
    register = read_change_log(pages) if base is None else _load_register(base, options)
    try:
        with open_stand_in(register, keys, client_id, port) as server:
            console.say(f"register  changes up to {number(register.latest)}")
            console.write(f"http://127.0.0.1:{server.server_port}")
            server.serve_forever()
    except KeyboardInterrupt:
        return console.finish("interrupted: the stand-in is gone", INTERRUPTED, {})
    except TerminatedError as error:
        return console.finish(f"{error.what}: the stand-in is gone", error.exit_code, {})
    raise AssertionError


def _load_register(base: Path, options: dict[str, Any]) -> ServedRegister:
    from krr_export.schema.registry import load_schema
    from krr_export.synthetic import NightOptions
    from krr_export.synthetic.services.served_register import load_register

    share = parse_share("--change", options["change"])
    return load_register(base, NightOptions(share, seed=options["seed"], schema=load_schema(options["schema"])))
