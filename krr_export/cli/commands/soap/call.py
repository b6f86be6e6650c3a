"""``soap call``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import answer_options, json_option
from krr_export.cli.parameters import LocalPath
from krr_export.cli.secrets import pop_answer_keys
from krr_export.cli.server_options import ca_option
from krr_export.cli.soap_output import check_output, finish_opened

if TYPE_CHECKING:
    from pathlib import Path


@command(
    "soap call",
    "krr-export soap call http://127.0.0.1:8080/ws-v5 request.xml --private-key ours.pem --publisher-cert register.pem",
)
@click.argument("uri", metavar="URL")
@click.argument("request", type=LocalPath())
@answer_options
@ca_option
@json_option
def call_command(uri: str, request: Path, *, output: str, **options: Any) -> int:
    """Send a request of the closed SOAP service; open the answer.

    The service is gone: this is for a stand-in. URL begins with https, or with http on this machine. REQUEST is what
    soap request wrote, at most two minutes ago. Redirects and proxies are not followed.
    """
    from krr_export.jobs.soap import call_soap

    console = Console.from_options(options)
    check_output(console, output)
    opened = call_soap(uri, request, pop_answer_keys(console, options, None), ca=options["ca"])
    return finish_opened(console, opened, output)
