"""``fetch``, and the options and the progress that commands share that fetch."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.parameters import LocalPath, Role, command, first_line
from krr_export.errors import INTERRUPTED
from krr_export.input.freshness import MAX_AHEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from krr_export.input.sftp import Login

_SECONDS_BETWEEN_LOG_LINES = 30.0
KEPT = "what has arrived is kept, and the next run goes on from there"


def login_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all commands that fetch; `taken_login` reads them, but for ``force``."""
    for option in reversed(
        [
            click.option(
                "--identity", type=LocalPath(), metavar="FILE",
                help="Private key to log in with. Default: the SSH agent's keys and ~/.ssh/id_*.",
            ),
            click.option(
                "--identity-passphrase-file", type=LocalPath(), metavar="FILE",
                help="File whose first line is the passphrase of that key.",
            ),
            click.option(
                "--known-hosts", type=LocalPath(), metavar="FILE",
                help="The servers' keys. Default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.",
            ),
            click.option("--force", is_flag=True, help="Ask the server even if it was asked in the last 20 minutes."),
        ]
    ):  # fmt: skip
        function = option(function)
    return function


def taken_login(console: Console, options: dict[str, Any]) -> Login:
    """How to log in, by the `login_options`; takes them out of a command's options, and leaves ``force``."""
    from krr_export.input.sftp import Login  # noqa: PLC0415 - paramiko is loaded once there is work for it

    identity: Path | None = options.pop("identity")
    file: Path | None = options.pop("identity_passphrase_file")
    console.warn_of_readers("--identity", identity)
    console.warn_of_readers("--identity-passphrase-file", file)
    return Login(
        identity=identity,
        passphrase=lambda: first_line(file, "--identity-passphrase-file") if file is not None else None,
        known_hosts=options.pop("known_hosts"),
    )


@contextmanager
def transfer_progress(console: Console, *, shown: bool | None) -> Iterator[Callable[[int, int | None], None] | None]:
    """How far a transfer has come, for `krr_export.input.sftp.fetch`: a bar on a terminal, or else a line now and then.

    Args:
        console: prints the lines, unless it is quiet.
        shown: overrides whether there is a bar; ``False``: there is nothing at all.
    """
    if shown is False:
        yield None
    elif shown or (sys.stderr is not None and sys.stderr.isatty()):
        from tqdm import tqdm  # noqa: PLC0415 - only a terminal needs it

        with tqdm(unit="B", unit_scale=True, dynamic_ncols=True, leave=False, file=sys.stderr) as bar:

            def move(done: int, total: int | None) -> None:
                if bar.total is None:
                    bar.total, bar.initial = total, done  # what came another time says nothing of the speed
                bar.update(done - bar.n)

            yield move
    else:
        yield _log_lines(console.say)


def _log_lines(say: Callable[[str], None]) -> Callable[[int, int | None], None]:
    last = time.monotonic()

    def tell(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LOG_LINES:
            last = time.monotonic()
            share = f" of {total / 1e6:.0f} MB ({done / total:.0%})" if total else " MB"
            say(f"progress  {done / 1e6:.0f}{share}")

    return tell


@command("fetch", "krr-export fetch sftp://krr@sftp.example.no/ut /data/inbox --orgnr 991825827")
@click.argument("uri")
@click.argument("inbox", type=LocalPath(Role.DIRECTORY))
@click.option("--orgnr", metavar="N", help="Fetch this organisation's key file only. Default: every key file of a set.")
@click.option("--all", "everything", is_flag=True, help="Fetch all complete sets, not only the newest.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD",
              help="Fetch all complete sets from this day on.")  # fmt: skip
@click.option("--max-ahead", default=MAX_AHEAD, show_default=True, metavar="24h",
              help="Pass over a set whose name is further in the future, where there is another.")  # fmt: skip
@login_options
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
@click.option("--progress/--no-progress", "shown", default=None,
              help="Show a progress bar; by default on a terminal only.")  # fmt: skip
def fetch_command(uri: str, inbox: Path, since: datetime | None, **options: Any) -> int:  # noqa: ANN401 - the options above
    """Fetch the newest delivery over SFTP.

    URI is sftp://USER@HOST[:PORT]/DIR, or sftp://USER@HOST/~/DIR below the user's home. INBOX is a local directory. A
    set is fetched once, and only when data, signature and key are there. Whatever stops a fetch, the next one goes on
    where it stopped. The server must be in known_hosts; the login is with a key.
    """
    from krr_export.input.sftp import fetch  # noqa: PLC0415 - paramiko is loaded once there is work for it

    quiet, shown = options.pop("quiet"), options.pop("shown")
    console = Console(quiet=quiet, verbose=options.pop("verbose"), as_json=options.pop("as_json"))
    try:
        with transfer_progress(console, shown=False if quiet else shown) as progress:
            fetched = fetch(
                uri,
                inbox,
                login=taken_login(console, options),
                since=since.date() if since is not None else None,
                progress=progress,
                **options,
            )
    except KeyboardInterrupt:
        return console.finish(f"interrupted: {KEPT}", INTERRUPTED, {})
    except TerminatedError as error:
        return console.finish(f"{error.what}: {KEPT}", error.exit_code, {})
    result = {
        "sets": [str(path) for path in fetched.sets],
        "newest": str(fetched.newest) if fetched.newest is not None else None,
        "newest_stamp": fetched.newest_stamp,
        "skipped": fetched.skipped,
        "unusable": fetched.unusable,
    }
    return console.finish(fetched.message, 0, result)
