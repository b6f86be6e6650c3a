"""The options of the commands that ask a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krr_export.cli.options import SERVER, combine
from krr_export.cli.parameters import LocalPath, option
from krr_export.cli.secrets import passphrase_source
from krr_export.input.rest.address import MASKINPORTEN

if TYPE_CHECKING:
    from krr_export.cli.console import Console
    from krr_export.cli.options import Declaration
    from krr_export.input.rest.token import ClientOptions

CHANGE_FEED = "Change feed"

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


def client_options(*, required: bool) -> Declaration:
    """Declare the options of the commands that ask the register's REST service for changes."""
    return combine(
        option(
            "--client-id",
            required=required,
            metavar="ID",
            heading=CHANGE_FEED,
            help="Your client's id at Maskinporten.",
        ),
        option(
            "--key",
            type=LocalPath(),
            required=required,
            metavar="FILE",
            heading=CHANGE_FEED,
            help="Your private key: PEM, DER or PKCS#12.",
        ),
        option(
            "--kid",
            metavar="ID",
            heading=CHANGE_FEED,
            help="The key's id, if it is registered with Maskinporten.",
        ),
        option(
            "--certificate",
            type=LocalPath(),
            metavar="FILE",
            heading=CHANGE_FEED,
            help="Your organisation's certificate, PEM or DER, if the key is that one's.",
        ),
        option(
            "--scope",
            "scopes",
            multiple=True,
            metavar="SCOPE",
            heading=CHANGE_FEED,
            help="A scope to ask for. Default: changes, contact data and mailboxes.",
        ),
        option(
            "--maskinporten",
            default=MASKINPORTEN,
            show_default=True,
            metavar="URL",
            heading=CHANGE_FEED,
            help="Who gives tokens.",
        ),
        option(
            "--ca",
            type=LocalPath(),
            metavar="FILE",
            heading=CHANGE_FEED,
            help="Authorities to trust instead of the system's, as PEM.",
        ),
    )


def pop_client(console: Console, options: dict[str, Any]) -> ClientOptions:
    """Remove the `client_options` that say who asks, and the passphrase's, from a command's; return who asks."""
    from krr_export.input.rest.token import ClientOptions  # noqa: PLC0415 - cryptography is loaded once it is needed
    from krr_export.jobs.fetch_changes import SCOPES  # noqa: PLC0415

    key, passphrase_file = options.pop("key"), options.pop("passphrase_file")
    console.warn_if_readable_by_all("--key", key)
    console.warn_if_readable_by_all("--passphrase-file", passphrase_file)
    return ClientOptions(
        name=options.pop("client_id"),
        scopes=options.pop("scopes") or SCOPES,
        key=key,
        passphrase=passphrase_source(passphrase_file),
        kid=options.pop("kid"),
        certificate=options.pop("certificate"),
    )
