"""A night of a local copy: what changed is fetched, applied, proven and pruned, or kept for the next night."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import command
import pytest
from servers.serving import in_background

from krr_export.cli.commands import run as run_module
from krr_export.cli.output_options import SHAPE
from krr_export.errors import UsageError
from krr_export.input.http.directory import open_pages_directory
from krr_export.synthetic.services.stand_in import open_stand_in, read_change_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Night = Callable[..., command.Ran]


def ok(*arguments: str | Path) -> str:
    """Run the program, which is to succeed; return its output."""
    ran = command.call(*arguments)
    assert ran.code == 0, ran.err
    return ran.out


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export, the next one, the pages between them, and keys."""
    home = tmp_path_factory.mktemp("home")
    ok("sample", home / "export.xml", "--records", "300", "--seed", "1")
    change = ("--change", "20%", "--pages", home / "pages", "--pages-from", "zero", "--page-size", "40")
    ok("sample", home / "tomorrow.xml", "--from", home / "export.xml", *change)
    ok("keys", home / "keys")
    return home


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as url:
        yield url


@contextmanager
def serving(home: Path) -> Iterator[str]:
    log = read_change_log([home / "pages"])
    with open_stand_in(log, home / "keys", "exercise") as server, in_background(server) as port:
        yield f"http://127.0.0.1:{port}"


def who(home: Path) -> tuple[str | Path, ...]:
    keys = home / "keys"
    return ("--client-id", "exercise", "--key", keys / "receiver-private.pem", "--certificate", keys / "receiver.pem")


@pytest.fixture
def night(home: Path, url: str, tmp_path: Path) -> Night:
    """Run a night on a store that holds the first export."""
    ok("convert", home / "export.xml", tmp_path / "store")

    def run(*more: str) -> command.Ran:
        feed = ("--changes-from", url, "--maskinporten", url)
        return command.call("run", tmp_path / "new", tmp_path / "store", *feed, *who(home), *more)

    return run


def pages_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("endringer-*.json"))


def snapshots(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "store").glob("eksport=*"))


def test_a_night_gives_the_rows_of_a_full_export_and_the_next_finds_nothing_new(
    night: Night, home: Path, tmp_path: Path
) -> None:
    first = night("--json", "--changes")
    assert first.code == 0, first.err
    told = json.loads(first.out)
    assert told["fetched"]["pages"] > 1
    assert told["fetched"]["pages"] == told["removed_pages"]
    assert told["applied"]["outcome"] == "published"
    assert first.last.endswith("proven")
    ok("convert", home / "tomorrow.xml", tmp_path / "full")
    ok("diff", tmp_path / "full" / "latest", tmp_path / "store" / "latest", "--ignore", "beskrivelse", "--exit-code")
    assert (tmp_path / "store" / "latest" / "changes").is_dir()

    second = night("--json")
    told = json.loads(second.out)
    assert (second.code, told["applied"], told["removed_pages"]) == (0, None, 0)
    assert second.last.startswith("nothing new")
    assert len(snapshots(tmp_path)) == 2


def test_applied_pages_are_deleted_and_nothing_else(night: Night, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for name in ("endringer.json.bak", "notes", ".notes"):
        (tmp_path / "new" / name).write_text("mine")
    assert night().code == 0
    assert not pages_in(tmp_path / "new")
    assert [(tmp_path / "new" / name).read_text() for name in ("endringer.json.bak", "notes", ".notes")] == ["mine"] * 3


def test_pages_after_the_register_s_last_change_stay(tmp_path: Path) -> None:
    with open_pages_directory(tmp_path / "new") as opened:
        for first, last in ((10, 20), (20, 30), (25, 31)):
            (opened.path / f"endringer-{first}-{last}.json").write_text("{}")
        assert opened.remove_until(30) == 2
    assert pages_in(tmp_path / "new") == ["endringer-25-31.json"]


def test_a_refused_night_keeps_its_pages_for_the_next(night: Night, tmp_path: Path) -> None:
    refused = night("--max-growth", "0", "--max-drop", "0", "--max-shift", "0%")
    assert refused.code == 5
    kept = pages_in(tmp_path / "new")
    assert kept
    assert len(snapshots(tmp_path)) == 1

    accepted = night("--no-guard", "--json")
    assert accepted.code == 0
    told = json.loads(accepted.out)
    assert told["fetched"]["pages"] == 0  # they are here already
    assert told["removed_pages"] == len(kept)
    assert len(snapshots(tmp_path)) == 2


def test_only_the_newest_snapshots_stay(night: Night, tmp_path: Path) -> None:
    before = snapshots(tmp_path)
    ran = night("--keep", "1", "--json")
    assert ran.code == 0
    assert [name.rpartition("/")[2] for name in json.loads(ran.out)["pruned"]] == before
    assert len(snapshots(tmp_path)) == 1
    assert ran.last.endswith("deleted 1 old one")


def test_an_empty_store_is_told_how_to_begin(home: Path, url: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    feed = ("--changes-from", url, "--maskinporten", url)
    ran = command.call("run", tmp_path / "new", tmp_path / "store", *feed, *who(home))
    assert ran.code == 3
    assert "--from-zero" in ran.last


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["sftp://a@127.0.0.1/b", "new", "store", "--changes-from", "http://127.0.0.1:1"], "either URI or"),
        (["new", "store"], "either URI or"),
        (["a", "b", "new", "store"], "either URI or"),
        (["new", "store", "--changes-from", "http://127.0.0.1:1", "--key", "k"], "--client-id"),
        (["new", "store", "--changes-from", "http://127.0.0.1:1", "--client-id", "k"], "--key"),
        (["new", "store", "--changes-from", "http://127.0.0.1:1", "--private-key", "k"], "--private-key"),
        (["new", "store", "--changes-from", "http://127.0.0.1:1", "--known-hosts", "k"], "--known-hosts"),
        (["new", "store", "--changes-from", "http://127.0.0.1:1", "--format", "csv"], "--format"),
        (["new", "store", "--changes-from", "http://127.0.0.1:1", "--strict", "a"], "--strict"),
        (["sftp://a@127.0.0.1/b", "new", "store", "--client-id", "k"], "--client-id"),
        (["sftp://a@127.0.0.1/b", "new", "store", "--ca", "k"], "--ca"),
    ],
)
def test_options_of_the_other_kind_of_night_are_wrong_usage(
    arguments: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = command.call("run", *arguments)
    assert ran.code == UsageError.exit_code
    assert named in ran.last
    assert not [*tmp_path.iterdir()]


def test_each_option_of_a_night_belongs_to_both_kinds_or_is_refused_for_one() -> None:
    """Who adds an option to ``run`` has to say what it is for."""
    names = {str(parameter.name) for parameter in run_module.run_command.params}
    apart = {*run_module.FEED_ONLY, *run_module.DELIVERIES_ONLY, *SHAPE}
    both = {
        *("uri", "inbox", "store", "changes_from", "keep", "schema", "passphrase_file", "pseudonym_key", "changes"),
        *("max_rejects", "guard", "max_drop", "max_growth", "max_shift", "max_age", "max_ahead", "mode", "lang"),
        *("as_json", "progress", "quiet", "verbose", "config", "log_format", "metrics", "openlineage"),
    }
    assert apart | both == names
    assert not apart & both


def test_a_night_that_is_interrupted_while_it_fetches_keeps_what_has_arrived(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_reached: int, _latest: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "change_progress", lambda _say: stop)
        ran = night()
    assert ran.code == 130
    assert "what has arrived is kept" in ran.last
    assert len(pages_in(tmp_path / "new")) == 1
    assert night().code == 0
    assert len(snapshots(tmp_path)) == 2


def test_a_damaged_newest_snapshot_ends_the_night_and_is_mended_as_the_message_says(
    night: Night, tmp_path: Path
) -> None:
    assert night().code == 0
    store = tmp_path / "store"
    newest = store / snapshots(tmp_path)[-1]
    (part,) = (newest / "person").iterdir()
    part.unlink()
    for more in ((), ("--keep", "1")):
        ran = night(*more)
        assert ran.code == 3
        assert "is damaged" in ran.last
        assert "delete its directory; then fetch and apply the changes after" in ran.last
        assert len(snapshots(tmp_path)) == 2
    shutil.rmtree(newest)
    assert night().code == 0
    assert command.call("check", store).code == 0
