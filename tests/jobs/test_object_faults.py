"""Object stores with what others put there, and environments that are wrong: a code, one line, and the place whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import command
import objects
import pytest
from obstore.exceptions import PermissionDeniedError
from obstore.store import MemoryStore, from_url

import krr_export
from krr_export.errors import KrrExportError, NetworkError, UsageError
from krr_export.input.objects.reading import read_object
from krr_export.input.objects.store import Described, ObjectStore
from krr_export.output.objects.mirror import Mirror
from krr_export.output.objects.publish import prepare, publish
from krr_export.output.store_place import StorePlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.input.objects.store import Native

pytestmark = pytest.mark.slow
VALID = Path(__file__).parents[2] / "samples/valid.xml"
NIGHTS = [f"eksport=202602{day}T112225Z" for day in (26, 27)]
LAST = "eksport=99991231T235959Z"
PLANTED = "hemmelig"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The second night."""
    file = tmp_path / "next.xml"
    file.write_bytes(VALID.read_bytes().replace(b"2026-02-26T", b"2026-02-27T"))
    return file


@pytest.fixture
def night(bucket: str) -> str:
    """A place with the first night."""
    krr_export.convert(VALID, bucket, workers=0)
    return bucket


def keys(place: str) -> list[str]:
    return sorted(entry["path"] for batch in from_url(place).list() for entry in batch)


def point_to_the_last_of_times(place: str) -> None:
    body = bytes(from_url(place).get("latest.json").bytes())
    from_url(place).put("latest.json", body.replace(latest(place).encode(), LAST.encode()))


def latest(place: str) -> str:
    return str(json.loads(bytes(from_url(place).get("latest.json").bytes()))["eksport"])


def test_objects_that_no_directory_can_hold_are_passed_over(night: str, source: Path) -> None:
    [success] = [key for key in keys(night) if key.startswith("data/") and key.endswith("_SUCCESS")]
    directory = success.rpartition("/")[0]
    for name in ("person/part-00000.parquet/below", "manifest.json/below"):
        from_url(night).put(f"{directory}/{name}", b"1")
    for words in (["history"], ["check", "--prove"]):
        ran = command.call(words[0], night, *words[1:])
        assert ran.code == (0 if words[0] == "history" else 1), ran.err  # what is not listed is told of
    assert command.call("convert", source, night, "--changes", "--json").result["outcome"] == "published"
    assert command.call("diff", night).code == 0
    assert command.call("prune", night, "--keep", "1").code == 0
    assert [key for key in keys(night) if NIGHTS[0] in key] == []


def test_a_name_too_long_for_a_file_is_passed_over(tmp_path: Path) -> None:
    krr_export.convert(VALID, tmp_path / "store", workers=0)
    objects_there = ObjectStore(MemoryStore(), objects.URI)
    outgoing = prepare(tmp_path / "store" / NIGHTS[0], objects.URI)
    publish(objects_there, outgoing, None)
    objects_there.create(f"data/{NIGHTS[0]}/{outgoing.commit.generation}/{'n' * 256}", b"1")
    mirror = Mirror(objects_there, tmp_path / "mirror")
    mirror.show(NIGHTS[:1])
    names = {path.name for path in (tmp_path / "mirror" / NIGHTS[0]).iterdir()}
    assert names == {path.name for path in (tmp_path / "store" / NIGHTS[0]).iterdir()}


@pytest.mark.parametrize("denied", ["delete", "list", "put"])
def test_a_right_that_is_missing_is_said_and_leaves_the_place_as_it_was(denied: str, tmp_path: Path) -> None:
    store = MemoryStore()
    krr_export.convert(VALID, tmp_path / "store", workers=0)
    publish(ObjectStore(store, objects.URI), prepare(tmp_path / "store" / NIGHTS[0], objects.URI), None)
    there = objects.contents(store)

    class Denying(objects.Disturbed):
        def _request(self, kind: str, options: dict[str, Any], does: Callable[[], object]) -> object:
            if kind == denied:
                raise PermissionDeniedError(objects.QUOTED)
            return super()._request(kind, options, does)

    mirror = Mirror(ObjectStore(Denying(store), objects.URI), tmp_path / "mirror")

    def prune_the_night() -> None:
        mirror.show(NIGHTS[:1])
        shutil.rmtree(tmp_path / "mirror" / NIGHTS[0])
        mirror.write_back()

    with pytest.raises(NetworkError, match=r"does not let us in; give its credentials .*write, list and") as raised:
        prune_the_night()
    assert objects.QUOTED not in str(raised.value)
    kept = {name: body for name, body in objects.contents(store).items() if not name.startswith("latest")}
    assert kept == there


def test_a_damaged_pointer_is_said_before_anything_is_published(night: str, source: Path) -> None:
    from_url(night).put("latest.json", b"{")
    there = keys(night)
    for words in (["convert", source, night], ["prune", night, "--keep", "1"]):
        ran = command.call(*words)
        assert (ran.code, ran.last) == (3, f"{night}/latest.json is damaged; delete it there, and run again")
        assert keys(night) == there
    assert command.call("history", night).code == 0
    assert command.call("check", night).code == 1
    from_url(night).delete("latest.json")
    assert command.call("convert", source, night).code == 0
    assert command.call("verify", night).code == 0


def test_a_pointer_to_a_night_that_is_not_there_gives_way(night: str, source: Path) -> None:
    point_to_the_last_of_times(night)
    assert command.call("check", night).code == 1
    assert command.call("convert", source, night).code == 0
    assert latest(night) == NIGHTS[1]
    assert command.call("verify", night).code == 0


@pytest.mark.usefixtures("in_threads")
@pytest.mark.parametrize("command_name", ["convert", "backfill"])
@pytest.mark.parametrize("which", ["unchanged", "new"])
@pytest.mark.parametrize("planted", ["damaged", "another's"])
def test_a_pointer_to_a_commit_that_is_none_gives_way(
    planted: str, which: str, command_name: str, night: str, source: Path
) -> None:
    commit = bytes(from_url(night).get(f"eksport/{NIGHTS[0]}.json").bytes())
    from_url(night).put(f"eksport/{LAST}.json", commit if planted == "another's" else b"{}")
    point_to_the_last_of_times(night)
    assert command.call(command_name, VALID if which == "unchanged" else source, night).code == 0
    assert latest(night) == NIGHTS[which == "new"]
    assert command.call("verify", night).code == 0


def test_a_pointer_that_gives_way_goes_to_the_newest_of_all(night: str, source: Path) -> None:
    assert command.call("convert", source, night).code == 0
    point_to_the_last_of_times(night)
    from_url(night).put(f"eksport/{LAST}.json", b"{}")
    assert command.call("convert", VALID, night).code == 0
    assert latest(night) == NIGHTS[1]
    from_url(night).delete("latest.json")
    assert command.call("convert", VALID, night).code == 0
    assert latest(night) == NIGHTS[1]


def test_a_damaged_commit_is_not_pointed_to(night: str, source: Path) -> None:
    from_url(night).put("eksport/eksport=20300101T000000Z.json", b"{}")
    assert command.call("convert", source, night).code == 0
    assert latest(night) == NIGHTS[1]
    assert command.call("check", night).code == 1
    from_url(night).delete("eksport/eksport=20300101T000000Z.json")
    assert command.call("verify", night).code == 0
    assert command.call("check", night).code == 0


def test_a_prune_warns_of_what_is_damaged_and_passes_over_it(night: str, source: Path) -> None:
    assert command.call("convert", source, night).code == 0
    from_url(night).put(f"eksport/{NIGHTS[0]}.json", b"{}")
    ran = command.call("prune", night, "--keep", "1", "--json")
    assert (ran.code, ran.result["deleted"]) == (0, [])
    [warning] = ran.result["warnings"]
    assert (f"damaged: {NIGHTS[0]}" in warning, "neither counted nor pruned" in warning) == (True, True)
    assert f"eksport/{NIGHTS[0]}.json" in keys(night)


def test_a_name_that_cannot_be_read_is_said(night: str) -> None:
    name = f"{os.environ['AWS_ENDPOINT_URL']}/krr/{night.rpartition('/')[2]}/failed/a%0Ab"
    with urllib.request.urlopen(urllib.request.Request(name, b"1", method="PUT")):  # noqa: S310 - http, on this machine
        pass
    ran = command.call("history", night)
    assert (ran.code, "has a name that cannot be read" in ran.last) == (3, True)


def test_a_snapshot_that_is_deleted_before_it_is_shown_is_passed_over(tmp_path: Path) -> None:
    keys = [f"eksport/{name}.json" for name in NIGHTS]

    class Deleting(objects.Disturbed):
        """A place whose snapshots are deleted as soon as they are listed."""

        def list_with_delimiter(self, prefix: str | None, /) -> object:
            found = super().list_with_delimiter(prefix)
            self.inner.delete([entry["path"] for entry in found["objects"]])
            return found

    native = MemoryStore()
    mirror = Mirror(ObjectStore(Deleting(native), objects.URI), tmp_path / "store")
    place = StorePlace(tmp_path / "store", mirror)
    shows: list[Callable[[], object]] = [
        lambda: place.show_neighbours(NIGHTS[1], "person"),
        lambda: place.show_newest(2, "person"),
    ]
    for show in shows:
        for key in keys:
            native.put(key, b"{}")
        show()
        assert objects.contents(native) == {}
    assert list((tmp_path / "store").glob("eksport=*")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", f"kjempe {PLANTED}"),
        ("AWS_ENDPOINT_URL", f"http://{PLANTED}:99999"),
        ("AWS_ENDPOINT_URL", f"htp://{PLANTED}"),
        ("AWS_ENDPOINT_URL", "http://[::1"),
        ("AWS_REGION", f"{PLANTED}\n"),
        ("AWS_ACCESS_KEY_ID", f"{PLANTED}\n"),
        ("AWS_SECRET_ACCESS_KEY", f"{PLANTED}\r\n"),
        ("AWS_SESSION_TOKEN", f"{PLANTED}\x01"),
    ],
)
def test_a_variable_that_no_request_can_be_made_with_is_wrong_usage(name: str, value: str, bucket: str) -> None:
    ran = command.run("history", bucket, env={name: value})
    assert (ran.code, len(ran.lines), PLANTED in ran.err) == (2, 1, False), ran.err


def test_a_panic_of_the_library_is_a_failure_of_the_network() -> None:
    class PanicException(BaseException):
        """As the library's, which cannot be imported."""

    class Panicking(objects.Disturbed):
        def get(self, path: str, /, **options: Any) -> Any:  # noqa: ANN401, ARG002 - obstore's
            raise PanicException(PLANTED)

    native: Native = Panicking(MemoryStore())
    with pytest.raises(NetworkError) as raised:
        ObjectStore(native, objects.URI).read("a")
    assert PLANTED not in str(raised.value)


@pytest.mark.parametrize(("code", "kind"), [("NoSuchUpload", NetworkError), ("NoSuchBucket", UsageError)])
def test_what_is_not_found_while_it_is_written_is_only_a_bucket_if_the_server_says_so(
    code: str, kind: type[KrrExportError]
) -> None:
    def not_found() -> None:
        raise FileNotFoundError(f"a: <Error><Code>{code}</Code>{PLANTED}</Error>")

    native = objects.Disturbed(MemoryStore(), 1, before=not_found)
    with pytest.raises(kind) as raised:
        ObjectStore(native, objects.URI).write("a", [b"1"])
    assert PLANTED not in str(raised.value)


@pytest.mark.parametrize("length", [0, 7, 9])
def test_a_range_of_another_length_than_asked_for_is_a_failure_of_the_network(length: int) -> None:
    native = Mock()
    native.get.return_value.bytes.return_value = bytes(length)
    with pytest.raises(NetworkError, match="does not answer as it should"):
        b"".join(read_object(ObjectStore(native, objects.URI), "a.xml", Described(8, "1")))


def test_a_list_that_is_denied_is_said_to_be(night: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PLANTED)
    ran = command.call("history", night)  # begins with a list
    assert (ran.code, f"{night} does not let us in; give its credentials" in ran.last) == (6, True), ran.err


@pytest.mark.parametrize("listed", [b"", None])
def test_a_list_that_a_run_which_died_left_behind_is_set_right_by_the_next(listed: bytes | None, night: str) -> None:
    if listed is None:
        from_url(night).delete("latest/manifest.txt")
    else:
        from_url(night).put("latest/manifest.txt", listed)
    ran = command.call("verify", night)
    assert (ran.code, ran.last.rpartition("; ")[2]) == (1, "run again what writes there, which sets it right")
    assert command.call("convert", VALID, night).code == 0
    assert command.call("verify", night).code == 0


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_directory_of_temporary_files_that_is_none_is_not_replaced_by_another(
    kind: str, bucket: str, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    if kind == "a file":
        temporary.touch(mode=0o700)
    ran = command.run("convert", VALID, bucket, env={"TMPDIR": str(temporary)})
    assert (ran.code, "TMPDIR is no directory" in ran.last) == (4, True), ran.err
    assert keys(bucket) == []


@pytest.mark.parametrize("blocks", [1, 4])
def test_without_room_for_temporary_files_nothing_is_published(
    blocks: int, night: str, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    there = keys(night)
    words = " ".join([*command.PROGRAM, "convert", str(source), night])
    done = subprocess.run(
        ["/bin/bash", "-c", f"trap '' XFSZ; ulimit -f {blocks}; {words} 2>&1 | cat"],
        env=command.environment(TMPDIR=str(tmp_path / "tmp"), PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "a limit (ulimit -f) allows no larger files" in done.stdout
    assert "Traceback" not in done.stdout
    assert keys(night) == there
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_others_plant_among_temporary_files_is_left_alone(night: str, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/kept").touch()
    prefix = f"krr-export-mirror-{os.getuid()}"
    (tmp_path / f"tmp/{prefix}-link").symlink_to(tmp_path / "theirs")
    os.mkfifo(tmp_path / f"tmp/{prefix}-pipe")
    (tmp_path / f"tmp/{prefix}-file").touch()
    for path in (tmp_path / "theirs", *(tmp_path / "tmp").iterdir()):
        os.utime(path, (1, 1))
    there = command.contents(tmp_path / "theirs")
    assert command.run("history", night, env={"TMPDIR": str(tmp_path / "tmp")}).code == 0
    assert command.contents(tmp_path / "theirs") == there
    assert len(list((tmp_path / "tmp").iterdir())) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", ["prepare", "publish", "advance"])
def test_a_signal_while_the_object_store_is_written_says_so(
    number: signal.Signals, step: str, night: str, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    script = (
        "import os, sys; from krr_export.output.objects import mirror; from krr_export.cli.main import main\n"
        f"real = mirror.{step}\n"
        f"mirror.{step} = lambda *given: [real(*given), os.kill(os.getpid(), {int(number)})][0]\n"
        f"sys.exit(main(['convert', {str(source)!r}, {night!r}]))"
    )
    with command.heeding(number):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=command.environment(TMPDIR=str(tmp_path / "tmp")), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 128 + number, done.stderr
    assert done.stderr.splitlines()[-1].endswith(
        f": {night} is whole, as it was or with what was being done; run again, which goes on"
    )
    assert list((tmp_path / "tmp").iterdir()) == []
    assert command.call("convert", source, night).code == 0
    assert command.call("verify", night).code == 0
    assert latest(night) == NIGHTS[1]
