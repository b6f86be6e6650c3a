"""What the CSV promises: RFC 4180, null told from empty, and every reader finds the rows again."""

from __future__ import annotations

import gzip
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from sink_rows import CSV, CSV_GZ, NAMES, SCHEMA, duck, label, rows_of, table, write

from krr_export.output.sinks import SinkOptions

if TYPE_CHECKING:
    from pathlib import Path


def test_csv_is_written_as_rfc_4180_with_null_told_from_empty(tmp_path: Path) -> None:
    [part] = write(tmp_path, table(9), CSV)
    assert part.path == "person/part-00000.csv"
    assert (tmp_path / part.path).read_bytes().decode() == (
        "radnummer,navn,status,sett,sertifikat,antall,aktiv,vekt,dato\n"
        "0,Åse,AKTIV,,,,,,\n"
        '1,"",SLETTET,2014-02-25T12:08:01.000000Z,MIIBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB,1,false,0.125,'
        "2014-01-02\n"
        "2,,IKKE_REGISTRERT,2014-02-25T12:08:02.000000Z,,2,false,0.25,2014-01-03\n"
        '3,"si ""hei""",,2014-02-25T12:08:03.000000Z,MIIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,3,true,'
        "0.375,2014-01-04\n"
        '4,"a,b",,,,4,false,0.5,2014-01-05\n'
        '5,"linje\nskift",AKTIV,2014-02-25T12:08:05.000000Z,MIICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC,5,'
        "false,0.625,\n"
        '6,"retur\rher",SLETTET,2014-02-25T12:08:06.000000Z,,6,,0.75,2014-01-07\n'
        '7,"\r\n",IKKE_REGISTRERT,2014-02-25T12:08:07.000000Z,MIIBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB,,'
        "false,0.875,2014-01-08\n"
        "8, luft ,,,,8,false,1,2014-01-09\n"
    )


def test_csv_for_excel_has_a_mark_semicolons_and_no_formulas(tmp_path: Path) -> None:
    texts = [
        "=1+1@example.no",
        "+4799999999",
        "-1",
        "@a",
        "\t=1",
        "\r=1",
        "\uff1d1",
        "a;b",
        'a"b',
        "a,b",
        "a=1",
        "",
        None,
        "'",
    ]
    fields = [
        "'=1+1@example.no",
        "'+4799999999",
        "'-1",
        "'@a",
        '"\'\t=1"',
        '"\'\r=1"',
        "'\uff1d1",
        '"a;b"',
        '"a""b"',
        "a,b",
    ]
    fields += ["a=1", '""', "", "'"]
    schema = pa.schema([("text", pa.string()), ("kind", pa.dictionary(pa.int8(), pa.string())), ("number", pa.int64())])
    rows = pa.table(
        [texts, pa.array(texts).dictionary_encode().cast(schema.field("kind").type), [-1] * len(texts)], schema
    )
    [part] = write(tmp_path, rows, SinkOptions(format="csv-excel"), schema)
    assert part.path == "person/part-00000.csv"
    expected = "\ufefftext;kind;number\n" + "".join(f"{field};{field};-1\n" for field in fields)
    assert (tmp_path / part.path).read_bytes().decode() == expected


def test_base64_is_no_formula_for_excel_either(tmp_path: Path) -> None:
    schema = pa.schema([("octets", pa.binary())])
    [part] = write(tmp_path, pa.table([[b"\xf8\x00\x00", b"\x00"]], schema), SinkOptions(format="csv-excel"), schema)
    assert (tmp_path / part.path).read_bytes().decode() == "\ufeffoctets\n'+AAA\nAA==\n"


@pytest.mark.parametrize("year", [1, 999, 1969, 9999])
def test_csv_writes_years_with_four_digits(tmp_path: Path, year: int) -> None:
    schema = pa.schema([SCHEMA.field("sett")])
    [part] = write(tmp_path, pa.table([[datetime(year, 1, 2, 3, 4, 5, 6, UTC)]], schema=schema), CSV, schema)
    assert (tmp_path / part.path).read_text() == f"sett\n{year:04}-01-02T03:04:05.000006Z\n"


@pytest.mark.parametrize("options", [CSV, CSV_GZ], ids=label)
def test_every_reader_of_csv_finds_the_same_rows(tmp_path: Path, options: SinkOptions) -> None:
    rows = table(len(NAMES) * 3)
    [part] = write(tmp_path, rows, options)
    path = tmp_path / part.path
    plain = rows.set_column(4, "sertifikat", rows["sertifikat"].cast(pa.binary()))
    expected = rows_of(plain)

    found = duck(
        "SELECT * REPLACE (from_base64(sertifikat) AS sertifikat) FROM"  # noqa: S608 - a path of our own
        f" read_csv('{path}', allow_quoted_nulls=false, types={{'sett': 'TIMESTAMPTZ', 'antall': 'SMALLINT'}})"
    )
    assert rows_of(found) == expected

    read = pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types={"sett": pa.timestamp("us", tz="UTC"), "sertifikat": pa.string()},
        ),
    )
    assert read.drop_columns(["sertifikat"]).to_pylist() == plain.drop_columns(["sertifikat"]).to_pylist()

    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], lineterminator="\n")
    names = [None if name == "" else name for name in plain["navn"].to_pylist()]
    assert [None if pd.isna(name) else name for name in frame["navn"]] == names, "pandas cannot tell null from empty"
    assert frame["radnummer"].to_list() == plain["radnummer"].to_pylist()


def test_compressed_csv_is_reproducible_and_has_no_time_or_name_in_it(tmp_path: Path) -> None:
    [part] = write(tmp_path / "a", table(50), CSV_GZ)
    assert write(tmp_path / "b", table(50), CSV_GZ) == (part,)
    content = (tmp_path / "a" / part.path).read_bytes()
    assert part.path == "person/part-00000.csv.gz"
    assert content[3:8] == bytes(5), "RFC 1952: no flags, so no name, and no time"
    [plain] = write(tmp_path / "c", table(50), CSV)
    assert gzip.decompress(content) == (tmp_path / "c" / plain.path).read_bytes()
    subprocess.run(["gzip", "--test", str(tmp_path / "a" / part.path)], check=True)
