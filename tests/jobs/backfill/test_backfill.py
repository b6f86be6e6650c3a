"""`backfill`: a store as night by night, whatever the order of the sources and the number of processes."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import command
import deliveries
import pytest
from exports import nights
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import krr_export
from krr_export import UsageError
from krr_export.cli.progress import log_lines
from krr_export.jobs.backfill.publishing import Publisher
from krr_export.jobs.backfill.run_task import run_task
from krr_export.jobs.backfill.sources import find_exports
from krr_export.output.store import open_store
from krr_export.output.store_place import StorePlace

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Generator, Iterable, Sequence

    from krr_export.jobs.backfill.task import Staged, Task

pytestmark = pytest.mark.slow
OPTIONS: dict[str, Any] = {"max_rejects": "1%", "changes": True}
UNCHECKED: Any = krr_export


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return nights.make_nights(tmp_path_factory.mktemp("exports"), 4)


@pytest.fixture(scope="module")
def sequential(exports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that `convert` makes, night by night."""
    return one_by_one(exports, tmp_path_factory.mktemp("sequential") / "store", **OPTIONS)


def one_by_one(sources: Sequence[Path], store: Path, **options: Any) -> Path:  # noqa: ANN401 - of convert
    for source in sources:
        krr_export.convert(source, store, **options)
    return store


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"format": "csv", "compression": "gzip", "partition_by": "status"},
        {"columns": ["status", "personidentifikator"], "derive": "all", "mode": 0o640, "findings": False},
    ],
    ids=["all", "csv", "columns"],
)  # fmt: skip
def test_the_store_is_what_it_would_have_become_night_by_night(
    options: dict[str, Any], exports: list[Path], tmp_path: Path
) -> None:
    options = {**OPTIONS, **options}
    expected = one_by_one(exports[:3], tmp_path / "one", **options)
    result = krr_export.backfill(reversed(exports[:3]), tmp_path / "all", processes=2, **options)
    assert [export.outcome for export in result.exports] == ["published"] * 3
    assert result.exit_code == 0
    assert [export.source for export in result.exports] == exports[:3]
    assert nights.facts(tmp_path / "all") == nights.facts(expected)
    assert all(krr_export.verify(path).proven for path in (tmp_path / "all").glob("eksport=*"))


@pytest.mark.usefixtures("in_threads")
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.randoms(use_true_random=False), processes=st.integers(1, 5))
def test_neither_the_order_of_sources_nor_the_number_of_processes_matters(
    seed: random.Random, processes: int, exports: list[Path], sequential: Path, tmp_path: Path
) -> None:
    sources = [*exports, *exports[: seed.randint(0, 3)]]
    seed.shuffle(sources)
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
    workers = seed.randint(0, 1)
    result = krr_export.backfill(sources, tmp_path / "store", processes=processes, workers=workers, **OPTIONS)
    assert result.counts == {"published": 4, "unchanged": 0, "refused": 0, "left": 0}
    assert nights.facts(tmp_path / "store") == nights.facts(sequential)


def test_what_is_there_already_is_not_converted_again(
    exports: list[Path], sequential: Path, then_in_threads: Callable[[], None], tmp_path: Path
) -> None:
    store = one_by_one([exports[2], exports[0]], tmp_path / "store", max_rejects="1%")
    before = command.contents(store)
    krr_export.backfill(exports, store, max_rejects="1%")
    after = command.contents(store)
    assert {path: after[path] for path in before if path != "latest"} == {
        path: digest for path, digest in before.items() if path != "latest"
    }
    then_in_threads()
    again = krr_export.backfill(exports, store, max_rejects="1%")
    assert again.counts == {"published": 0, "unchanged": 4, "refused": 0, "left": 0}
    assert command.contents(store) == after
    assert [path.name for path in sorted(store.glob("eksport=*"))] == [
        path.name for path in sorted(sequential.glob("eksport=*"))
    ]


@pytest.mark.usefixtures("in_threads")
def test_the_same_export_twice_is_published_once_and_another_of_the_same_time_as_convert_does(
    exports: list[Path], tmp_path: Path
) -> None:
    document = exports[0].read_bytes()
    plain, packed, other = tmp_path / "a.xml", tmp_path / "b.xml", tmp_path / "c.xml.gz"
    plain.write_bytes(document)
    packed.write_bytes(document)
    other.write_bytes(gzip.compress(document))
    (tmp_path / "link.xml").symlink_to(plain)
    result = krr_export.backfill([other, packed, plain, tmp_path / "link.xml"], tmp_path / "store", max_rejects="1%")
    assert [export.outcome for export in result.exports] == ["published", "unchanged", "failed"]
    assert (result.exit_code, result.reason) == (5, "published-otherwise")
    options: dict[str, Any] = {"max_rejects": "1%", "replace": True}
    expected = one_by_one([plain, packed, other, exports[1]], tmp_path / "one", **options)
    krr_export.backfill([other, exports[1], packed, plain], tmp_path / "all", processes=3, **options)
    assert nights.facts(tmp_path / "all") == nights.facts(expected)
    krr_export.backfill([plain, other], tmp_path / "all", processes=2, **options)
    assert nights.facts(tmp_path / "all") == nights.facts(expected), "each replaces the one before, in order"


def test_deliveries_are_sources_by_directory_by_all_files_or_by_one(
    exports: list[Path], then_in_threads: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRR_EXPORT_PASSPHRASE", deliveries.PASSPHRASE.decode())
    keys = deliveries.keys_of()
    locked = tmp_path / "locked.pem"
    words = ("pkcs8", "-topk8", "-in", keys.private_key, "-passout", f"pass:{deliveries.PASSPHRASE.decode()}")
    locked.write_bytes(deliveries.openssl(*words))
    inbox = tmp_path / "inbox"
    for export, stamp in zip(exports[:2], ("20260101T0404", "20260102T0404"), strict=True):
        document = export.read_bytes()
        packed = document if export.suffix == ".gz" else gzip.compress(document)
        deliveries.make_set_of(inbox, packed, stamp=stamp)
    keyed: list[str | Path] = ["--private-key", locked, "--publisher-cert", keys.publisher_cert]
    options = [*keyed, "--max-rejects", "1%"]
    for number, sources in enumerate(([inbox], sorted(inbox.iterdir()), sorted(inbox.glob("*.sig")))):
        ran = command.call("backfill", *sources, tmp_path / f"store-{number}", *options, "--json")
        assert (ran.code, ran.result["published"], len(ran.result["exports"])) == (0, 2, 2), ran.err
        then_in_threads()
    for data in sorted(inbox.glob("*.enc")):
        assert command.call("convert", data, tmp_path / "one", *options).code == 0
    assert nights.facts(tmp_path / "store-0") == nights.facts(tmp_path / "one")


@pytest.fixture
def bad(exports: list[Path], tmp_path: Path) -> dict[str, Path]:
    """Sources of which one is truncated, one is none, one is not there, one shrinks, with good ones between."""
    document = gzip.decompress(exports[1].read_bytes())
    texts = {
        "truncated": document[:400_000],
        "shrunk": document[: document.rindex(b"<Person", 0, 200_000)] + b"</KontaktOgReservasjonsregister>",
        "none": b"no export",
    }
    found = {name: tmp_path / f"{name}.xml" for name in texts}
    for name, text in texts.items():
        found[name].write_bytes(text)
    root = document.rstrip().rsplit(b"</", 1)[1]
    found["shrunk"].write_bytes(document[: document.rindex(b"<Person", 0, 200_000)] + b"</" + root)
    return found


def test_the_first_bad_export_ends_the_publishing_after_it(
    bad: dict[str, Path], exports: list[Path], tmp_path: Path
) -> None:
    ran = command.call(
        "backfill", exports[2], bad["truncated"], exports[0], tmp_path / "store", "--max-rejects", "1%", "--json"
    )
    assert (ran.code, ran.result["reason"], ran.result["retryable"]) == (3, "input", False)
    told = [(Path(one["source"]), one["outcome"], one["exit_code"]) for one in ran.result["exports"]]
    assert told == [(exports[0], "published", 0), (bad["truncated"], "failed", 3), (exports[2], "left", 0)]
    assert "truncated" in ran.last
    assert ran.last.endswith("; --skip-bad goes on after it")
    assert [path.name for path in sorted((tmp_path / "store").iterdir())][-1] == "latest"
    assert len([*(tmp_path / "store").glob("eksport=*")]) == 1


@pytest.mark.usefixtures("in_threads")
def test_with_skip_bad_the_others_are_published_as_if_it_were_not_there(
    bad: dict[str, Path], exports: list[Path], tmp_path: Path
) -> None:
    sources = [exports[2], bad["truncated"], exports[0], bad["none"], tmp_path / "missing.xml"]
    options = ("--max-rejects=1%", "--changes", "--skip-bad", "--json")
    ran = command.call("backfill", *sources, tmp_path / "store", *options)
    assert ran.code == 3
    assert {key: ran.result[key] for key in ("published", "refused", "left")} == {
        "published": 2, "refused": 3, "left": 0,
    }  # fmt: skip
    outcomes = {Path(one["source"]).name: one["outcome"] for one in ran.result["exports"]}
    assert [name for name, outcome in outcomes.items() if outcome == "failed"] == [
        "missing.xml", "none.xml", "truncated.xml",
    ]  # fmt: skip
    expected = one_by_one([exports[0], exports[2]], tmp_path / "one", **OPTIONS)
    assert nights.facts(tmp_path / "store") == nights.facts(expected)


def test_a_source_without_a_time_has_no_place_in_the_order_so_nothing_is_published(
    bad: dict[str, Path], exports: list[Path], tmp_path: Path
) -> None:
    ran = command.call("backfill", exports[0], bad["none"], tmp_path / "store")
    assert ran.code == 3
    assert not (tmp_path / "store").exists()


@pytest.mark.usefixtures("in_threads")
def test_what_the_guard_or_the_limit_of_rejects_refuses_is_kept_aside_and_the_next_compared_with_the_last_published(
    bad: dict[str, Path], exports: list[Path], tmp_path: Path
) -> None:
    sources, options = [exports[0], bad["shrunk"], exports[2]], {**OPTIONS, "max_rejects": "5%"}
    result = krr_export.backfill(sources, tmp_path / "store", skip_bad=True, **options)
    assert [export.outcome for export in result.exports] == ["published", "guard", "published"]
    assert (result.exit_code, result.reason) == (5, "guard")
    refused = result.exports[1].path
    assert refused is not None
    assert refused.parent.name == ".failed"
    assert not (refused / "person").exists()
    kept = tmp_path / "one"
    for source in sources:
        krr_export.convert(source, kept, **options)
    assert nights.facts(tmp_path / "store") == nights.facts(kept)
    strict = krr_export.backfill(exports[:2], tmp_path / "strict", max_rejects=0)
    assert [export.outcome for export in strict.exports] == ["too-many-rejects", "left"]
    assert strict.exit_code == 1


@pytest.mark.usefixtures("in_threads")
def test_the_limit_of_age_is_asked_of_the_newest_alone(exports: list[Path], tmp_path: Path) -> None:
    result = krr_export.backfill(exports[:2], tmp_path / "store", max_age="1h", max_rejects="1%")
    assert [(export.outcome, export.reason) for export in result.exports] == [("published", None), ("failed", "age")]
    assert result.exit_code == 5


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        (["-"], {}, "- is no file"),
        (["fifo"], {}, "fifo is no file"),
        ([], {}, "there is no export to convert"),
        (["x"], {"limit": 5}, "--limit gives partial results"),
        (["x"], {"processes": 0}, "--processes must be at least 1"),
        (["x"], {"processes": "2"}, "processes cannot be of type str"),
        (["x"], {"skip_bad": 1}, "skip_bad cannot be of type int"),
        (["x"], {"skip_bat": True}, "there is no option skip_bat; did you mean skip_bad?"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_written(
    sources: list[str], options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    with pytest.raises(UsageError) as raised:
        UNCHECKED.backfill(sources, "store", **options)
    assert message in str(raised.value)
    assert not Path("store").exists()


def test_however_many_are_converted_only_some_are_opened_at_once_for_their_time(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Mock(wraps=find_exports)
    monkeypatch.setattr("krr_export.jobs.backfill.backfill.find_exports", find)
    krr_export.backfill(exports, tmp_path / "store", processes=1000)
    assert [call.args[2] for call in find.call_args_list] == [32]


class Inline:
    """A runner of tasks in this very process, one after the other."""

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        for task in tasks:
            yield run_task(task, krr_export.Progress())


def test_whatever_runs_the_tasks_the_store_is_the_same(exports: list[Path], sequential: Path, tmp_path: Path) -> None:
    options, progress = krr_export.ConvertOptions(**OPTIONS), krr_export.Progress()
    found, unread = find_exports(exports, options, 2, progress)
    assert unread == []
    with open_store(tmp_path / "store") as store:
        publisher = Publisher(store, StorePlace(store.path), options, found[-1], progress)
        done = [*publisher.publish(found, Inline())]
    assert [export.outcome for export in done] == ["published"] * 4
    assert nights.facts(tmp_path / "store") == nights.facts(sequential)


def test_progress_is_of_all_exports_and_ends_at_all_bytes(exports: list[Path], tmp_path: Path) -> None:
    class Counted(krr_export.Progress):
        size = done = xml = records = 0
        known: tuple[int, ...] = ()

        def dated(self, exports: int, of: int) -> None:
            assert of == 3
            self.known += (exports,)

        def planned(self, exports: int, size: int) -> None:
            assert exports == 3
            self.size = size

        def read(self, size: int) -> None:
            self.done += size

        def unpacked(self, size: int) -> None:
            self.xml += size

        def passed(self, records: int) -> None:
            self.records += records

    krr_export.convert(exports[1], tmp_path / "store", max_rejects="1%")
    counted = Counted()
    krr_export.backfill(exports[:3], tmp_path / "store", progress=counted, max_rejects="1%")
    assert counted.known == (1, 2, 3)
    assert counted.size == counted.done == sum(path.stat().st_size for path in exports[:3])
    assert counted.records > 2 * 1900
    whole = sum(path.stat().st_size for path in (exports[0], exports[2]))
    assert whole - 2 * 2000 < counted.xml <= whole, "the MB of XML of those that were converted"


def test_a_log_tells_of_both_parts_of_the_work(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "SECONDS_BETWEEN_LINES", 0.0)
    ran = command.call("backfill", *exports[:2], tmp_path / "store", "--max-rejects=1%")
    total = sum(path.stat().st_size for path in exports[:2])
    assert "progress  2 of 2 exports opened, for their time" in ran.lines
    passed = [line for line in ran.lines if " records" in line and line.startswith("progress")]
    assert passed
    assert all(f" of {total / 1e6:.0f} MB (" in line for line in passed)


@pytest.mark.usefixtures("in_threads")
@pytest.mark.parametrize("name", ["n" * 300, f"{'d' * 300}/a.xml", "file/a.xml"])
def test_a_source_of_which_the_system_tells_nothing_is_one_that_cannot_be_read(
    exports: list[Path], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    ran = command.call("backfill", tmp_path / name, exports[0], tmp_path / "store", "--max-rejects", "1%", "--skip-bad")
    assert (ran.code, ran.last.count("refused")) == (3, 1), ran.err
    assert "traceback" not in ran.err
    assert command.call("convert", tmp_path / name, tmp_path / "store").code == 3
    unusable = command.call("backfill", exports[0], tmp_path / name)
    assert (unusable.code, "traceback" in unusable.err) == (4, False), unusable.err


def test_a_name_is_said_once_and_in_text_whatever_its_bytes(tmp_path: Path) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\x1b[2J\xff\n.xml"))
    source.write_bytes(b"no export")
    result = krr_export.backfill(source, tmp_path / "store")
    assert result.message.count(".xml") == 1
    assert result.message.isprintable()
    assert result.exports[0].line.startswith("bad?[2J\N{REPLACEMENT CHARACTER}?.xml: the input is not XML")


def test_a_pipe_in_the_place_of_an_export_whose_time_was_read_is_not_waited_for(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.xml"
    shutil.copy(exports[0], source)

    def find_and_exchange(*arguments: Any) -> Any:  # noqa: ANN401 - as the function has them
        found = find_exports(*arguments)
        source.unlink()
        os.mkfifo(source)
        return found

    monkeypatch.setattr("krr_export.jobs.backfill.backfill.find_exports", find_and_exchange)
    result = krr_export.backfill(source, tmp_path / "store")
    assert (result.exit_code, result.reason) == (3, "input")
    assert "a.xml: it was exchanged meanwhile; run again" in result.message
