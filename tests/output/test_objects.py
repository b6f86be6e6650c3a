"""Snapshots appear in an object store whole or not at all, whatever fails and whoever else writes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import objects
import pytest
from obstore.store import MemoryStore

import krr_export
from krr_export.domain.store_layout import success_text
from krr_export.errors import BusyError, InputError, KrrExportError, NetworkError, PublishedError, UsageError
from krr_export.input.objects.store import ObjectStore
from krr_export.jobs.push import push_snapshots
from krr_export.output.objects.layout import LATEST_COMMIT, LATEST_LIST, commit_key, parse_commit
from krr_export.output.objects.publish import Outgoing, advance, prepare
from krr_export.output.objects.verification import verify_objects
from krr_export.output.store_contents import snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.input.objects.store import Native
    from krr_export.jobs.push import PushResult

SAMPLES = Path(__file__).parents[2] / "samples"
FAILURES: dict[str, dict[str, Callable[..., object]]] = {
    "before": {"before": objects.fail},
    "after": {"after": objects.fail},
}


def push(native: Native, *nights: Outgoing, replace: bool = False) -> PushResult:
    return push_snapshots(ObjectStore(native, objects.URI), [*nights], lambda *_: None, replace=replace)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of two nights, and another result of the first one."""
    home = tmp_path_factory.mktemp("stores")
    export = (SAMPLES / "valid.xml").read_bytes()
    (home / "next.xml").write_bytes(export.replace(b"2026-02-26T", b"2026-02-27T"))
    for source in (SAMPLES / "valid.xml", home / "next.xml"):
        krr_export.convert(source, home / "store", workers=0, guard=False)
    krr_export.convert(SAMPLES / "valid.xml", home / "other", workers=0, columns=["status"])
    return home / "store", home / "other"


@pytest.fixture(scope="module")
def nights(stores: tuple[Path, Path]) -> tuple[Outgoing, Outgoing]:
    first, second = (prepare(night, objects.URI) for night in snapshots(stores[0]))
    return first, second


@pytest.fixture(scope="module")
def other(stores: tuple[Path, Path]) -> Outgoing:
    return prepare(snapshots(stores[1])[0], objects.URI)


def check_readers_see_whole_snapshots(native: Native) -> None:
    """Each commit is proven, and what points to one points to what is there."""
    store, there = ObjectStore(native, objects.URI), objects.contents(native)
    commits = [Path(key).stem for key in there if key.startswith("eksport/")]
    for name in commits:
        assert verify_objects(store, name).differences == ()
    latest = there.get(LATEST_COMMIT)
    assert latest is None or parse_commit(latest, "").eksport in commits
    for uri in there.get(LATEST_LIST, b"").decode().splitlines():
        assert uri.removeprefix(f"{objects.URI}/") in there


def copy_of(native: Native) -> MemoryStore:
    copied = MemoryStore()
    for key, body in objects.contents(native).items():
        copied.put(key, body)
    return copied


def test_a_push_is_proven_and_the_same_again_does_nothing(nights: tuple[Outgoing, Outgoing]) -> None:
    native = MemoryStore()
    result = push(native, *nights)
    assert result.pushed == tuple(night.name for night in nights)
    there = objects.contents(native)
    again = objects.Disturbed(native)
    assert push(again, *nights).pushed == ()
    assert again.written == []
    assert objects.contents(native) == there
    assert verify_objects(ObjectStore(native, objects.URI), None).uri.endswith(nights[1].name)
    assert there[LATEST_COMMIT] == there[commit_key(nights[1].name)]
    for night in nights:
        for file in night.files:
            data = there[f"data/{night.name}/{night.commit.generation}/{file.path}"]
            assert data == (night.path / file.path).read_bytes()
    check_readers_see_whole_snapshots(native)


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("scenario", ["all", "second", "replaced"])
def test_a_failure_at_any_request_leaves_the_old_or_the_new_and_the_next_push_ends_it(
    how: str, scenario: str, nights: tuple[Outgoing, Outgoing], other: Outgoing
) -> None:
    before = MemoryStore()
    if scenario != "all":
        push(before, other if scenario == "replaced" else nights[0])
    undisturbed = objects.Disturbed(copy_of(before))
    push(undisturbed, *nights, replace=True)
    whole = objects.contents(undisturbed.inner)
    assert undisturbed.requests > 20
    for number in range(1, undisturbed.requests + 1):
        disturbed = objects.Disturbed(copy_of(before), number, **FAILURES[how])
        with pytest.raises(NetworkError) as raised:
            push(disturbed, *nights, replace=True)
        assert objects.QUOTED not in str(raised.value)
        check_readers_see_whole_snapshots(disturbed.inner)
        push(disturbed.inner, *nights, replace=True)
        assert objects.contents(disturbed.inner) == whole
        assert verify_objects(ObjectStore(disturbed.inner, objects.URI), None).proven


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lost_answer_to_a_condition_is_looked_up(
    nights: tuple[Outgoing, Outgoing], other: Outgoing, *, replaced: bool
) -> None:
    before = MemoryStore()
    if replaced:
        push(before, other)
    number = 0
    while True:
        number += 1
        disturbed = objects.Disturbed(copy_of(before), number, after=objects.answer_lost)
        push(disturbed, *nights, replace=True)
        assert verify_objects(ObjectStore(disturbed.inner, objects.URI), None).proven
        check_readers_see_whole_snapshots(disturbed.inner)
        if disturbed.requests < number:
            break


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("theirs", ["same", "other", "newer"])
def test_of_two_writers_one_wins_and_the_other_learns_what_is_there(
    theirs: str, nights: tuple[Outgoing, Outgoing], other: Outgoing, *, replace: bool
) -> None:
    ours, their = nights[0], {"same": nights[0], "other": other, "newer": nights[1]}[theirs]
    number, outcomes = 0, set()
    while True:
        number += 1
        ended: list[str] = []
        native = MemoryStore()

        def pushes(native: Native = native, ended: list[str] = ended) -> None:
            ended.append(outcome(native, their, replace=replace))

        disturbed = objects.Disturbed(native, number, before=pushes)
        ended.append(outcome(disturbed, ours, replace=replace))
        if disturbed.requests < number:
            break
        outcomes.add(tuple(ended))
        assert theirs != "other" or replace or sorted(ended) == ["lost", "won"]
        assert theirs == "other" or set(ended) == {"won"}
        check_readers_see_whole_snapshots(native)
        assert verify_objects(ObjectStore(native, objects.URI), None).differences == ()
        moves = [parse_commit(body, key).eksport for key, body in disturbed.written if key == LATEST_COMMIT]
        assert theirs != "newer" or parse_commit(objects.contents(native)[LATEST_COMMIT], "").eksport == their.name
        assert moves == sorted(moves)
    assert len(outcomes) == (2 if theirs == "other" else 1)


def outcome(native: Native, night: Outgoing, *, replace: bool) -> str:
    try:
        push(native, night, replace=replace)
    except PublishedError:
        return "lost"
    return "won"


def test_another_result_is_refused_until_it_is_to_be_replaced(
    nights: tuple[Outgoing, Outgoing], other: Outgoing
) -> None:
    native = MemoryStore()
    push(native, *nights)
    there = objects.contents(native)
    with pytest.raises(PublishedError, match=f"^{other.name} was pushed to {objects.URI} already, with another"):
        push(native, other)
    assert objects.contents(native) == there
    push(native, other, replace=True)
    assert parse_commit(objects.contents(native)[commit_key(other.name)], "") == other.commit
    assert objects.contents(native)[LATEST_COMMIT] == there[LATEST_COMMIT]


def test_a_store_that_passes_over_conditions_is_refused_before_anything_appears(
    nights: tuple[Outgoing, Outgoing],
) -> None:
    native = objects.Heedless()
    with pytest.raises(UsageError, match="conditional writes"):
        push(native, *nights)
    assert {key.partition("/")[0] for key in objects.contents(native)} == {"data"}


@pytest.mark.parametrize("harm", ["changed", "short", "missing", "pipe", "manifest"])
def test_a_damaged_snapshot_is_not_pushed(harm: str, stores: tuple[Path, Path], tmp_path: Path) -> None:
    store, native = shutil.copytree(stores[1], tmp_path / "store", symlinks=True), MemoryStore()
    [night] = snapshots(store)
    part = next((night / "person").iterdir())
    content = part.read_bytes()
    if harm == "manifest":
        part = night / "manifest.json"
        part.write_bytes(part.read_bytes().replace(b'"partial"', b'"partial" '))
    elif harm in {"missing", "pipe"}:
        part.unlink()
    else:
        part.write_bytes(content[:-1] + (b"!" if harm == "changed" else b""))
    if harm == "pipe":
        os.mkfifo(part)
    with pytest.raises(InputError, match=f"{part.name} is not as it was published; see krr-export verify"):
        push(native, prepare(night, objects.URI))
    assert not any(
        str(part.relative_to(night)) in key or key.startswith(("eksport", "latest")) for key in objects.contents(native)
    )


def test_verify_names_each_difference(nights: tuple[Outgoing, Outgoing]) -> None:
    native = MemoryStore()
    push(native, *nights)
    store, night = ObjectStore(native, objects.URI), nights[1]
    data = f"data/{night.name}/{night.commit.generation}"
    whole = objects.contents(native)
    part = f"{data}/person/part-00000.parquet"
    for key, body, line in (
        (part, None, "person/part-00000.parquet: missing"),
        (part, whole[part][:-1], f"{len(whole[part]) - 1} bytes, listed with"),
        (part, whole[part][:-1] + b"!", "its SHA-256 is not the one listed"),
        (f"{data}/person/more.parquet", b"", "person/more.parquet: not listed"),
        (f"{data}/manifest.json", b"{}", "manifest.json: missing, or not the one that was committed"),
        (LATEST_LIST, b"", "latest/manifest.txt: not the files of latest.json"),
        (commit_key(night.name), whole[commit_key(night.name)] + b" ", "latest.json: not the same as"),
        (f"{data}/_SUCCESS", b"", "_SUCCESS: 0 bytes, listed with"),
    ):
        if body is None:
            native.delete(key)
        else:
            native.put(key, body)
        found = verify_objects(store, None)
        assert any(line in one for one in found.differences), (key, found.differences)
        assert not found.proven
        for name, content in whole.items():
            native.put(name, content)
        native.delete(f"{data}/person/more.parquet")
    native.put(commit_key(night.name), whole[commit_key(nights[0].name)])
    with pytest.raises(InputError, match="is that of another export"):
        verify_objects(store, night.name)
    native.put(LATEST_COMMIT, b'{"commit_version": 1}')
    with pytest.raises(InputError, match=r"latest\.json is damaged or not of this tool"):
        verify_objects(store, None)
    moved = ObjectStore(native, "s3://elsewhere/krr")
    assert "at s3://elsewhere/krr" in verify_objects(moved, nights[0].name).differences[0]


@pytest.mark.parametrize(
    "harm",
    [
        {"uri": "/etc/passwd"},
        {"uri": ""},
        {"uri": "s3://bucket/krr/person/part-00000.parquet"},
        {"before": "s3://bucket/", "put": "s3://elsewhere/"},
        {"before": "s3://bucket/", "put": "s3://noekkel:geheim@bucket/"},
        {"before": "s3://bucket/", "put": "file:///"},
        {"before": "s3://bucket/krr", "put": "s3://bucket/a/../krr"},
        {"before": "person/", "put": "person/../"},
        {"before": "person/", "put": "../../../"},
        {"before": "person/", "put": "/person/"},
        {"before": "person/", "put": "person//"},
        {"before": "person/", "put": "./person/"},
        {"before": "person/", "put": "person/\n"},
        {"before": "person/", "put": "person/\0"},
        {"before": "person/", "put": "person/\x7f"},
        {"before": "person/", "put": "rejects/"},
        {"table": "rejects"},
        {"table": None},
        {"bytes": -1},
        {"bytes": 2**63},
        {"bytes": 1.5},
        {"rows": -1},
        {"sha256": "0" * 63},
        {"sha256": "0" * 64 + "\n"},
        {"twice": True},
    ],
    ids=repr,
)
def test_a_commit_that_leads_elsewhere_is_damaged(harm: dict[str, Any], nights: tuple[Outgoing, Outgoing]) -> None:
    name = commit_key(nights[0].name)
    commit = json.loads(nights[0].commit.body)
    assert parse_commit(json.dumps(commit).encode(), name) == nights[0].commit
    file = next(file for file in commit["files"] if file["table"] == "person")
    if "put" in harm:
        assert harm["before"] in file["uri"]
        file["uri"] = file["uri"].replace(harm["before"], harm["put"], 1)
    elif "twice" in harm:
        commit["files"].append(file)
    else:
        file.update(harm)
    with pytest.raises(InputError, match=f"^{name} is damaged or not of this tool$"):
        parse_commit(json.dumps(commit).encode(), name)


def test_a_manifest_that_lists_a_file_twice_is_damaged(stores: tuple[Path, Path], tmp_path: Path) -> None:
    store, native = shutil.copytree(stores[1], tmp_path / "store", symlinks=True), MemoryStore()
    [night] = snapshots(store)
    push(native, whole := prepare(night, objects.URI))
    manifest = json.loads((night / "manifest.json").read_bytes())
    manifest["files"].append(manifest["files"][0])
    content = json.dumps(manifest).encode()
    (night / "manifest.json").write_bytes(content)
    (night / "_SUCCESS").write_text(success_text(content))
    with pytest.raises(InputError, match="lists a file twice"):
        prepare(night, objects.URI)
    digest = hashlib.sha256(content).hexdigest()
    generation = whole.commit.generation.encode(), digest[:12].encode()
    document = json.loads(whole.commit.body.replace(*generation)) | {"manifest_sha256": digest}
    native.put(commit_key(night.name), json.dumps(document).encode())
    native.put(f"data/{night.name}/{digest[:12]}/manifest.json", content)
    found = verify_objects(ObjectStore(native, objects.URI), night.name)
    assert found.differences == (f"{night.name}/manifest.json lists a file twice",)


def test_all_files_of_a_commit_lie_in_one_place(nights: tuple[Outgoing, Outgoing]) -> None:
    body = nights[0].commit.body
    moved = body.replace(b"s3://bucket/krr", b"abfss://bucket@here.dfs.core.windows.net/krr")
    assert parse_commit(moved, "").parts("person").keys() == nights[0].commit.parts("person").keys()
    with pytest.raises(InputError):
        parse_commit(body.replace(b"s3://bucket/krr", b"s3://bucket/other", 1), "")


def test_a_name_that_no_object_store_takes_is_damage() -> None:
    for key in ("a/../b", "a\nb", "a/./b"):
        with pytest.raises(InputError, match="has a name that cannot be read"):
            ObjectStore(MemoryStore(), objects.URI).read(key)


def test_what_is_always_overtaken_ends(nights: tuple[Outgoing, Outgoing]) -> None:
    native = MemoryStore()
    push(native, *nights)
    native.delete(LATEST_LIST)

    class Overtaken(objects.Disturbed):
        def put(self, path: str, file: object, /, **options: Any) -> object:  # noqa: ANN401 - obstore's
            objects.answer_lost("put", options)
            return super().put(path, file, **options)

    with pytest.raises(BusyError):
        advance(ObjectStore(Overtaken(native), objects.URI), nights[1].name)
    assert issubclass(BusyError, KrrExportError)


def test_what_the_store_does_not_give_back_is_not_committed(nights: tuple[Outgoing, Outgoing]) -> None:
    class Losing(objects.Disturbed):
        def put(self, path: str, file: object, /, **options: Any) -> object:  # noqa: ANN401 - obstore's
            done = super().put(path, file, **options)
            self.inner.delete([path])
            return done

    native = MemoryStore()
    with pytest.raises(NetworkError, match=f"^{objects.URI} does not give back .* as it was written; run again"):
        push(Losing(native), *nights)
    assert objects.contents(native) == {}


def test_a_pointer_whose_snapshot_is_deleted_meanwhile_is_said_to_be(nights: tuple[Outgoing, Outgoing]) -> None:
    name = nights[1].name
    for deleted in (LATEST_COMMIT, commit_key(name)):
        said = []
        for number in range(1, 6):
            native = MemoryStore()
            push(native, *nights)
            native.delete(LATEST_LIST)
            disturbed = objects.Disturbed(native, number, before=partial(native.delete, deleted))
            try:
                advance(ObjectStore(disturbed, objects.URI), name)
            except InputError as error:
                said.append(str(error))
        assert said
        assert {f"{objects.URI}/{deleted} was deleted meanwhile; run again"} == {*said}


def test_a_directory_that_is_no_snapshot_is_not_pushed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json is not as it was published; see krr-export verify"):
        prepare(tmp_path, objects.URI)
