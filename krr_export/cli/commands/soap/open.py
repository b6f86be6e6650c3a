"""``soap open``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import answer_options, json_option
from krr_export.cli.parameters import LocalPath, option
from krr_export.cli.secrets import pop_answer_keys
from krr_export.cli.soap_output import check_output, finish_opened

if TYPE_CHECKING:
    from pathlib import Path


@command("soap open", "krr-export soap open answer.xml --private-key ours.pem --publisher-cert register.pem")
@click.argument("answer", type=LocalPath())
@option("--request", type=LocalPath(), metavar="FILE", help="The request: the answer must confirm its signature.")
@option("--as-of", metavar="TIME", help="When the answer was received, ISO 8601: it is valid for a minute.")
@answer_options
@json_option
def open_command(answer: Path, request: Path | None, *, output: str, **options: Any) -> int:
    """Verify and decrypt an answer of the closed SOAP service.

    ANSWER is the whole envelope as it was received. Its message, HentEndringerRespons say, is written once the
    signature over it is right and the publisher's.
    """
    from krr_export.jobs.soap import open_soap_answer

    console = Console.from_options(options)
    check_output(console, output)
    opened = open_soap_answer(answer, pop_answer_keys(console, options, options.pop("as_of")), request)
    return finish_opened(console, opened, output)
