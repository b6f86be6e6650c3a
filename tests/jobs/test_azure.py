"""What Azure does otherwise than S3, with Azurite: addresses, endpoints, keys, and deleting what is not there."""

from __future__ import annotations

from pathlib import Path

import command
import pytest
from obstore.store import from_url
from servers import azurite

import krr_export
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects

pytestmark = pytest.mark.slow
VALID = Path(__file__).parents[2] / "samples/valid.xml"
WRONG_KEY = "aGVtbWVsaWctbm9la2tlbA=="


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("store")
    krr_export.convert(VALID, home / "store", workers=0)
    return home / "store"


def keys(place: str) -> list[str]:
    return sorted(entry["path"] for batch in from_url(place).list() for entry in batch)


def test_a_store_is_pushed_and_damage_is_found(store: Path, container: str) -> None:
    assert command.call("push", store, container).code == 0
    assert "nothing to push" in command.call("push", store, container).last
    proven = command.call("verify", container)
    assert (proven.code, proven.last.startswith(f"proven: {container}/eksport=")) == (0, True)
    [part] = [key for key in keys(container) if "/person/" in key]
    from_url(container).put(part, b"PAR1")
    assert command.call("verify", container).code == 1


def test_one_place_has_several_addresses(store: Path, container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = container.rpartition("/")[2]
    for uri in (f"az://krr/{prefix}", f"abfss://krr/{prefix}"):
        ran = command.call("push", store, uri)
        assert (ran.code, uri in ran.last) == (0, True), ran.err
    for name in azurite.Azurite("").variables:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azurite.KEY)  # and no account: only the long address has it
    ran = command.call("history", f"az://krr/{prefix}")
    assert (ran.code, azurite.KEY in ran.err) == (2, False), ran.err


def test_the_emulators_own_variables_will_do(
    store: Path, azure_store: azurite.Azurite, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in azure_store.variables:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
    monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", azure_store.endpoint)
    assert command.call("push", store, container).code == 0
    assert command.call("verify", container).code == 0


@pytest.mark.parametrize("key", [WRONG_KEY, "hemmelig-noekkel"])
def test_a_wrong_key_is_no_access_and_in_no_message(
    key: str, store: Path, container: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert command.call("push", store, container).code == 0
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", key)
    source = str(VALID)
    for words in (
        ["push", str(store), container], ["convert", source, container], ["prune", container, "--keep", "1"],
        ["verify", container], ["history", container], ["check", container], ["diff", container],
        ["views", container], ["convert", f"{container}/x.xml", str(tmp_path / "store")],
    ):  # fmt: skip
        ran = command.call(*words, "--json") if words[0] != "views" else command.call(*words)
        assert (ran.code, key in ran.out + ran.err) == (6 if key == WRONG_KEY else 2, False), ran.err
        assert len(ran.lines) == 1


def test_an_endpoint_without_encryption_has_to_be_allowed(container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_ALLOW_HTTP")
    ran = command.call("history", container)
    assert (ran.code, "AZURE_ALLOW_HTTP=true" in ran.last) == (2, True)


def test_a_container_that_is_missing_is_wrong_usage(container: str) -> None:
    missing = container.replace("//krr@", "//missing@")
    for words in (["convert", VALID, missing], ["history", missing], ["verify", missing]):
        ran = command.call(*words)
        assert (ran.code, missing in ran.last) == (2, True), ran.err


def test_of_several_to_delete_some_may_be_missing(container: str) -> None:
    native = from_url(container)
    for name in ("a", "c"):
        native.put(name, b"1")
    open_objects(parse_address(container)).delete(["a", "b", "c", "d"])
    assert keys(container) == []
