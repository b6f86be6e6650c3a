"""An Iceberg table in a catalog that is a server, by the REST protocol: as with the one in SQLite."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import command
import pytest
from exports.nights import planted_store
from exports.pushed import NIGHTS, persons
from load_targets import rows
from pyiceberg.catalog import load_catalog
from servers.object_server import PLANTED

import krr_export

if TYPE_CHECKING:
    from pathlib import Path

    from servers.object_server import ObjectServer

pytestmark = pytest.mark.slow
TARGET = "iceberg:lake/krr.person"


def test_it_is_listed_read_proven_and_dropped(
    object_store: ObjectServer, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
    properties = object_store.make_lake("lake")
    for name, value in properties.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__LAKE__{name.upper().replace('.', '__').replace('-', '_')}", value)
    store = planted_store(tmp_path, NIGHTS, records=300)
    krr_export.push(store, bucket)
    assert krr_export.load(bucket, TARGET).loaded == NIGHTS[2:]
    assert krr_export.load(f"{bucket}/{NIGHTS[0]}", TARGET).loaded == NIGHTS[:1]  # older, and only by its tag
    proven = command.call("verify", TARGET, "--all")
    assert proven.code == 0, proven.err
    with closing(load_catalog("lake", **properties)) as catalog:
        table = catalog.load_table("krr.person")
        older = table.metadata.refs[NIGHTS[0].replace("=", "_")].snapshot_id
        assert rows(table.scan().to_arrow()) == persons(store / NIGHTS[2])
        assert rows(table.scan(snapshot_id=older).to_arrow()) == persons(store / NIGHTS[0])
        again = command.call("load", bucket, TARGET, "--all", "--keep", "1", "--json")
        assert (again.code, again.result["loaded"], again.result["dropped"]) == (0, [], [NIGHTS[0]]), again.err
        assert {*table.refresh().metadata.refs} == {"main", NIGHTS[2].replace("=", "_")}
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__CREDENTIAL", "krr:wrong")
    refused = command.call("verify", TARGET)
    assert refused.code == 6
    assert PLANTED not in refused.err
    assert "wrong" not in refused.err
