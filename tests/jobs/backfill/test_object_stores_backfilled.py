"""`backfill` from and to object stores: the place is what `convert` makes of it, night by night."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import deliveries
import objects
import pytest
from exports import nights, places
from obstore.store import MemoryStore, from_url

import krr_export
from krr_export.errors import NetworkError
from krr_export.input.objects.store import ObjectStore
from krr_export.jobs.backfill.run_task import run_task
from krr_export.output.objects import mirror, publish
from krr_export.output.objects.mirror import Mirror
from krr_export.output.objects.verification import verify_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from krr_export.input.objects.store import Native
    from krr_export.jobs.backfill.task import Staged, Task

pytestmark = pytest.mark.slow
VALID = (Path(__file__).parents[3] / "samples/valid.xml").read_bytes()
NAMES = [f"eksport=202602{day}T112225Z" for day in (26, 27, 28)]
OPTIONS: dict[str, Any] = {"max_rejects": "1%", "changes": True}
WORDS = ("--max-rejects=1%", "--changes", "--processes=2")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return nights.make_nights(tmp_path_factory.mktemp("exports"), 4, records=300)


@pytest.fixture(scope="module")
def bad(exports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second night, of which most persons are missing."""
    document = gzip.decompress(exports[1].read_bytes())
    root = document.rstrip().rsplit(b"</", 1)[1]
    file = tmp_path_factory.mktemp("bad") / "shrunk.xml"
    file.write_bytes(document[: document.rindex(b"<Person", 0, len(document) // 8)] + b"</" + root)
    return file


def one_by_one(sources: Iterable[Path], place: str, **options: Any) -> str:  # noqa: ANN401 - of convert
    for source in sources:
        krr_export.convert(source, place, **options)
    return place


def names(place: str) -> list[str]:
    """The snapshots that are committed."""
    keys = [entry["path"] for batch in from_url(place).list("eksport") for entry in batch]
    return sorted(Path(key).name.removesuffix(".json") for key in keys)


@pytest.mark.usefixtures("in_threads")
def test_the_place_is_what_it_would_have_become_night_by_night(
    exports: list[Path], bad: Path, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    options = {**OPTIONS, "max_rejects": "10%"}
    expected = one_by_one([exports[0], bad, *exports[2:]], f"{place}/one", **options)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    told: list[str] = []
    result = krr_export.backfill(
        [*reversed(exports[2:]), bad, exports[0]], f"{place}/all", skip_bad=True, processes=2,
        on_done=lambda export: told.append(export.line), **options,
    )  # fmt: skip
    assert [export.outcome for export in result.exports] == ["published", "guard", "published", "published"]
    assert places.facts(f"{place}/all", tmp_path / "all") == places.facts(expected, tmp_path / "one")
    first, refused = (export.to_dict() for export in result.exports[:2])
    assert (first["path"], result.exports[0].path) == (f"{place}/all/{names(expected)[0]}", Path(names(expected)[0]))
    assert refused["path"].startswith(f"{place}/all/failed/eksport=")
    assert not any(str(tmp_path / "tmp") in line for line in told)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert command.call("check", f"{place}/all", "--prove").code == 0


@pytest.mark.usefixtures("in_threads")
def test_the_first_bad_export_ends_it_and_what_is_older_is_there(
    exports: list[Path], bad: Path, bucket: str, tmp_path: Path
) -> None:
    ran = command.call("backfill", exports[2], bad, exports[0], bucket, "--max-rejects=10%", "--json")
    assert (ran.code, ran.result["reason"]) == (5, "guard")
    assert [one["outcome"] for one in ran.result["exports"]] == ["published", "guard", "left"]
    assert f"{bucket}/failed/eksport=" in ran.last
    one_by_one([exports[0], bad], f"{bucket}-one", max_rejects="10%")
    assert places.facts(bucket, tmp_path / "all") == places.facts(f"{bucket}-one", tmp_path / "one")


def test_a_killed_backfill_leaves_each_night_old_or_new_and_the_next_completes_it(
    exports: list[Path], bucket: str, then_in_threads: Callable[[], None], tmp_path: Path
) -> None:
    all_at_once = f"{bucket}/all"
    with command.started("backfill", *exports, all_at_once, *WORDS) as process:
        command.wait_until(lambda: len(names(all_at_once)) > 1)
        process.kill()
        process.wait()
    there = names(all_at_once)
    assert all(command.call("verify", f"{all_at_once}/{name}").code == 0 for name in there)
    then_in_threads()
    ran = command.call("backfill", *exports, all_at_once, *WORDS, "--json")
    assert (ran.code, ran.result["unchanged"], ran.result["published"]) == (0, len(there), 4 - len(there)), ran.err
    expected = one_by_one(exports, f"{bucket}/one", **OPTIONS)
    for unfinished in places.unfinished(all_at_once):
        from_url(all_at_once).delete(unfinished)
    assert places.facts(all_at_once, tmp_path / "all") == places.facts(expected, tmp_path / "one")


def test_sources_at_uris_and_paths_give_what_files_give(
    exports: list[Path], bucket: str, then_in_threads: Callable[[], None], tmp_path: Path
) -> None:
    keys = deliveries.keys_of()
    for export, stamp in zip(exports[:2], ("20260101T0404", "20260102T0404"), strict=True):
        document = export.read_bytes()
        packed = document if export.suffix == ".gz" else gzip.compress(document)
        deliveries.make_set_of(tmp_path / "inbox", packed, stamp=stamp)
    for file in sorted((tmp_path / "inbox").iterdir()):
        from_url(f"{bucket}/inbox").put(file.name, file.read_bytes())
    opened: dict[str, Any] = {"private_key": keys.private_key, "publisher_cert": keys.publisher_cert}
    options: dict[str, Any] = {**opened, "max_rejects": "1%", "processes": 2}
    named = sorted(f"{bucket}/inbox/{file.name}" for file in (tmp_path / "inbox").iterdir())
    result = krr_export.backfill([f"{bucket}/inbox/", *named], tmp_path / "store", **options)
    assert [export.outcome for export in result.exports] == ["published"] * 2, "each once, whatever its names"
    then_in_threads()
    krr_export.backfill(tmp_path / "inbox", tmp_path / "one", **options)
    assert nights.facts(tmp_path / "store") == nights.facts(tmp_path / "one")
    mixed = krr_export.backfill([named[0], *sorted((tmp_path / "inbox").glob("*.sig"))], tmp_path / "store", **options)
    assert [export.outcome for export in mixed.exports] == ["unchanged"] * 3


def test_plain_sources_at_uris_are_not_converted_again(
    exports: list[Path], bucket: str, then_in_threads: Callable[[], None], tmp_path: Path
) -> None:
    for export in exports[:2]:
        from_url(bucket).put(f"exports/{export.name}", export.read_bytes())
    uris = [f"{bucket}/exports/{export.name}" for export in exports[:2]]
    ran = command.call("backfill", exports[2], uris[1], *uris, tmp_path / "store", *WORDS, "--json")
    assert [one["source"] for one in ran.result["exports"]] == [*uris, str(exports[2])], ran.err
    then_in_threads()
    krr_export.backfill(exports[:3], tmp_path / "one", **OPTIONS)
    assert nights.facts(tmp_path / "store") == nights.facts(tmp_path / "one")
    before = command.contents(tmp_path / "store")
    ran = command.call("backfill", *uris, tmp_path / "store", *WORDS, "--json")
    assert (ran.code, ran.result["unchanged"]) == (0, 2)
    assert command.contents(tmp_path / "store") == before


@pytest.mark.parametrize(("sources", "code", "word"), [
    ("s3://krr/none/x.xml store", 3, "there is no such object"),
    ("s3://missing/x.xml store", 2, "there is no bucket or container at s3://missing"),
    ("s3://user:geheim@krr/x store", 2, "a user or a password"),
    ("ftp://krr/x store", 2, "is no local path"),
    ("VALID s3://missing/x", 2, "there is no bucket or container at s3://missing/x"),
    ("VALID s3://krr/x/eksport=20260226T112225Z", 2, "that of a snapshot"),
])  # fmt: skip
@pytest.mark.usefixtures("bucket")
def test_wrong_uris_are_refused_before_anything_is_written(
    sources: str, code: int, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("VALID").write_bytes(VALID)
    ran = command.call("backfill", *sources.split())
    assert (ran.code, word in ran.last, "geheim" in ran.err) == (code, True, False), ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["VALID"]


class Inline:
    """A runner of tasks in this very process, one after the other; something happens before each."""

    before: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, *_: object) -> None:
        """As `Processes`."""

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        for task in tasks:
            staged = run_task(task, krr_export.Progress())
            self.before()
            yield staged


@pytest.fixture
def small(tmp_path: Path) -> list[Path]:
    """Three small nights."""
    files = [tmp_path / f"{day}.xml" for day in range(len(NAMES))]
    for day, file in enumerate(files):
        text = VALID.replace(b"2026-02-26T", f"2026-02-{26 + day}T".encode())
        file.write_bytes(text.replace(b"@example.com", b"@example.org", day))
    return files


def backfill(
    monkeypatch: pytest.MonkeyPatch,
    native: Native,
    sources: Sequence[Path],
    **options: Any,  # noqa: ANN401 - as they come
) -> krr_export.BackfillResult:
    """Backfill a store in memory, in this process."""
    monkeypatch.setattr("krr_export.jobs.backfill.processes.Processes", Inline)
    monkeypatch.setattr("krr_export.output.store_place.open_objects", lambda address: ObjectStore(native, address.uri))
    return krr_export.backfill(sources, objects.URI, workers=0, **options)


def outcome(monkeypatch: pytest.MonkeyPatch, native: Native, sources: Sequence[Path]) -> tuple[int, str]:
    """The exit code and message of a backfill that fails."""
    try:
        result = backfill(monkeypatch, native, sources, skip_bad=True)
    except NetworkError as error:
        return error.exit_code, str(error)
    return result.exit_code, result.message


def test_a_failure_at_any_request_leaves_each_night_old_or_new(
    small: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    small, counted = small[:2], objects.Disturbed(MemoryStore())
    backfill(monkeypatch, counted, small)
    committed = set()
    for at in range(1, counted.requests + 1, 5):
        store = MemoryStore()
        code, message = outcome(monkeypatch, objects.Disturbed(store, at, after=objects.fail), small)
        assert (code, objects.QUOTED in message) == (6, False), at
        there = [name for name in NAMES if f"eksport/{name}.json" in objects.contents(store)]
        assert there == NAMES[: len(there)]
        committed.add(len(there))
        assert all(verify_objects(ObjectStore(store, objects.URI), name).proven for name in there)
        again = backfill(monkeypatch, store, small)
        assert again.counts == {"published": 2 - len(there), "unchanged": len(there), "refused": 0, "left": 0}
        latest = verify_objects(ObjectStore(store, objects.URI), None)
        assert (latest.uri, latest.proven) == (f"{objects.URI}/{NAMES[1]}", True)
    assert committed == {0, 1, 2}


def test_a_backfill_that_ended_between_a_commit_and_the_pointer_is_completed_though_nothing_is_new(
    small: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()

    def interrupted(objects_there: ObjectStore, name: str) -> bool:
        if name == NAMES[1]:
            raise KeyboardInterrupt
        return publish.advance(objects_there, name)

    monkeypatch.setattr(mirror, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt) as raised:
        backfill(monkeypatch, store, small[:2])
    assert raised.value.__notes__ == [
        f"{objects.URI} is whole, as it was or with what was being done; run again, which goes on"
    ]
    monkeypatch.setattr(mirror, "advance", publish.advance)
    there = objects.contents(store)
    assert f"eksport/{NAMES[1]}.json" in there
    assert json.loads(there["latest.json"])["eksport"] == NAMES[0]
    assert backfill(monkeypatch, store, small[:2]).counts["unchanged"] == 2
    assert json.loads(objects.contents(store)["latest.json"])["eksport"] == NAMES[1]


@pytest.mark.parametrize("changes", [False, True])
def test_what_is_uploaded_takes_no_room_but_that_of_the_last_to_compare_with(
    changes: bool,  # noqa: FBT001 - pytest gives it by name
    small: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[list[str]] = []
    release = Mirror.release

    def watched(self: Mirror, keep: int) -> None:
        release(self, keep)
        parts = self.directory.glob("eksport=*/person/*")
        held.append(sorted(part.parents[1].name for part in parts if part.stat().st_blocks))
        sizes = {path.stat().st_size for path in self.directory.glob("eksport=*/person/*")}
        assert 0 not in sizes, "as large as they are"

    monkeypatch.setattr(Mirror, "release", watched)
    assert backfill(monkeypatch, MemoryStore(), small, changes=changes).exit_code == 0
    assert held == [[name] if changes else [] for name in NAMES]


def test_another_result_of_the_same_time_replaces_the_one_before_in_order(
    small: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.xml").write_bytes(small[0].read_bytes().replace(b"@example.com", b"@example.net"))
    shutil.copy(tmp_path / "b.xml", tmp_path / "c.xml")
    store = MemoryStore()
    result = backfill(monkeypatch, store, [small[0], tmp_path / "b.xml", tmp_path / "c.xml"], replace=True)
    assert [export.outcome for export in result.exports] == ["published"] * 3, "as of convert"
    assert verify_objects(ObjectStore(store, objects.URI), NAMES[0]).proven
    kept = backfill(monkeypatch, store, [small[0], tmp_path / "b.xml", small[1]], skip_bad=True)
    assert [export.outcome for export in kept.exports] == ["failed", "unchanged", "published"]
    assert (kept.exit_code, kept.reason) == (5, "published-otherwise")


@pytest.mark.parametrize("same", [True, False])
def test_what_others_publish_meanwhile_is_no_failure_if_its_rows_are_the_same(
    same: bool,  # noqa: FBT001 - pytest gives it by name
    small: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    done: list[str] = []

    def publish_the_second() -> None:
        done.append("")
        if len(done) == 2:
            theirs = Mirror(ObjectStore(store, objects.URI), tmp_path / "theirs")
            theirs.show(NAMES[:1])
            krr_export.convert(small[1], theirs.directory, workers=0, compression="zstd" if same else "snappy")
            theirs.write_back()

    monkeypatch.setattr(Inline, "before", staticmethod(publish_the_second))
    result = backfill(monkeypatch, store, small, skip_bad=True)
    assert [export.outcome for export in result.exports] == [
        "published",
        "published" if same else "failed",
        "published",
    ]
    assert result.reason == (None if same else "published-otherwise")
    for name in NAMES:
        assert verify_objects(ObjectStore(store, objects.URI), name).proven
