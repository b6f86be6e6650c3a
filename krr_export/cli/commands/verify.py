"""``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option
from krr_export.cli.parameters import LocalOrObjects
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.output.objects.verification import PushedVerification
    from krr_export.output.verification import Verification


@command("verify", "krr-export verify /data/krr/latest")
@click.argument("snapshot", type=LocalOrObjects())
@json_option
def verify_command(snapshot: Path | str, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Prove a published snapshot anew against its manifest.

    SNAPSHOT is a directory eksport=…, or the link latest. Exit code 0: every file is there with its bytes, SHA-256 and
    rows, and the counts add up; 1: something differs; 3: there is no snapshot. Of a snapshot made by apply, the ones
    that it was made from are named, and whether they are still those.

    It may also be in an object store, as push wrote it: the URI that push was given, for the newest there, or eksport=…
    below it. All of it is read back.
    """
    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    return _verify_pushed(console, snapshot) if isinstance(snapshot, str) else _verify_local(console, snapshot)


def _verify_local(console: Console, snapshot: Path) -> int:
    from krr_export.output.manifest import repair_hint
    from krr_export.output.verification import verify

    found = verify(snapshot)
    for line in found.differences:
        console.say(f"differs   {line}")
    for line in found.chain:
        console.say(f"chain     {line}")
    return _finish(console, str(found.snapshot), found, repair_hint(found.manifest))


def _verify_pushed(console: Console, uri: str) -> int:
    from krr_export.output.objects.layout import commit_key
    from krr_export.output.objects.verification import verify_pushed

    found = verify_pushed(uri)
    for line in found.differences:
        console.say(f"differs   {line}")
    hint = f"delete {commit_key(found.uri.rpartition('/')[2])} there, and push it again"
    return _finish(console, found.uri, found, hint)


def _finish(console: Console, place: str, found: Verification | PushedVerification, hint: str) -> int:
    result = {"snapshot": place, "proven": found.proven, "differences": list(found.differences)}
    result |= {"chain": list(found.chain)}
    if found.proven and found.manifest is not None:
        counts, files = found.manifest.counts, len(found.manifest.files)
        held = f"{records(counts.written)} and {number(counts.rejected)} rejects in {files} files"
        return console.finish(f"proven: {place}, {held}", 0, result)
    points = "1 point" if len(found.differences) == 1 else f"{len(found.differences)} points"
    message = f"not proven: {place} differs from its manifest in {points}; {hint}"
    return console.finish(message, 1, result, "damaged")
