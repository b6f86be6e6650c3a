"""The options of the commands that ask a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krr_export.cli.options import SERVER, combine
from krr_export.cli.parameters import LocalPath, option, refuse_given
from krr_export.cli.secrets import passphrase_source
from krr_export.errors import UsageError
from krr_export.input.http.address import MASKINPORTEN, REGISTER

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.cli.console import Console
    from krr_export.cli.options import Declaration
    from krr_export.input.http.token import ClientOptions
    from krr_export.jobs.changes.fetch_changes import SoapClientOptions
    from krr_export.util.fields import Passphrase

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


ca_option = option(
    "--ca",
    type=LocalPath(),
    metavar="FILE",
    heading=SERVER,
    help="Authorities to trust instead of the system's, as PEM.",
)


def client_options(*, key_required: bool) -> Declaration:
    """Declare the options of the commands that ask the register's REST service for changes."""
    return combine(
        option(
            "--client-id",
            metavar="ID",
            heading=CHANGE_FEED,
            help="Your client's id at Maskinporten.",
        ),
        option(
            "--key",
            type=LocalPath(),
            required=key_required,
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
        ca_option,
    )


soap_options = combine(
    option(
        "--soap",
        is_flag=True,
        heading=CHANGE_FEED,
        help="Ask a service that speaks as the closed SOAP service did, at --url.",
    ),
    option(
        "--publisher-cert",
        type=LocalPath(),
        metavar="FILE",
        heading=CHANGE_FEED,
        help="With --soap, who must have signed the answers: a certificate or a public key, PEM or DER.",
    ),
)


_WITH = {True: "with --soap", False: "without --soap"}


def pop_any_client(console: Console, options: dict[str, Any]) -> ClientOptions | SoapClientOptions:
    """Remove the `client_options` that say who asks, the passphrase's and the `soap_options`; return who asks.

    Raises:
        UsageError: an option is missing, or goes with the other service.
    """
    is_soap, publisher_cert = options.pop("soap"), options["publisher_cert"]
    needed = ("certificate", "publisher_cert") if is_soap else ("client_id",)
    others = ("client_id", "kid", "scopes", "maskinporten") if is_soap else ("publisher_cert",)
    for name in needed:
        if options[name] is None:
            raise UsageError(f"--{name.replace('_', '-')} is needed {_WITH[is_soap]}", "say who asks, and who answers")
    if is_soap and options["url"] == REGISTER:
        raise UsageError("--url is needed with --soap", "the closed service's own addresses are dead")
    refuse_given(others, f"does not go {_WITH[is_soap]}", "leave it out")
    del options["publisher_cert"]
    return _pop_soap_client(console, options, publisher_cert) if is_soap else pop_client(console, options)


def _pop_soap_client(console: Console, options: dict[str, Any], publisher_cert: Path) -> SoapClientOptions:
    from krr_export.jobs.changes.fetch_changes import SoapClientOptions  # noqa: PLC0415 - cryptography is loaded once it is used

    for name in ("client_id", "kid", "scopes"):
        del options[name]
    key, passphrase = _pop_key(console, options)
    return SoapClientOptions(key, passphrase, options.pop("certificate"), publisher_cert)


def pop_client(console: Console, options: dict[str, Any]) -> ClientOptions:
    """Remove the `client_options` that say who asks, and the passphrase's, from a command's; return who asks."""
    from krr_export.input.http.token import ClientOptions  # noqa: PLC0415 - cryptography is loaded once it is used

    key, passphrase = _pop_key(console, options)
    return ClientOptions(
        name=options.pop("client_id"),
        scopes=options.pop("scopes"),
        key=key,
        passphrase=passphrase,
        kid=options.pop("kid"),
        certificate=options.pop("certificate"),
    )


def _pop_key(console: Console, options: dict[str, Any]) -> tuple[Path, Passphrase]:
    key, passphrase_file = options.pop("key"), options.pop("passphrase_file")
    console.warn_if_readable_by_all("--key", key)
    console.warn_if_readable_by_all("--passphrase-file", passphrase_file)
    return key, passphrase_source(passphrase_file)
