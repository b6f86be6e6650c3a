"""The functions of the package do what their docstrings show, and say what is wrong with an option."""

from __future__ import annotations

import doctest
import gzip
import inspect
import os
import pydoc
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import deliveries
import pytest
from servers import sshd

import krr_export
from krr_export import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import object_server

FUNCTIONS = sorted(
    name
    for name in krr_export.__all__
    if name != "load_schema" and callable(getattr(krr_export, name)) and name.islower() and "_version" not in name
)
UNCHECKED: Any = krr_export
"""The package, of a caller who is not type-checked."""
WHEN = "2026-02-27T04:00:00Z"
DOCUMENT = Path(__file__).parents[2] / "docs/guides/python.md"
URI = "sftp://krr@sftp.example.no/out"
ON_TWO_NIGHTS = {
    "check", "diff", "history", "load", "load_script", "prune", "push", "verify", "verify_load", "verify_pushed",
    "views",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export, the next night of it, its pages, and stores of one night and of both."""
    path = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        for words in (
            "sample export.xml.gz --records 2000 --seed 1",
            "sample next.xml.gz --from export.xml.gz --change 1% --pages pages",
            "convert export.xml.gz one",
            "convert export.xml.gz two",
            "convert next.xml.gz two",
        ):
            assert command.call(*words.split()).code == 0, words
    deliveries.make_set(path / "set", gzip.decompress((path / "export.xml.gz").read_bytes()))
    return path


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which examples run."""
    shutil.copy(made / "export.xml.gz", tmp_path)
    shutil.copytree(made / "pages", tmp_path / "pages")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server(home: Path, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    """A server that has a delivery; the keys for it are where the examples are."""
    keys = deliveries.keys_in(home / "keys")
    shutil.copy(keys.private_key, home / "receiver.pem")
    shutil.copy(keys.publisher_cert, home / "publisher.pem")
    with sshd.served(tmp_path_factory.mktemp("server")) as server:
        for file in (made / "set").iterdir():
            shutil.copy(file, server.directory)
        assert server.login.identity is not None
        assert server.login.known_hosts is not None
        shutil.copy(server.login.identity, home / "id_ed25519")
        shutil.copy(server.login.known_hosts, home / "known_hosts")
        yield server


@pytest.fixture
def objects(object_store: object_server.ObjectServer) -> Iterator[object_server.ObjectServer]:
    """A server of S3 with the bucket of the examples, which each finds empty."""
    object_store.make_bucket("bucket")
    yield object_store
    object_store.delete_bucket("bucket")


def test_every_function_has_an_example() -> None:
    assert {"apply", "check", "convert", "diff", "fetch", "inspect", "prune", "run", "views"} <= {*FUNCTIONS}
    assert [name for name in FUNCTIONS if ">>> " not in (getattr(krr_export, name).__doc__ or "")] == ["history"]


@pytest.mark.parametrize("name", sorted({*FUNCTIONS} - {"history"}))
def test_the_example_of_a_function_gives_what_it_shows(
    name: str, home: Path, made: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    function: Callable[..., Any] = getattr(krr_export, name)
    text = function.__doc__ or ""
    if name in ON_TWO_NIGHTS:
        shutil.copytree(made / "two", home / "store", symlinks=True)
    if name == "verify_load":
        krr_export.load("store", "duckdb:krr.duckdb")
    elif name in {"load_script", "push", "verify_pushed"}:
        variables = request.getfixturevalue("objects").variables
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
    elif name == "backfill":
        shutil.copy(made / "next.xml.gz", home)
    elif name == "apply":
        shutil.copytree(made / "one", home / "store", symlinks=True)
    elif name in {"fetch", "run"}:
        assert URI in text
        text = text.replace(URI, request.getfixturevalue("server").uri())
    example = doctest.DocTestParser().get_doctest(text, {"krr_export": krr_export}, name, None, None)
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted


def test_the_blocks_of_the_document_run_as_they_stand(home: Path, server: sshd.Server) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    said = ""
    for block in blocks:
        words = [sys.executable, "-c", block.replace(URI, server.uri())]
        done = subprocess.run(words, cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said += done.stdout
    assert "did you mean max_rejects?" in said
    assert (home / "nights/latest/_SUCCESS").is_file()


def test_the_document_has_every_function() -> None:
    rows = re.findall(r"^\| `(\w+)\(", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(rows) == FUNCTIONS


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UNCHECKED.run("u", "i", "s", kep=3), "there is no option kep; did you mean keep?"),
        (lambda: UNCHECKED.run("u", "i", "s", identit="k"), "there is no option identit; did you mean identity?"),
        (lambda: UNCHECKED.run("u", "i", "s", keep=0), "--keep must be at least 1"),
        (lambda: UNCHECKED.run("u", "i", "s", keep="3"), "keep cannot be of type str; give a whole number or None"),
        (lambda: UNCHECKED.run("u", "i", "s", known_hosts=3), "known_hosts cannot be of type int"),
        (lambda: UNCHECKED.fetch("u", "i", orgnt="x"), "there is no option orgnt; did you mean orgnr?"),
        (lambda: UNCHECKED.fetch("u", "i", identity_passphrase=1), "passphrase cannot be of type int"),
        (lambda: UNCHECKED.apply("s", "p", as_of="x"), "--as-of"),
        (lambda: UNCHECKED.apply("s", "p", as_off="x", as_of=WHEN), "there is no option as_off; did"),
        (lambda: UNCHECKED.apply("s", "p", as_of=WHEN, format="csv"), "format is as in the snapshot"),
        (lambda: UNCHECKED.apply("s", "p", as_of=WHEN, carried="post"), "--carried"),
        (lambda: UNCHECKED.prune("s", keep="3"), "keep cannot be of type str"),
        (lambda: UNCHECKED.inspect("e", privat_key="k"), "there is no option privat_key; did you mean private_key?"),
        (lambda: UNCHECKED.convert("e", "s", "1%"), "options is of another type; give ConvertOptions"),
        (lambda: UNCHECKED.inspect("e", delivery="k"), "delivery is of another type; give DeliveryOptions"),
        (lambda: UNCHECKED.open_export("e", orgnrs="k"), "there is no option orgnrs; did you mean orgnr?"),
    ],
)  # fmt: skip
def test_wrong_options_are_found_before_anything_is_done(
    call: Callable[[], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        call()
    assert str(raised.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*FUNCTIONS, "load_schema", "ConvertOptions", "DeliveryOptions"])
def test_every_function_and_class_of_options_names_the_option_that_was_meant(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called = getattr(krr_export, name)
    one = [*inspect.signature(called).parameters][-1]
    meant = {"keywords": "max_ahead", "keys": "private_key"}.get(one, one)
    with pytest.raises(UsageError, match=f"^there is no option {meant}x; did you mean {meant}\\?$"):
        called(**{f"{meant}x": 1})
    assert list(tmp_path.iterdir()) == []


PATH_ARGUMENTS = [
    (name, parameter.name)
    for name in [*FUNCTIONS, "load_schema"]
    for parameter in inspect.signature(getattr(krr_export, name)).parameters.values()
    if "StrPath" in str(parameter.annotation)
]


def test_every_path_is_known_as_one() -> None:
    assert len(PATH_ARGUMENTS) >= 20
    of = [name for name, _ in PATH_ARGUMENTS]
    assert {*FUNCTIONS} - {*of} == {"verify_pushed"}, "that takes a URI"


@pytest.mark.parametrize(("name", "argument"), PATH_ARGUMENTS)
def test_every_path_may_be_text_and_nothing_but_a_path(
    name: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URI is refused wherever a local path is meant: so text is read as one."""
    monkeypatch.chdir(tmp_path)
    called = getattr(krr_export, name)
    others: dict[str, Any] = {
        one.name: {"uri": "sftp://krr@127.0.0.1:1/out", "target": "duckdb:krr.duckdb"}.get(one.name, "missing")
        for one in inspect.signature(called).parameters.values()
        if one.default is one.empty and one.kind is not one.VAR_KEYWORD
    }
    others |= {"keep": 1} if "keep" in others else {}
    others |= {"as_of": WHEN} if "as_of" in others else {}
    with pytest.raises(UsageError, match=r"a URI \(http://\) is no local path"):
        called(**{**others, argument: "http://example.no/x.parquet"})
    with pytest.raises(UsageError, match=f"^(the source|{argument}) .*(type int|a path)"):
        called(**{**others, argument: 3})
    assert list(tmp_path.iterdir()) == []


def test_all_pages_from_the_first_change_on_make_a_store_of_the_shape_asked_for(made: Path, home: Path) -> None:
    assert command.call(
        "sample", "n.xml", "--from", made / "export.xml.gz", "--change", "1%", "--pages", "all", "--pages-from", "zero"
    ).code == 0  # fmt: skip
    result = krr_export.apply(
        "store", "all", as_of="2026-02-28T04:00:00Z", from_zero=True, format="csv", columns=["status"],
        max_rejects="100%",
    )  # fmt: skip
    assert result.outcome == "published"
    assert [path.suffix for path in (home / "store/latest/person").iterdir()] == [".csv"]


def test_names_are_loaded_when_they_are_used() -> None:
    script = "import sys, krr_export; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"pyarrow", "lxml", "paramiko", "krr_export.jobs"} & {*done.stdout.split()}
    for name in krr_export.__all__:
        assert getattr(krr_export, name) is not None


def test_help_shows_every_function_and_what_it_is_for() -> None:
    environment = {**os.environ, "PAGER": "cat"}
    done = subprocess.run(
        [sys.executable, "-c", "import krr_export; help(krr_export)"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    for name in FUNCTIONS:
        summary = pydoc.splitdoc(getattr(krr_export, name).__doc__ or "")[0]
        assert summary in done.stdout, name
