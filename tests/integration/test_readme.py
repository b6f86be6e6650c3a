"""The documents keep their word: commands run, output is what comes out, tables are the program's."""

from __future__ import annotations

import ast
import configparser
import gzip
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import command
import documents
import duckdb
import pytest
from servers import dask_cluster, sshd

from krr_export import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.dask_cluster import DaskCluster
    from servers.object_server import ObjectServer
    from servers.postgres_server import Server

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("guides/querying", "guides/nightly", "reference/options", "guides/soap")
    ),
]
"""What a new reader types, in the order of reading."""
README = PAGES[0].read_text()
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


class Fence(NamedTuple):
    language: str
    text: str
    place: str


AFTER_DEMO = 'export PATH="$PWD/.venv/bin:$PATH"\ncd demo\n'
"""What brings a reader from `make demo` to where the commands behind it find program and export."""

FENCES = [
    Fence(match[1], match[2], f"{page.name} line {text[: match.start()].count(chr(10)) + 1}")
    for page in PAGES
    for text in [page.read_text()]
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
]


def run(words: list[str], cwd: Path) -> str:
    done = subprocess.run(
        words, cwd=cwd, env=ENVIRONMENT, text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def table(header: str, document: Path) -> list[list[str]]:
    """The rows of the table with this header, cell by cell."""
    below = document.read_text().split(f"{header}\n", 1)[1].splitlines()[1:]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in takewhile(lambda line: line.startswith("|"), below)
    ]


@pytest.fixture(scope="module")
def reader_has(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an export, as a reader of the README has it."""
    path = tmp_path_factory.mktemp("reader")
    sample = "krr-export sample export.xml.gz --records 4000 --seed 1 --faults 0.05%"
    run(shlex.split(sample), path)
    export = path / "export.xml.gz"
    # One e-mail address that cannot be one, for the query that looks for such.
    document, replaced = re.subn(
        rb"(<Epostadresse[^>]*>[^<@]*)@", rb"\1", gzip.decompress(export.read_bytes()), count=1
    )
    assert replaced == 1
    export.write_bytes(gzip.compress(document, 1))
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    """An SFTP server, where the README says krr@sftp.example.no."""
    with sshd.served(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_every_block_runs_in_the_order_of_reading(
    reader_has: Path, server: sshd.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reader_has)
    for fence in FENCES:
        match fence.language:
            case "sh" | "bash" if "make demo" not in fence.text and fence.text != AFTER_DEMO:
                run(["bash", "-euo", "pipefail", "-c", fence.text], reader_has)
            case "sql":
                assert duckdb.connect().execute(fence.text).fetchall(), fence.place
            case "python":
                run([sys.executable, "-c", fence.text], reader_has)
            case "toml":
                (reader_has / fence.text.splitlines()[0].removeprefix("# ")).write_text(fence.text)
            case "crontab":
                assert "%" not in fence.text, "a line end, in a crontab"
                by_a_scheduler(fence.text.split(maxsplit=5)[5], reader_has / "night", server)
            case "ini":
                service = configparser.ConfigParser()
                service.read_string(fence.text)
                if "Service" not in service:
                    assert service["Timer"]["OnCalendar"]
                    continue
                line = "cd {workingdirectory} && {execstart}".format(**service["Service"])
                if " check " in line:
                    run(["sh", "-ec", line.replace("/srv/krr", shlex.quote(str(reader_has / "unit")))], reader_has)
                    continue
                by_a_scheduler(line, reader_has / "unit", server)


def test_the_commands_behind_make_demo_find_what_it_made() -> None:
    commands = [fence.text for fence in FENCES if fence.language == "sh"]
    assert commands[0].startswith("make demo\n")
    assert commands[1] == AFTER_DEMO
    assert commands[2].startswith("krr-export inspect export.xml.gz\n")
    made = (ROOT / "Makefile").read_text()
    assert "krr-export sample $(DEMO)/export.xml.gz " in made
    assert "\nDEMO ?= demo\n" in made


def by_a_scheduler(line: str, home: Path, server: sshd.Server) -> None:
    """Run a command line with a directory of the test's own for /srv/krr, and a fresh delivery on the server."""
    home.mkdir()
    (home / ".venv").symlink_to(BIN.parent)
    shutil.copy(home.parent / "krr.toml", home)
    keys = home.parent / "keys"
    shutil.copy(keys / "publisher.pem", home)
    (home / "passphrase").write_text("not empty\n")
    receiver = ("-inkey", str(keys / "receiver-private.pem"), "-in", str(keys / "receiver.pem"))
    run(["openssl", "pkcs12", "-export", *receiver, "-out", "receiver.p12", "-passout", "file:passphrase"], home)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    run(["krr-export", "sample", "fresh.xml", "--records", "500", "--exported", made], home)
    signer = ("--recipient", str(keys / "receiver.pem"), "--signing-key", str(keys / "publisher-private.pem"))
    for old in server.directory.iterdir():
        old.unlink()
    run(["krr-export", "seal", "fresh.xml", str(server.directory), "--orgnr", "991825827", *signer], home)
    here = line.replace("/srv/krr", shlex.quote(str(home))).replace("sftp://krr@sftp.example.no/out", server.uri())
    assert here.count(server.uri()) == 1
    login = f"export KRR_EXPORT_IDENTITY={server.login.identity} KRR_EXPORT_KNOWN_HOSTS={server.login.known_hosts}"
    run(["sh", "-ec", f"{login}; {here}"], home)
    assert (home / "store/latest/_SUCCESS").is_file()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A Dask cluster of two workers."""
    with dask_cluster.running(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.grow_to(2)
        yield cluster


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a valid export and a store of it."""
    path = tmp_path_factory.mktemp("published")
    run(shlex.split("krr-export sample export.xml.gz --records 2000 --seed 1"), path)
    run(shlex.split("krr-export convert export.xml.gz store"), path)
    return path


@pytest.mark.parametrize("document", sorted({*(ROOT / "docs").rglob("*.md")} - {*PAGES}), ids=lambda page: page.stem)
def test_commands_of_other_documents_run_as_they_stand(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """For a reader who has a valid export and a store of it. Commands that use what is not ours are passed over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(ENVIRONMENT, "GITHUB_STEP_SUMMARY", "summary.md")
    fences = re.findall(r"^```(sh|sql|python)\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)
    ours = [
        (language, text)
        for language, text in fences
        if language == "sql"
        or (language == "sh" and ("krr-export " in text or text.startswith('psql "$DATABASE"')))
        or (language == "python" and ('environ["PLACE"]' in text or "load_catalog(" in text))
    ]
    if any("$DATABASE" in text for _, text in ours):
        running: Server = request.getfixturevalue("postgres")
        monkeypatch.setitem(ENVIRONMENT, "DATABASE", running.database(document.stem))
    if any("$PLACE" in text for _, text in ours):
        objects: ObjectServer = request.getfixturevalue("object_store")
        lake = {"URI": f"sqlite:///{tmp_path}/lake.db", "WAREHOUSE": "s3://krr/lake", "S3__ENDPOINT": objects.endpoint}
        catalog = {f"PYICEBERG_CATALOG__LAKE__{name}": value for name, value in lake.items()}
        for name, value in {**objects.variables, **catalog, "PLACE": f"s3://krr/{document.stem}"}.items():
            monkeypatch.setitem(ENVIRONMENT, name, value)
    if any("$CLUSTER" in text for _, text in ours):
        cluster: DaskCluster = request.getfixturevalue("cluster")
        monkeypatch.setitem(ENVIRONMENT, "CLUSTER", cluster.address)
    if not ours:
        return
    shutil.copytree(request.getfixturevalue("published"), tmp_path, symlinks=True, dirs_exist_ok=True)
    for language, text in ours:
        if language == "sql":
            duckdb.connect().execute(text).fetchall()
        elif language == "python":
            run([sys.executable, "-c", text], tmp_path)
        elif "| jq" not in text:
            run(["bash", "-eu", "-c", text], tmp_path)


def test_no_block_is_left_out() -> None:
    elsewhere = {"yaml"}  # in test_container.py
    ours = {"sh", "bash", "sql", "python", "toml", "crontab", "ini", "text"}
    assert {fence.language for fence in FENCES} == ours | elsewhere
    assert sum(page.read_text().count("```") for page in PAGES) == 2 * len(FENCES)


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    (shown,) = (fence.text for fence in FENCES if fence.language == "text" and "AKTIV" in fence.text)
    printed = iter(measured_out(make(f"DEMO={tmp_path}/demo", "demo").replace(f"{tmp_path}/demo", "demo")))
    assert [line for line in measured_out(shown) if line not in printed] == [], "in this order"
    assert make(f"DEMO={tmp_path}/demo", "DEMO_RECORDS=100", "demo"), "again, over what is there"


def make(*arguments: str) -> str:
    """Run make with this very environment in place of .venv, so that nothing is installed."""
    done = subprocess.run(
        ["make", "--assume-old=.venv/.dev", f"RUN={BIN}", *arguments],
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def measured_out(output: str) -> list[str]:
    """The lines without what differs: times and memory, and how DuckDB draws a table."""
    untimed = (command.TIMED.sub("", line) for line in output.splitlines())
    lines = (re.sub(r"[─┌┬┐├┼┤└┴┘│\s]+", " ", line).strip() for line in untimed)
    return [line for line in lines if line and not line.startswith(("took ", "make"))]


def test_both_commands_and_all_others_of_make_exist() -> None:
    (both,) = (fence.text for fence in FENCES if "make demo" in fence.text and fence.language == "sh")
    assert both.split("\n") == ["make demo", "make test", ""]
    targets = set(re.findall(r"^  make ([a-z-]+)", make("help"), re.MULTILINE))
    assert {
        *(
            "demo",
            "demo-delivery",
            "test",
            "test-lowest",
            "check",
            "fuzz",
            "fuzz-asan",
            "wheel",
            "lint",
            "samples",
            "bench",
            "bench-full",
            "clean",
        ),
        *("constraints", "docs", "help", "picture"),
    } == targets
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_what_is_made_from_the_program_is_up_to_date(document: Path) -> None:
    text = document.read_text()
    assert documents.parts_of(text)
    assert documents.remade(text) == text, "run: make docs"


def test_every_exception_from_the_lint_rules_is_justified() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    exceptions = {*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)}
    rows = table("| exception | where | why |", ROOT / "CONTRIBUTING.md")
    assert {rule for row in rows for rule in row[0].split(", ")} == exceptions


def test_the_documents_for_developers_name_files_that_are_there() -> None:
    for document in ("CONTRIBUTING.md", "docs/ARCHITECTURE.md"):
        named = re.findall(r"`([\w/.]+\.(?:pyx?|json))`", (ROOT / document).read_text())
        assert len(named) > 10
        assert [name for name in named if not any((ROOT / top / name).exists() for top in ("", "krr_export"))] == []


def test_the_architecture_shows_the_layers_that_the_linter_holds() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = (ROOT / "docs/ARCHITECTURE.md").read_text().split("```")[1].replace("┬", "|").splitlines()
    lines = [line for line in drawn if re.match(r"[a-z]+ ", line)]
    assert [re.sub(r"  .*", "", line) for line in lines] == layers


def test_messages_in_troubleshooting_are_the_programs() -> None:
    texts = " ".join(
        node.value
        for path in (ROOT / "krr_export").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    rows = table("| the last line says | it means | what to do |", ROOT / "docs/guides/troubleshooting.md")
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row[0])]
    assert len(messages) >= len(rows)
    assert [message for message in messages if message not in texts] == []


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= 150
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if f"]({page.relative_to(ROOT)})" not in README] == []


def test_exit_codes_are_the_documented_ones() -> None:
    rows = table("| exit | means | published | what to do | may be retried |", ROOT / "docs/reference/exit-codes.md")
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4", "5", "6", "70", "129", "130", "134", "137", "143"]
    assert [row[0] for row in rows if row[2] == "yes"] == ["0"]
    retried = [row[0] for row in rows if row[4] == "yes"]
    assert retried == ["4", "6", "129", "130", "134", "137", "143"]
    assert f"  {' | '.join(retried)}) echo" in (ROOT / "docs/guides/nightly.md").read_text(), (
        "the script that tells them apart"
    )


def test_every_error_has_an_exit_code_of_the_table() -> None:
    kinds = [errors.KrrExportError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    known = {code.number for code in errors.EXIT_CODES}
    assert {kind.exit_code for kind in kinds} <= known
    assert {128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)} <= known


def test_links_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            assert link.startswith("https://") or (document.parent / link).exists(), f"{document.name}: {link}"
