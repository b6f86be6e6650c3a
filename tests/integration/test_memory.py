"""Memory is flat: several times the input takes hardly more, as the kernel keeps it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import command
import deliveries
import pyarrow.parquet as pq
import pytest
from isal import igzip

from krr_export import load_schema
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 400_000
"""Twice as many are six row groups: with fewer, a run ends before its buffers have all been as full as they get."""
LIMIT = 500e6
"""Bytes that the program may take, whatever the input."""


class Seen(NamedTuple):
    """The peak of one run, in bytes, as it reports it."""

    peak: int
    row_groups: int


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    """The beginning of an export, a tenth of its records, its end. Without certificates, to have many rows soon."""
    path = tmp_path_factory.mktemp("export") / "sample.xml"
    write_sample_file(path, SampleOptions(records=ROWS // 10, schema=load_schema("14-05")))
    xml = re.sub(rb"\s*<X509Sertifikat>[^<]*</X509Sertifikat>", b"", path.read_bytes())
    begin, end = xml.index(b"<Person>"), xml.rindex(b"</Person>") + len(b"</Person>")
    return xml[:begin], xml[begin:end], xml[end:]


def test_four_times_the_input_takes_no_more_memory(export: tuple[bytes, bytes, bytes], tmp_path: Path) -> None:
    twice = convert(export, 2, tmp_path / "twice")
    eight = convert(export, 8, tmp_path / "eight")
    assert twice.row_groups >= 6
    assert eight.row_groups >= 24
    assert_flat(twice.peak, eight.peak, 60 * len(export[1]))
    assert eight.peak < LIMIT, eight


def assert_flat(less: int, more: int, added: int) -> None:
    """Compare the peaks for less and for more input: a tenth more is chance, or a twentieth of the added input.

    On a busy machine more blocks are waiting for a thread, and some more memory is in use.
    """
    assert more - less <= max(0.1 * less, 0.05 * added), (less, more)


PEAK = """
import sys
from krr_export.util.memory import peak_memory
before = peak_memory()
held = bytearray(200_000_000)
held[::4096] = b"x" * len(held[::4096])
del held
sys.exit(not 190e6 <= peak_memory() - before <= 220e6)
"""


def test_the_report_tells_the_peak_of_this_program_though_it_is_over_and_its_parent_is_larger() -> None:
    start = f"sys.exit(subprocess.call([sys.executable, '-c', {PEAK!r}]))"
    parent = f"import subprocess, sys; held = b'x' * 300_000_000; {start}"
    subprocess.run([sys.executable, "-c", parent], check=True)


def test_nor_does_it_where_the_reference_reads_all_of_it(export: tuple[bytes, bytes, bytes]) -> None:
    once, _ = watched(export, 2, "validate", "-", "--reader", "iterparse")
    more, report = watched(export, 6, "validate", "-", "--reader", "iterparse")
    assert report["read_by"] == {"iterparse": 6 * ROWS // 10}
    assert_flat(once, more, 4 * len(export[1]))


def test_nor_does_it_where_a_delivery_is_verified_and_decrypted(
    export: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    keys = deliveries.keys_of()
    options = ("--private-key", str(keys.private_key), "--publisher-cert", str(keys.publisher_cert), "--workers", "2")
    peaks = []
    for times in (8, 32):
        packed = gzip_of(export, times)
        delivery = deliveries.make_set_of(tmp_path / f"{times}", packed)
        peak, report = watched(export, 0, "validate", str(delivery), *options)
        assert report["counts"]["seen"] == times * ROWS // 10
        peaks.append(peak)
    assert_flat(peaks[0], peaks[1], 24 * len(export[1]))


def gzip_of(export: tuple[bytes, bytes, bytes], times: int) -> bytes:
    """The export of so many tenths, quickly compressed; several members in a row are one stream."""
    begin, records, end = (igzip.compress(part, 1) for part in export)
    return begin + records * times + end


def convert(export: tuple[bytes, bytes, bytes], times: int, store: Path) -> Seen:
    """Convert the export so many times over."""
    peak, report = watched(export, 10 * times, "convert", "-", str(store))
    assert report["counts"]["written"] == ROWS * times
    groups = sum(pq.read_metadata(path).num_row_groups for path in store.glob("latest/person/*.parquet"))
    return Seen(peak, groups)


def watched(export: tuple[bytes, bytes, bytes], times: int, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run with two workers on an export of so many tenths; the peak, the report."""
    with command.started(*arguments, "--workers", "2", "--json", stdin=-1) as process:
        pipe, process.stdin = process.stdin, None  # the feeder's alone: communicate would close it
        assert pipe
        feeder = threading.Thread(target=feed, args=(pipe, export, times))
        feeder.start()
        out, err = process.communicate()
        feeder.join()
    assert process.returncode == 0, err.decode()
    report = json.loads(out)["report"]
    return report["performance"]["peak_memory_bytes"], report


def feed(pipe: IO[bytes], export: tuple[bytes, bytes, bytes], times: int) -> None:
    begin, records, end = export
    with pipe:
        pipe.write(begin)
        for _ in range(times):
            pipe.write(records)
        pipe.write(end)


def test_nor_does_it_where_all_records_are_refused(export: tuple[bytes, bytes, bytes], tmp_path: Path) -> None:
    """Three times as much takes no more; so soon, two runs of the same input differ by an eighth."""
    begin, _, end = export
    refused = (begin, b"<Person><beskrivelse>%b</beskrivelse></Person>" % (b"x" * 4000) * 2_500, end)
    peaks = []
    for times in (10, 30):
        store = tmp_path / f"{times}"
        peak, report = watched(refused, times, "convert", "-", str(store), "--max-rejects", "100%")
        assert report["counts"]["rejected"] == times * 2_500
        peaks.append(peak)
    assert peaks[1] <= 1.5 * peaks[0], peaks
    assert peaks[1] < LIMIT, peaks
