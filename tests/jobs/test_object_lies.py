"""An object store that answers wrongly: a command gives what it would have given, or ends in 6; nothing in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import objects
import pytest
from obstore.store import MemoryStore

import krr_export
from krr_export.errors import InputError, KrrExportError, NetworkError
from krr_export.input.objects.store import ObjectStore
from krr_export.jobs.nightly_steps import prune_place
from krr_export.jobs.push import push_snapshots
from krr_export.output import store_place
from krr_export.output.objects.committed import read_commit
from krr_export.output.objects.mirror import Mirror
from krr_export.output.objects.publish import advance, prepare
from krr_export.output.objects.verification import verify_objects
from krr_export.output.store_contents import snapshots
from krr_export.warehouse.iceberg.name import marks
from krr_export.warehouse.lake.registration import register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from obstore import GetOptions, GetResult, ObjectMeta

VALID = Path(__file__).parents[2] / "samples/valid.xml"
NIGHTS = [f"eksport=202602{day}T112225Z" for day in (26, 27, 28)]
LATER = 10**6


@dataclass(frozen=True)
class Answer:
    """An object that was changed on its way."""

    body: bytes
    meta: ObjectMeta

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.body

    def bytes(self) -> bytes:
        return self.body


@dataclass
class Lying:
    """A store that lies at some of the requests for an object.

    Attributes:
        inner: the store.
        lie: what becomes of an answer.
        lies: the numbers of the requests at which it lies, from 1.
        asked: the keys that were asked for.
    """

    inner: MemoryStore
    lie: Callable[[GetResult], GetResult | Answer]
    lies: range
    asked: list[str] = field(default_factory=list)

    def get(self, path: str, /, *, options: GetOptions | None = None) -> GetResult | Answer:
        self.asked.append(path)
        number = len(self.asked)
        got = self.inner.get(path, options=options)
        return self.lie(got) if number in self.lies else got

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self.inner, name)
        return method


def not_found(_: object) -> Answer:
    raise FileNotFoundError(objects.QUOTED)


def changed(got: GetResult) -> Answer:
    body = bytearray(bytes(got.bytes()))
    body[len(body) // 2 : len(body) // 2 + 1] = b"\xff"
    return Answer(bytes(body), got.meta)


def cut(got: GetResult) -> Answer:
    return Answer(bytes(got.bytes())[:-7], got.meta)


LIES = {lie.__name__: lie for lie in (not_found, changed, cut)}


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A place with three nights."""
    home = tmp_path_factory.mktemp("pushed")
    for night in NIGHTS:
        day = f"2026-02-{night[14:16]}T".encode()
        (home / "export.xml").write_bytes(VALID.read_bytes().replace(b"2026-02-26T", day))
        krr_export.convert(home / "export.xml", home / "store", workers=0, guard=False)
    native = MemoryStore()
    nights = [prepare(night, objects.URI) for night in snapshots(home / "store")]
    push_snapshots(ObjectStore(native, objects.URI), nights, lambda *_: None, replace=False)
    return objects.contents(native)


def place(contents: dict[str, bytes]) -> MemoryStore:
    native = MemoryStore()
    for key, body in contents.items():
        native.put(key, body)
    return native


def prune() -> object:
    return prune_place(objects.URI, 1)


def check() -> object:
    found = krr_export.check(objects.URI)
    return found.snapshot, found.faults


def history() -> object:
    return krr_export.history(objects.URI)


def compare() -> object:
    return krr_export.diff(objects.URI).summary.counts()


def views() -> object:
    return krr_export.views(objects.URI).script


COMMANDS = {command.__name__: command for command in (prune, check, history, compare, views)}


def disturbed(command: Callable[[], object], native: Lying, patch: pytest.MonkeyPatch) -> object:
    """What a command gives, or how it ends."""
    patch.setattr(store_place, "open_objects", lambda _: ObjectStore(native, objects.URI))
    try:
        return command()
    except KrrExportError as error:
        said, kind = str(error), type(error)
    assert objects.QUOTED not in said
    return kind


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_answer_is_asked_for_again(
    command: str, lie: str, pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Lying(place(pushed), LIES[lie], range(0))
    expected = disturbed(COMMANDS[command], clean, monkeypatch)
    there = objects.contents(clean.inner)
    for at in range(1, len(clean.asked) + 1):
        native = Lying(place(pushed), LIES[lie], range(at, at + 1))
        found = disturbed(COMMANDS[command], native, monkeypatch)
        # Of a file that is changed meanwhile no other version is read.
        is_table = native.asked[at - 1].endswith(".parquet") and lie != "changed"
        assert found in ([NetworkError, InputError] if is_table else [expected]), native.asked[at - 1]
        assert objects.contents(native.inner) == (pushed if found in (NetworkError, InputError) else there)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_listed_and_never_given_ends_a_command(
    command: str, pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    native = Lying(place(pushed), not_found, range(1, LATER))
    assert disturbed(COMMANDS[command], native, monkeypatch) is NetworkError
    assert objects.contents(native.inner) == pushed


def test_a_page_in_place_of_every_answer_is_not_taken_for_damage(
    pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a gateway that wants a login: nothing is whole, and nothing is damaged."""

    def page(got: GetResult) -> Answer:
        return Answer(b"<html>Log in</html>", got.meta)

    native = Lying(place(pushed), page, range(1, LATER))
    for command in COMMANDS.values():
        assert disturbed(command, native, monkeypatch) is NetworkError
    assert objects.contents(native.inner) == pushed


def test_what_is_wrong_in_another_way_each_time_is_not_taken_for_damaged(pushed: dict[str, bytes]) -> None:
    bodies = iter(range(LATER))

    def otherwise(got: GetResult) -> Answer:
        return Answer(f"{next(bodies)}".encode(), got.meta)

    with pytest.raises(NetworkError, match=r"does not give eksport/.*\.json as it is; run again"):
        verify_objects(ObjectStore(Lying(place(pushed), otherwise, range(1, LATER)), objects.URI), NIGHTS[0])


@pytest.mark.parametrize("lie", LIES)
def test_a_proof_reads_what_differs_again(lie: str, pushed: dict[str, bytes]) -> None:
    clean = Lying(place(pushed), LIES[lie], range(0))
    assert verify_objects(ObjectStore(clean, objects.URI), None).proven
    for at in range(1, len(clean.asked) + 1):
        native = Lying(place(pushed), LIES[lie], range(at, at + 1))
        assert verify_objects(ObjectStore(native, objects.URI), None).proven, native.asked[at - 1]


@pytest.mark.parametrize("lie", LIES)
def test_a_footer_that_seems_damaged_is_read_again(lie: str, pushed: dict[str, bytes]) -> None:
    commit = read_commit(ObjectStore(place(pushed), objects.URI), NIGHTS[0])
    native = Lying(place(pushed), LIES[lie], range(1, 2))
    assert register(ObjectStore(native, objects.URI), commit).columns.names[0] == "radnummer"
    assert len(native.asked) > 1
    with pytest.raises(InputError, match="is not as it was pushed"):
        register(ObjectStore(Lying(place(pushed), LIES[lie], range(1, LATER)), objects.URI), commit)


@pytest.mark.parametrize("lie", LIES)
def test_the_mark_of_a_table_that_seems_damaged_is_read_again(lie: str) -> None:
    native = place({"iceberg/1.json": b'{"catalog": "lake", "table": "krr.person"}'})
    [mark] = marks(ObjectStore(Lying(native, LIES[lie], range(1, 2)), objects.URI))
    assert mark.name.target == "iceberg:lake/krr.person"


@pytest.mark.parametrize("lie", LIES)
def test_the_pointer_never_goes_back_for_a_wrong_answer(lie: str, pushed: dict[str, bytes]) -> None:
    for at in range(1, 8):
        native = Lying(place(pushed), LIES[lie], range(at, at + 1))
        advance(ObjectStore(native, objects.URI), NIGHTS[0])
        assert objects.contents(native.inner) == pushed


def test_a_list_that_leaves_out_what_a_commit_names_is_asked_for_again(
    pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(Lying):
        lists = 0

        def list(self, prefix: str, /) -> object:
            self.lists += 1
            [*batches] = self.inner.list(prefix)
            return [batch[:-1] for batch in batches] if self.lists == 1 else batches

    native = Forgetful(place(pushed), not_found, range(0))
    found = disturbed(history, native, monkeypatch)
    assert found == disturbed(history, Lying(place(pushed), not_found, range(0)), monkeypatch)


def test_of_several_the_oldest_is_deleted_first(pushed: dict[str, bytes], tmp_path: Path) -> None:
    """So a prune that dies leaves files of exports older than all others, which the next one deletes."""

    deleted: list[str] = []

    class Refusing(Lying):
        def delete(self, paths: Iterable[str], /) -> None:
            deleted.extend(paths)

    native = Refusing(place(pushed), not_found, range(0))
    mirror = Mirror(ObjectStore(native, objects.URI), tmp_path / "mirror")
    for name in (NIGHTS[1], NIGHTS[0], NIGHTS[2]):  # as requests at the same time may end
        mirror.show([name])
    for name in NIGHTS[:2]:
        for path in sorted((tmp_path / "mirror" / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "mirror" / name).rmdir()
    mirror.write_back()
    assert [key for key in deleted if key.startswith("eksport/")] == [f"eksport/{name}.json" for name in NIGHTS[:2]]


def test_no_file_is_deleted_for_a_list_that_leaves_out_its_commit(
    pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files older than all commits are of a prune that died, or so it seems."""

    class Forgetful(Lying):
        lists = 0

        def list_with_delimiter(self, prefix: str | None, /) -> object:
            self.lists += 1
            found = self.inner.list_with_delimiter(prefix)
            kept = [entry for entry in found["objects"] if entry["path"] != f"eksport/{NIGHTS[0]}.json"]
            return {**found, "objects": kept} if self.lists in self.lies else found

    def keep_all() -> object:
        return prune_place(objects.URI, 3)

    clean = Forgetful(place(pushed), not_found, range(0))
    disturbed(keep_all, clean, monkeypatch)
    for at in range(1, clean.lists + 1):
        native = Forgetful(place(pushed), lambda got: got, range(at, at + 1))
        disturbed(keep_all, native, monkeypatch)
        assert objects.contents(native.inner) == pushed, at
    assert at > 3
