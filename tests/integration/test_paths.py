"""Paths: what is not local is refused everywhere; no output is written over an input, and none into a snapshot."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
import command
import pytest

import krr_export
from krr_export import UsageError
from krr_export.cli.command import check_paths
from krr_export.cli.config import commands_by_name
from krr_export.cli.main import krr_export as krr_export_group
from krr_export.cli.parameters import LocalPath, Role, SourceName, StoreLocation
from krr_export.domain.store_layout import refuse_snapshot
from krr_export.input.objects.address import is_object_uri
from krr_export.output.outputs import atomic_write
from krr_export.output.publish import latest_remark
from krr_export.output.store import open_store
from krr_export.reporting.page.snapshots import older_snapshots
from krr_export.schema.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    Krr = Callable[..., command.Ran]

ELSEWHERE = [
    "s3://bucket/krr",
    "S3A://bucket/krr",
    "abfss://c@a.dfs.core.windows.net/krr",
    "gs://bucket",
    "file:///tmp/x",
    "file:/tmp/x",
    "dbfs:/mnt/x",
    "sftp://krr:geheim@host/x",
    "krr@host:/data",
    r"\\server\share\krr",
    r"C:\krr",
    "C:/krr",
]
SAMPLES = Path(__file__).parents[2] / "samples"
COMMANDS = commands_by_name(click.Context(krr_export_group))
PATHS = [
    (name, parameter)
    for name, one in COMMANDS.items()
    for parameter in one.params
    if isinstance(parameter.type, LocalPath)
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    krr_export.convert(SAMPLES / "valid.xml", tmp_path / "store", workers=0)
    return tmp_path / "store"


NEEDED_OTHERWISE = {("fetch-changes", "client_id"), ("load", "target"), ("apply", "as_of")}
"""What a command must have without --soap, without --script, and for pages that no fetch has left."""


def arguments(name: str, **values: str) -> list[str]:
    """Arguments of a command: each that it must have, and these."""
    found, one = [name], COMMANDS[name]
    for parameter in one.params:
        needed = str(parameter.type.choices[0]) if isinstance(parameter.type, click.Choice) else "1"
        needed = {"as_of": "2014-02-27T12:00:00Z", "target": "duckdb:krr.duckdb"}.get(str(parameter.name), needed)
        is_needed = parameter.required or (name, parameter.name) in NEEDED_OTHERWISE
        value = values.get(str(parameter.name), needed if is_needed else None)
        if value is not None:
            found += [value] if isinstance(parameter, click.Argument) else [max(parameter.opts, key=len), value]
    return found


@pytest.mark.parametrize(("name", "parameter"), PATHS, ids=lambda one: getattr(one, "name", one))
def test_a_loop_of_links_is_refused_for_every_path_of_every_command_before_anything_is_written(
    name: str, parameter: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for loop in ("a", "a/below"):
        ran = command.call(*arguments(name, **{str(parameter.name): loop}))
        assert isinstance(parameter.type, LocalPath)
        if parameter.type.role is Role.BESIDE:
            assert "loop of symbolic links" not in ran.last
            continue  # a warning, which tests of it show
        code = 2 if parameter.name == "config" else 3 if parameter.type.role in {Role.INPUT, Role.EXISTING_STORE} else 4
        assert ran.code == code, ran.err
        assert code == 2 or f"{loop} is a loop of symbolic links; " in ran.last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").is_symlink()


MUST_BE_THERE = [
    (name, str(parameter.name))
    for name, parameter in PATHS
    if isinstance(parameter, click.Argument) and parameter.type.role in {Role.INPUT, Role.EXISTING_STORE}  # type: ignore[attr-defined]  # see PATHS
]


@pytest.fixture
def lying_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is no input of any command, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for directory in ("empty", "other", "other/eksport=1"):
        Path(directory).mkdir()
    for file in ("file", "other/notes.txt"):
        Path(file).write_text("text", encoding="utf-8")
    Path("link").symlink_to("missing")
    return sorted(tmp_path.rglob("*"))


@pytest.mark.parametrize("path", ["missing", "file", "file/below", "link", "empty", "other"])
@pytest.mark.parametrize(("name", "parameter"), MUST_BE_THERE)
def test_what_a_command_works_on_is_an_unusable_input_where_it_is_not_there_or_something_else(
    name: str, parameter: str, path: str, lying_about: list[Path]
) -> None:
    ran = command.call(*arguments(name, **{parameter: path}))
    assert ran.code == 3, ran.err
    is_said_first = (name, path) == ("apply", "file")  # of what else is not there: its store
    assert name == "seal" or is_said_first or Path(path).name in ran.last
    there_is_no = {
        "verify": "snapshot", "report": "snapshot", "check": "(store|snapshot)", "history": "(store|snapshot)",
        "prune": "store", "views": "(store|snapshot)", "load": "(store|snapshot)",
    }  # fmt: skip
    assert re.match(f"there is no {there_is_no[name]} (at|in) " if name in there_is_no else ".*; ", ran.last)
    assert sorted(Path.cwd().rglob("*")) == lying_about


def test_all_commands_that_work_on_what_is_there_are_held_to_it() -> None:
    assert {name for name, _ in MUST_BE_THERE} == {
        "apply", "backfill", "check", "convert", "diff", "fetch-changes", "history", "inspect", "load", "prune", "push",
        "report", "seal",
        "soap call", "soap open", "validate", "verify", "views",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "typed", "code"),
    [
        ("store/latest", ["history", "store/latest"], 2),
        ("store/latest", ["check", "store/latest"], 2),
        ("store/latest", ["prune", "store/latest", "--keep", "1"], 2),
        ("store/latest", ["convert", str(SAMPLES / "valid.xml"), "store/latest"], 2),
        ("store", ["verify", "store"], 3),
        ("store", ["report", "store"], 3),
        ("file", ["convert", str(SAMPLES / "valid.xml"), "file"], 4),
        ("file/below", ["convert", str(SAMPLES / "valid.xml"), "file/below"], 4),
        ("file", ["keys", "file"], 4),
    ],
)
def test_one_for_the_other_is_wrong_usage_and_a_file_is_no_place_to_write_into(
    path: str, typed: list[str], code: int, store: Path, krr: Krr
) -> None:
    (store.parent / "file").touch()
    ran = krr(*(store.parent / one if one == path else one for one in typed))
    assert (ran.code, path in ran.last, "; " in ran.last) == (code, True, True), ran.err


def test_a_loop_of_links_is_refused_in_python_too(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    for read in (krr_export.verify, krr_export.history, krr_export.check, krr_export.validate, krr_export.open_export):
        with pytest.raises(krr_export.InputError):
            read(tmp_path / "a")
    with pytest.raises(krr_export.OutputError):
        krr_export.convert(SAMPLES / "valid.xml", tmp_path / "a")
    assert older_snapshots(tmp_path / "a") == ()


def test_a_store_whose_latest_is_a_loop_of_links_is_mended(store: Path) -> None:
    [snapshot] = store.glob("eksport=*")
    (store / "latest").unlink()
    (store / "latest").symlink_to("latest")
    assert latest_remark(snapshot) == "; latest stays at the newer latest"
    with open_store(store) as opened:
        assert opened.prune(1) == []
    assert (store / "latest").readlink() == Path(snapshot.name)


def test_a_path_with_a_zero_byte_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "krr.toml"
    config.write_text('report = "a\\u0000b.json"\n')
    ran = command.call("validate", str(SAMPLES / "valid.xml"), "--config", str(config))
    assert ran.code == 2
    assert "zero byte" in ran.last


@pytest.mark.parametrize(("name", "parameter"), PATHS, ids=lambda one: getattr(one, "name", one))
def test_an_address_is_refused_for_every_path_of_every_command(
    name: str, parameter: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for elsewhere in ELSEWHERE:
        if isinstance(parameter.type, SourceName | StoreLocation) and is_object_uri(elsewhere):
            continue
        ran = command.call(*arguments(name, **{str(parameter.name): elsewhere}))
        assert ran.code == 2
        assert re.search("no local path", ran.last)
        assert "geheim" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_every_path_of_every_command_is_of_that_type() -> None:
    assert {name for name, _ in PATHS} == set(COMMANDS)
    for one in COMMANDS.values():
        for parameter in one.params:
            assert not isinstance(parameter.type, click.Path | click.File)
            named = isinstance(parameter, click.Option) and "FILE" in (parameter.metavar or "")
            is_path = named or (isinstance(parameter, click.Argument) and not isinstance(parameter.type, click.Choice))
            if is_path and parameter.name not in {"uri", "target"}:
                assert isinstance(parameter.type, LocalPath), parameter.name


@pytest.mark.parametrize("elsewhere", [*ELSEWHERE, Path("s3://bucket/krr"), ""])
def test_an_address_is_refused_in_python_too(
    elsewhere: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SAMPLES.resolve() / "valid.xml"
    monkeypatch.chdir(tmp_path)
    for call in (
        lambda: krr_export.open_export(source, schema=elsewhere),
        lambda: krr_export.verify(elsewhere),
        lambda: krr_export.apply(elsewhere, "pages", as_of="2026-02-27T04:00:00Z"),
        lambda: krr_export.fetch("sftp://a@b.example.no/c", elsewhere),
        lambda: krr_export.run("sftp://a@b.example.no/c", elsewhere, tmp_path / "store"),
        lambda: krr_export.push(elsewhere, "s3://bucket"),
    ):
        with pytest.raises(UsageError, match=r"no local path|is empty"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "elsewhere", [*(one for one in ELSEWHERE if not is_object_uri(one)), Path("s3://bucket/krr"), ""]
)
def test_so_it_is_for_exports_and_stores_but_for_object_stores(elsewhere: str | Path, tmp_path: Path) -> None:
    for call in (
        lambda: krr_export.convert(elsewhere, tmp_path / "store"),
        lambda: krr_export.validate(elsewhere),
        lambda: krr_export.open_export(elsewhere),
        lambda: krr_export.inspect(elsewhere),
        lambda: krr_export.convert(SAMPLES / "valid.xml", elsewhere),
        lambda: krr_export.history(elsewhere),
        lambda: krr_export.check(elsewhere),
        lambda: krr_export.prune(elsewhere, keep=1),
        lambda: krr_export.views(elsewhere),
        lambda: krr_export.diff(elsewhere),
    ):
        with pytest.raises(UsageError, match=r"no local path|is empty"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a:b", "12:30", "eksport=1", "~x"])
def test_a_colon_in_a_name_is_no_address(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SAMPLES.resolve() / "valid.xml"
    monkeypatch.chdir(tmp_path)
    assert krr_export.convert(source, name, workers=0).published
    assert krr_export.convert(source, tmp_path / "s3:/bucket", workers=0).published


@pytest.mark.parametrize(
    "name",
    ["export.xml", "./x/../export.xml", "hard.xml", "soft.xml", "link/export.xml", "/proc/self/cwd/export.xml",
     "/dev/stdin", "/proc/self/fd/0"],
)  # fmt: skip
def test_a_report_takes_the_place_of_its_source_by_no_name(name: str, tmp_path: Path) -> None:
    source = tmp_path / "export.xml"
    shutil.copy(SAMPLES / "valid.xml", source)
    (tmp_path / "x").mkdir()
    (tmp_path / "hard.xml").hardlink_to(source)
    (tmp_path / "soft.xml").symlink_to("hard.xml")
    (tmp_path / "link").symlink_to(tmp_path)
    before = command.contents(tmp_path)
    for given in ("export.xml", "-"):
        with source.open("rb") as stdin:
            ran = command.run("validate", given, "--report", name, "--report-format", "json", stdin=stdin, cwd=tmp_path)
        assert (ran.code, ran.out) == (2, "")
        assert "--report is the same file as SOURCE, which is read" in ran.last
    assert command.contents(tmp_path) == before


def roles(name: str, *, read: bool) -> list[tuple[str, LocalPath]]:
    """The paths that a command reads, or those that it writes to; without --config, which has a test of its own."""
    return [
        (str(parameter.name), parameter.type)
        for other, parameter in PATHS
        if other == name and parameter.expose_value and isinstance(parameter.type, LocalPath)
        if (parameter.type.role is Role.INPUT) == read
    ]


def test_no_output_of_any_command_takes_the_place_of_an_input(tmp_path: Path) -> None:
    pairs = [
        (name, output, end, source)
        for name in COMMANDS
        for output, kind in roles(name, read=False)
        for end in ("", *kind.beside)
        for source, _ in roles(name, read=True)
    ]
    assert len(pairs) > 30
    for name, output, end, source in pairs:
        (tmp_path / f"file{end}").write_text("theirs")
        context = click.Context(COMMANDS[name])
        context.params = {output: tmp_path / "file", source: f"{tmp_path}/./file{end}"}
        with pytest.raises(UsageError, match="the same file as"):
            check_paths(context)


def test_no_report_takes_the_place_of_a_configuration_or_of_a_file_of_a_delivery(tmp_path: Path) -> None:
    config, inbox = tmp_path / "krr.toml", tmp_path / "inbox"
    config.write_text('lang = "nb"')
    inbox.mkdir()
    for end in ("gz.enc", "sig", "key.991825827"):
        (inbox / f"Kontaktregister-20260226T122225.{end}").write_bytes(b"x")
    linked = tmp_path / "Kontaktregister-20260226T122225.gz.enc"
    linked.symlink_to(inbox / linked.name)
    more = ("--report-format", "markdown")
    for arguments in (
        ("validate", SAMPLES / "valid.xml", "--config", config, "--report", config, *more),
        ("--config", config, "validate", SAMPLES / "valid.xml", "--report", config, *more),
        ("validate", inbox, "--report", inbox / "Kontaktregister-20260226T122225.key.991825827", *more),
        ("validate", inbox / "Kontaktregister-20260226T122225.gz.enc", "--report",
         inbox / "Kontaktregister-20260226T122225.sig", *more),
        ("validate", linked, "--report", inbox / "Kontaktregister-20260226T122225.sig", *more),
    ):  # fmt: skip
        ran = command.call(*arguments)
        assert (ran.code, "the same file as" in ran.last) == (2, True), ran.last
    assert config.read_text() == 'lang = "nb"'


def test_standard_output_is_not_appended_to_the_source(tmp_path: Path) -> None:
    source = tmp_path / "export.xml"
    shutil.copy(SAMPLES / "valid.xml", source)
    with source.open("ab") as stdout:
        ran = subprocess.run(
            [*command.PROGRAM, "validate", source, "--report", "-"],
            stdout=stdout, stderr=subprocess.PIPE, env=command.environment(), check=False, timeout=command.HANG,
        )  # fmt: skip
    assert (ran.returncode, b"standard output is the same file as SOURCE" in ran.stderr) == (2, True)
    assert source.read_bytes() == (SAMPLES / "valid.xml").read_bytes()


def test_nothing_but_publishing_writes_into_a_snapshot(store: Path, tmp_path: Path) -> None:
    [snapshot] = store.glob("eksport=*")
    krr_export.convert(SAMPLES / "valid.xml", store, limit=1, workers=0)
    [partial] = store.glob(".partial/eksport=*")
    shutil.copytree(snapshot, tmp_path / "copy")
    (tmp_path / "link.html").symlink_to(snapshot / "report.html")
    (tmp_path / "away").symlink_to(snapshot / "person")
    before = command.contents(tmp_path)
    inside = [
        snapshot / "report.html", store / "latest/new.html", snapshot / "person/new.html", partial / "x.html",
        tmp_path / "copy/report.html", tmp_path / "link.html", tmp_path / "away/x.html", store / ".lock",
        store / "latest", store / ".failed/x.html", store / "eksport=20990101T000000Z", store / ".staging-1/x.html",
    ]  # fmt: skip
    for path in inside:
        for arguments in (
            ("report", store / "latest", "--report-format", "html", "-o", path),
            ("history", store, "--html", path),
            ("validate", SAMPLES / "valid.xml", "--report-format", "html", "--report", path),
            ("sample", path, "--records", "1"),
            ("keys", path),
            ("convert", SAMPLES / "valid.xml", path / "store"),
        ):
            assert command.call(*arguments).code == 2, arguments
        with pytest.raises(UsageError, match="only publishing writes there"), atomic_write(path):
            pass
    assert command.contents(tmp_path) == before
    assert command.call("history", store, "--html", store / "history.html").code == 0
    assert krr_export.verify(snapshot).proven


def test_a_directory_with_a_manifest_of_another_kind_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    refuse_snapshot(tmp_path / "report.html")


def test_a_file_keeps_its_old_content_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path, other = tmp_path / "sample.xml", tmp_path / "hard"
    path.write_text("old")
    other.hardlink_to(path)
    with pytest.raises(RuntimeError), atomic_write(path) as file:  # noqa: PT012 - it is written, then fails
        file.write(b"new")
        assert path.read_text() == "old"
        raise RuntimeError
    assert sorted(tmp_path.iterdir()) == [other, path]
    with atomic_write(path) as file:
        file.write(b"new")
    assert (path.read_text(), other.read_text()) == ("new", "old")


def test_a_descriptor_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("ab") as file, atomic_write(Path(f"/proc/self/fd/{file.fileno()}")) as written:
        written.write(b"after\n")
    assert log.read_text() == "before\nafter\n"


def test_files_that_a_user_names_are_written_in_one_place_only() -> None:
    # Whoever opens a file to write has a word here on why no user names it, or goes by `atomic_write`.
    allowed = {
        "output/outputs.py", "util/files.py", "output/store.py", "input/locked_directory.py", "input/sftp/inbox.py",
        "input/http/directory.py", "input/objects/reading.py", "output/objects/mirror.py",
        "util/pycache.py", "cli/console.py", "cli/failures.py", "cli/main.py",
    }  # fmt: skip
    package = Path(krr_export.__file__).parent
    writing = re.compile(
        r"""open\([^)]*["'][wxa]b?\+?["']|write_bytes\(|\bPath[^\n]*write_text\(|O_WRONLY|O_RDWR|mkstemp|NamedTemp"""
    )
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if writing.search(path.read_text())}
    assert found - {"synthetic/files.py"} <= allowed  # which opens what `atomic_write` gave it


def test_empty_paths_are_refused_wherever_one_is_given() -> None:
    for name, parameter in PATHS:
        ran = command.call(*arguments(name, **{str(parameter.name): ""}))
        assert (ran.code, "the path is empty; is a variable not set?" in ran.last) == (2, True), (name, parameter.name)


EVIL = "a\nDROP TABLE person;\x1b[2J\u202eb"


def test_names_of_files_control_nothing_that_shows_them(krr: Krr, tmp_path: Path) -> None:
    source = tmp_path / f"{EVIL}.xml"
    source.write_bytes(Path("samples/valid.xml").read_bytes())
    ran = krr("inspect", source)
    assert (ran.code, "a?DROP TABLE person;?[2J?b.xml" in ran.out) == (0, True), ran.err
    xsd = tmp_path / f"{EVIL}.xsd"
    xsd.write_bytes(Path("xsd/kontaktregister-export-14-05.xsd").read_bytes())
    for other in Path("xsd").glob("oppslag*"):
        (tmp_path / other.name).write_bytes(other.read_bytes())
    for form in set(FORMATS) - {"json"}:  # json, as other JSON, escapes nothing that it need not
        ran = krr("schema", "--schema", xsd, "--format", form)
        assert ran.code == 0, ran.err
        assert not {"\x1b", "\u202e"} & set(ran.out), form
        assert not [line for line in ran.out.splitlines() if line.startswith("DROP")], form
    result = krr_export.convert(source, tmp_path / "store", workers=0, schema=xsd)
    document = json.loads((result.path / "report.json").read_text())
    assert document["source"]["name"].isprintable()
    assert document["schema"]["name"].isprintable()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("s3://bucket/krr", "object-stores.md"),
        ("postgresql://db/x", "krr-export load"),
        ("sftp://h/x", "fetch and run"),
    ],
)
def test_an_address_where_a_path_belongs_is_told_what_takes_it(given: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        krr_export.apply(given, "pages", as_of="2026-02-27T04:00:00Z")


def test_each_of_several_sources_is_compared_with_standard_output(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.xml", "b.xml")]
    for file in files:
        file.write_bytes(b"<a/>")
        for sources in (files, files[::-1]):
            words = [*command.PROGRAM, "backfill", *map(str, sources), str(tmp_path / "store")]
            with file.open("ab") as out:
                ran = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, env=command.environment(), check=False)
            said = f"standard output is the same file as SOURCES {file}, which is read"
            assert (ran.returncode, said in ran.stderr.decode(), file.read_bytes()) == (2, True, b"<a/>")
