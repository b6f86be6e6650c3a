"""A store is read by each reader with the very lines of docs/reference/store.md: the same rows and types."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
import pyarrow.parquet as pq
import pytest
from exports import tiny_xml

import krr_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Rows: TypeAlias = "Counter[tuple[Any, ...]]"
"""Of `COLUMNS`, each counted."""

COLUMNS = ("radnummer", "status", "reservasjon", "epostadresse", "postkasseleverandoer_adresse")
PARTITIONED = ("status", "reservasjon", "postkasseleverandoer_adresse")
DAYS = ("20260221", "20260222")

PROVIDERS = ("984661185", "012345678", "98466118E5", "Ola Nordmann", None)
"""One has a leading zero, some must not name a file."""


PEOPLE = [
    (reserved, mail, provider)
    for provider in PROVIDERS
    for reserved in ("JA", "NEI", None)
    for mail in ("a@example.no", None)
]
FEW = 4
"""How many of them the first export has."""


def person(reserved: str | None, mail: str | None, provider: str | None) -> str:
    mailbox = (
        "<SikkerDigitalPostAdresse><postkasseadresse>0000485509</postkasseadresse>"
        f"<postkasseleverandoerAdresse>{provider}</postkasseleverandoerAdresse></SikkerDigitalPostAdresse>"
    )
    return tiny_xml.person(
        f"<reservasjon>{reserved}</reservasjon>" if reserved else "",
        "<status>AKTIV</status>",
        tiny_xml.contact(mail) if mail else "",
        "" if provider is None else mailbox,
    )


@pytest.fixture(scope="module", params=["plain", "partitioned"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two snapshots; the first has fewer partitions."""
    path = tmp_path_factory.mktemp(request.param) / "store"
    by = PARTITIONED if request.param == "partitioned" else ()
    for day, people in zip(DAYS, (PEOPLE[:FEW], PEOPLE), strict=True):
        header = f'eksportTidspunkt="{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z" senesteEndringsNummer="1"'
        root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {header}'
        export = tiny_xml.export(*(person(*someone) for someone in people), root=root)
        krr_export.convert(io.BytesIO(export), path, workers=0, partition_by=by, guard=False)
    return path


def expected(*people: list[tuple[str | None, str | None, str | None]]) -> Rows:
    """What the exports say."""
    return Counter((number, "AKTIV", *someone) for some in people for number, someone in enumerate(some, 1))


def counted(rows: Iterable[Iterable[Any]]) -> Rows:
    return Counter(tuple(None if _is_missing(value) else value for value in row) for row in rows)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value != value  # noqa: PLR0124 - NaN


def of_frame(frame: pd.DataFrame) -> Rows:
    return counted(frame[list(COLUMNS)].astype(object).itertuples(index=False))


def newest_by_pyarrow(store: Path) -> Rows:
    table = pq.read_table(store / "latest/person")
    return counted(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))


def newest_by_pandas(store: Path) -> Rows:
    return of_frame(pd.read_parquet(store / "latest/person"))


def newest_by_fastparquet(store: Path) -> Rows:
    return of_frame(pd.read_parquet(store / "latest/person", engine="fastparquet"))


def newest_by_polars(store: Path) -> Rows:
    import polars as pl  # noqa: PLC0415 - each reader on its own

    return counted(pl.read_parquet(store / "latest/person/*.parquet").select(COLUMNS).rows())


def newest_by_duckdb(store: Path) -> Rows:
    import duckdb  # noqa: PLC0415 - each reader on its own

    with duckdb.connect() as connection:
        query = f"SELECT {', '.join(COLUMNS)} FROM read_parquet('{store}/latest/person/*.parquet')"  # noqa: S608 - our own path
        return counted(connection.sql(query).fetchall())


def all_by_pyarrow(store: Path) -> tuple[Rows, set[str]]:
    import pyarrow.dataset as ds  # noqa: PLC0415 - each reader on its own

    files = sorted(map(str, store.glob("eksport=*/person/*.parquet")))
    table = ds.dataset(files, partitioning="hive", partition_base_dir=str(store)).to_table()
    rows = counted(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))
    return rows, set(table["eksport"].to_pylist())


def all_by_pandas(store: Path) -> tuple[Rows, set[str]]:
    files = sorted(store.glob("eksport=*/person"))
    frame = pd.concat([pd.read_parquet(path).assign(eksport=path.parent.name[8:]) for path in files])
    return of_frame(frame), set(frame["eksport"])


def all_by_polars(store: Path) -> tuple[Rows, set[str]]:
    import polars as pl  # noqa: PLC0415 - each reader on its own

    frame = pl.read_parquet(store / "eksport=*/person/*.parquet", hive_partitioning=True, try_parse_hive_dates=False)
    return counted(frame.select(COLUMNS).rows()), set(frame["eksport"])


def all_by_duckdb(store: Path) -> tuple[Rows, set[str]]:
    import duckdb  # noqa: PLC0415 - each reader on its own

    with duckdb.connect() as connection:
        found = connection.sql(
            f"FROM read_parquet('{store}/eksport=*/person/*.parquet', hive_partitioning = true, union_by_name = true)"
        )
        rows = counted(found.select(*COLUMNS).fetchall())
        return rows, {name for (name,) in found.select("eksport").distinct().fetchall()}


NEWEST = [newest_by_pyarrow, newest_by_pandas, newest_by_fastparquet, newest_by_polars, newest_by_duckdb]
ALL = [all_by_pyarrow, all_by_pandas, all_by_polars, all_by_duckdb]


@pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # fastparquet leaves files open
@pytest.mark.parametrize("read", NEWEST, ids=lambda read: read.__name__)
def test_the_newest_snapshot(store: Path, read: Callable[[Path], Rows]) -> None:
    assert read(store) == expected(PEOPLE)


@pytest.mark.parametrize("read", ALL, ids=lambda read: read.__name__)
def test_all_snapshots(store: Path, read: Callable[[Path], tuple[Rows, set[str]]]) -> None:
    rows, exports = read(store)
    assert rows == expected(PEOPLE[:FEW], PEOPLE)
    assert exports == {f"{day}T120000Z" for day in DAYS}


def test_spark(store: Path) -> None:
    """Tried where pyspark is installed: it takes 300 MB and a minute, too much for each run of all tests."""
    sql = pytest.importorskip("pyspark.sql", reason="pip install 'krr-export[spark]' to try Spark")
    if not shutil.which("java"):
        pytest.skip("Spark needs java")
    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        newest = spark.read.parquet(str(store / "latest/person"))
        assert counted(newest.select(*COLUMNS).collect()) == expected(PEOPLE)
        every = spark.read.option("basePath", str(store)).parquet(f"{store}/eksport=*/person")
        assert counted(every.select(*COLUMNS).collect()) == expected(PEOPLE[:FEW], PEOPLE)
        assert {row.eksport for row in every.select("eksport").distinct().collect()} == {f"{d}T120000Z" for d in DAYS}
    finally:
        spark.stop()
