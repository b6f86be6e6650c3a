"""A catalog of Iceberg that lies: what it answers loads no class, and no file of this machine is opened or deleted."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import command
import pytest
from obstore.store import MemoryStore
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType
from servers.serving import in_background
from sqlalchemy import insert

from krr_export.errors import InputError
from krr_export.input.objects.store import ObjectStore
from krr_export.warehouse.iceberg import trust
from krr_export.warehouse.iceberg.catalog import open_catalog
from krr_export.warehouse.iceberg.name import marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TARGET = "iceberg:lake/krr.person"
Answers = dict[str, Any]


def table(location: str, **properties: str) -> dict[str, Any]:
    """A table of this tool without snapshots, as a catalog answers."""
    metadata = {
        "format-version": 2,
        "table-uuid": "7f8f5dd3-5d4f-4d0a-8d5c-2f1f4f1e2a11",
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": 0,
        "last-column-id": 1,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": [_FIELD]}],
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "default-spec-id": 0,
        "last-partition-id": 999,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0,
        "properties": {"krr.place": "s3://krr/place", **properties},
        "snapshots": [],
        "refs": {},
    }
    return {"metadata": metadata, "config": {}}


_FIELD = {"id": 1, "name": "status", "required": False, "type": "string"}


class _Handler(BaseHTTPRequestHandler):
    _answers: Answers

    def do_GET(self) -> None:
        asked = "config" if "/config" in self.path else "table"
        if asked in self._answers["waits"]:
            self._answers["waits"][asked].wait()
            return
        self._answer(self._answers[asked])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self._answers["commit"])

    def _answer(self, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """What the catalog ``lake`` answers; to be changed."""
    said: Answers = {"config": {"defaults": {}, "overrides": {}}, "table": table("s3://krr/lake"), "waits": {}}
    with in_background(ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"_answers": said}))) as port:
        monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
        monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"http://127.0.0.1:{port}")
        yield said


def _by_files_of_the_catalog(answers: Answers, made: str) -> None:
    answers["config"] = {"defaults": {"touch": "", made: ""}, "overrides": {"py-io-impl": "subprocess.Popen"}}


def _by_files_of_the_table(answers: Answers, made: str) -> None:
    answers["config"]["defaults"] = {"touch": "", made: ""}
    answers["table"]["config"] = {"py-io-impl": "subprocess.Popen"}


def _by_a_property_of_the_table(answers: Answers, made: str) -> None:
    answers["config"]["defaults"] = {"touch": "", made: ""}
    answers["table"]["metadata"]["properties"]["py-io-impl"] = "subprocess.Popen"


def _by_authentication(answers: Answers, made: str) -> None:
    auth = {"type": "custom", "impl": "subprocess.Popen", "custom": {"args": ["touch", made]}}
    answers["config"]["overrides"] = {"auth": auth}


@pytest.mark.parametrize(
    ("location", "warehouse", "trusted"),
    [
        ("s3://lake/t", "", True),
        ("s3a://lake/t", "", True),
        ("abfss://c@a.dfs.core.windows.net/t", "", True),
        ("file:///srv/lake/t", "", False),
        ("/srv/lake/t", "", False),
        ("hdfs://host/t", "", False),
        ("file:///srv/lake/t", "file:///srv/lake", True),
        ("file:///srv/lake/../t", "file:///srv/lake", False),
        ("file:///srv/lakes/t", "file:///srv/lake", False),
    ],
)
def test_only_an_object_store_or_our_own_warehouse_is_trusted(location: str, warehouse: str, *, trusted: bool) -> None:
    assert trust.are_elsewhere([location], warehouse) is trusted


@pytest.mark.parametrize(
    "attack",
    [_by_files_of_the_catalog, _by_files_of_the_table, _by_a_property_of_the_table, _by_authentication],
)
def test_no_answer_has_a_class_loaded(
    attack: Callable[[Answers, str], None], answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr("subprocess.Popen", lambda *words, **named: started.append((words, named)))
    attack(answers, str(tmp_path / "made"))
    ran = command.call("verify", TARGET)
    assert started == []
    assert ran.code in {2, 3, 6}, ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "lie",
    [
        {"location": "file:///srv/elsewhere"},
        {"location": "/srv/elsewhere"},
        {"location": "s3://krr/lake", "write.metadata.path": "file:///srv/elsewhere"},
        {"location": "s3://krr/lake", "write.py-location-provider.impl": "subprocess.Popen"},
    ],
)
def test_a_table_whose_metadata_would_lie_on_this_machine_is_refused(lie: dict[str, str], answers: Answers) -> None:
    answers["table"] = table(**lie)
    ran = command.call("verify", TARGET)
    assert ran.code == 3, ran.err
    assert "/srv" not in ran.err
    assert ran.last.startswith(
        "the Iceberg table krr.person of the catalog lake names files or programs of this machine"
    )


def test_a_list_of_files_on_this_machine_is_not_opened(answers: Answers) -> None:
    snapshot = {
        "snapshot-id": 1,
        "sequence-number": 1,
        "timestamp-ms": 1,
        "manifest-list": "file:///srv/waits-for-ever",
        "summary": {"operation": "append"},
        "schema-id": 0,
    }
    answers["table"]["metadata"] |= {"snapshots": [snapshot], "last-sequence-number": 1}
    ran = command.call("verify", TARGET)
    assert ran.code == 3, ran.err
    assert "names files or programs of this machine" in ran.last


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlCatalog]:
    """The catalog ``lake``, a database that others may write; as they open it."""
    uri = f"sqlite:///{tmp_path}/catalog.db"
    monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", uri)
    with closing(SqlCatalog("lake", uri=uri)) as opened:
        yield opened


@pytest.mark.parametrize("form", ["{}", "file://{}", "file:{}"])
def test_metadata_on_this_machine_are_not_opened_for_a_row_in_a_database(
    form: str, database: SqlCatalog, tmp_path: Path
) -> None:
    """They are a pipe: whoever opens it waits for ever."""
    os.mkfifo(tmp_path / "x.metadata.json")
    named = {"catalog_name": "lake", "table_namespace": "krr", "table_name": "person", "iceberg_type": "TABLE"}
    with database.engine.begin() as connection:
        row = {**named, "metadata_location": form.format(tmp_path / "x.metadata.json")}
        connection.execute(insert(IcebergTables).values(**row))
    ran = command.run("verify", TARGET, timeout=60)
    assert (ran.code, ran.err.count("\n")) == (3, 1), ran.err
    assert ran.last.startswith("the catalog lake names files or programs of this machine")
    assert str(tmp_path) not in ran.err


def test_no_database_has_metadata_made_on_this_machine(database: SqlCatalog, tmp_path: Path) -> None:
    database.create_namespace("krr", {"location": (tmp_path / "elsewhere").as_uri()})
    with closing(open_catalog("lake")) as catalog, pytest.raises(InputError, match="names files or programs of this"):
        catalog.create_table("krr.person", Schema(NestedField(1, "status", StringType())))
    assert not (tmp_path / "elsewhere").exists()


def test_no_answer_has_a_file_deleted(answers: Answers, tmp_path: Path) -> None:
    (kept := tmp_path / "kept").touch()
    asking = {"write.metadata.delete-after-commit.enabled": "true"}
    answers["table"] = table("s3://krr/lake", **asking)
    answers["table"]["metadata"]["metadata-log"] = [{"timestamp-ms": 0, "metadata-file": kept.as_uri()}]
    answers["commit"] = table("s3://krr/lake", **asking) | {"metadata-location": "s3://krr/lake/metadata/1.json"}
    with closing(open_catalog("lake")) as catalog, catalog.load_table("krr.person").update_schema() as update:
        update.add_column("name", StringType())
    assert kept.exists()


def test_a_class_of_catalogs_that_is_configured_here_is_taken(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers["table"]
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__PY_CATALOG_IMPL", f"{__name__}.OwnCatalog")
    with closing(open_catalog("lake")) as catalog:
        assert isinstance(catalog, OwnCatalog)


class OwnCatalog(NoopCatalog):
    """As a user may have one, whose address is one of HTTP, too."""


def test_a_table_that_lies_over_no_place_is_none_of_this_tool(answers: Answers) -> None:
    answers["table"] = table("s3://krr/lake", **{"krr.place": "s3://user:hemmelig@krr/place"})
    ran = command.call("verify", TARGET)
    assert (ran.code, ran.err.count("\n"), "hemmelig" in ran.err) == (3, 1, False), ran.err
    assert ran.last.startswith("the Iceberg table krr.person of the catalog lake lies over no place in an object store")


@pytest.mark.parametrize(
    "text",
    ["catalog:\n  lake: {hemmelig\n", "- hemmelig\n", "", "catalog: hemmelig\n", "a: &x hemmelig\n"],
    ids=["broken", "list", "empty", "text", "anchor"],
)
def test_a_configuration_of_pyiceberg_in_disorder_is_wrong_usage(text: str, tmp_path: Path) -> None:
    (tmp_path / ".pyiceberg.yaml").write_text(text)
    variables = {"PYICEBERG_HOME": str(tmp_path), "PYICEBERG_CATALOG__LAKE__URI": "http://127.0.0.1:1"}
    ran = command.run("verify", TARGET, env=variables)
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
    assert ran.last.startswith("pyiceberg's configuration cannot be read")
    assert "hemmelig" not in ran.err


def test_a_mark_without_end_is_damaged() -> None:
    store = ObjectStore(MemoryStore(), "s3://krr/place")
    store.write("iceberg/x.json", [b"[" * 200_000])
    with pytest.raises(InputError, match=r"iceberg/x\.json is damaged"):
        marks(store)


@pytest.mark.parametrize("said", ["a page of some proxy", {"defaults": "hemmelig"}, []])
def test_what_answers_and_is_no_catalog_is_a_failure_of_the_network(said: object, answers: Answers) -> None:
    answers["config"] = said
    ran = command.call("verify", TARGET)
    assert (ran.code, ran.err.count("\n"), "hemmelig" in ran.err) == (6, 1, False), ran.err
    assert ran.last.startswith("the catalog lake does not answer as a catalog does; see docs/guides/iceberg.md")


@pytest.mark.parametrize("silent", ["config", "table"])
def test_a_catalog_that_says_nothing_is_not_waited_for(
    silent: str, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "_SECONDS_OF_SILENCE", 1)
    answers["waits"][silent] = waiting = threading.Event()
    timer = threading.Timer(20, waiting.set)  # or the program would wait for ever, if it does
    timer.start()
    try:
        ran = command.call("verify", TARGET)
        assert not waiting.is_set()
    finally:
        timer.cancel()
        waiting.set()
    assert ran.code == 6, ran.err
    assert ran.err.count("\n") == 1
