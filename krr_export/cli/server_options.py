"""The options of the commands that ask a server."""

from __future__ import annotations

from krr_export.cli.options import SERVER, combine
from krr_export.cli.parameters import LocalPath, option

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
