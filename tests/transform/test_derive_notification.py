"""A person may be notified exactly while some channel is not older than 18 calendar months; expiry and status agree."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import derivations
import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.parsing.batch_view import BatchView
from krr_export.profiling.profiler import Profiler
from krr_export.schema.registry import load_schema

OSLO = ZoneInfo("Europe/Oslo")
MICROSECOND = timedelta(microseconds=1)
CHANNELS = ("mobiltelefonnummer", "epostadresse")
MAY, MAY_NOT = "KAN_VARSLES", "KAN_IKKE_VARSLES"
EXPORTED = derivations.EXPORTED


def ends(newest: datetime) -> datetime:
    """18 months later in Norway, by Python's calendar."""
    wall = newest.astimezone(OSLO)
    year, month = divmod(wall.year * 12 + wall.month - 1 + 18, 12)
    day = min(wall.day, calendar.monthrange(year, month + 1)[1])
    return wall.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)


def expected(record: dict[str, Any], reference: datetime) -> dict[str, Any]:
    """What is to be derived of a record, as FACTS.md section 4 says it, one record at a time."""
    expiry = {}
    for channel in CHANNELS:
        times = [record.get(f"{channel}_sist_{what}") for what in ("oppdatert", "verifisert")]
        known = [time for time in times if time is not None]
        expiry[f"{channel}_utloeper"] = ends(max(known)) if record.get(channel) and known else None
    usable = any(end is not None and reference <= end for end in expiry.values())
    may = record.get("status") == "AKTIV" and record.get("reservasjon") != "JA" and usable
    return {"varslingsstatus": MAY if may else MAY_NOT, **expiry}


NAMES = ("varslingsstatus", "mobiltelefonnummer_utloeper", "epostadresse_utloeper")


def mobile(newest: str | datetime, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - values of columns
    """An active person with a mobile number of that age."""
    moment = datetime.fromisoformat(newest) if isinstance(newest, str) else newest
    return {"status": "AKTIV", "mobiltelefonnummer": "99999999", "mobiltelefonnummer_sist_oppdatert": moment, **more}


def status(record: dict[str, Any], reference: str | datetime) -> str:
    moment = datetime.fromisoformat(reference) if isinstance(reference, str) else reference
    return str(derivations.derive([record], "varslingsstatus", exported=moment)[0]["varslingsstatus"])


@pytest.mark.parametrize(
    ("newest", "last"),
    [
        ("2024-08-26T12:22:25+02:00", "2026-02-26T12:22:25+01:00"),
        ("2023-08-31T23:59:59+02:00", "2025-02-28T23:59:59+01:00"),  # no 31st in February
        ("2022-08-30T12:00:00+02:00", "2024-02-29T12:00:00+01:00"),  # a leap year's
        ("2024-02-29T12:00:00+01:00", "2025-08-29T12:00:00+02:00"),  # from a leap day
        ("2022-12-31T12:00:00+01:00", "2024-06-30T12:00:00+02:00"),
        ("2023-02-28T12:00:00+01:00", "2024-08-28T12:00:00+02:00"),  # the last day does not become the last day
        ("2025-04-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),  # the clock shows it twice: the first time
        ("2024-09-29T02:30:00+02:00", "2026-03-29T03:30:00+02:00"),  # the clock never shows it
    ],
)
def test_exactly_18_months_old_may_be_used_and_a_microsecond_more_may_not(newest: str, last: str) -> None:
    moment = datetime.fromisoformat(last)
    assert status(mobile(newest), moment) == MAY
    assert status(mobile(newest), moment + MICROSECOND) == MAY_NOT
    (row,) = derivations.derive([mobile(newest)], "mobiltelefonnummer_utloeper")
    assert row["mobiltelefonnummer_utloeper"] == moment


@pytest.mark.parametrize("state", ["AKTIV", "SLETTET", "IKKE_REGISTRERT", None])
@pytest.mark.parametrize("opted_out", ["JA", "NEI", None])
def test_only_an_active_person_who_has_not_opted_out_may_be_notified(state: str | None, opted_out: str | None) -> None:
    found = status(mobile("2026-01-01T00:00:00Z", status=state, reservasjon=opted_out), EXPORTED)
    assert found == (MAY if state == "AKTIV" and opted_out != "JA" else MAY_NOT)


FRESH = datetime(2026, 1, 1, tzinfo=UTC)
OLD = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("updated", "confirmed"), [*product([FRESH, OLD, None], repeat=2)])
def test_each_channel_alone_is_enough_and_the_newer_of_its_times_counts(
    channel: str, updated: datetime | None, confirmed: datetime | None
) -> None:
    times = {f"{channel}_sist_oppdatert": updated, f"{channel}_sist_verifisert": confirmed}
    (row,) = derivations.derive([{"status": "AKTIV", channel: "ola@example.no", **times}], *NAMES)
    known = [time for time in (updated, confirmed) if time]
    assert row[f"{channel}_utloeper"] == (ends(max(known)) if known else None)
    assert row["varslingsstatus"] == (MAY if FRESH in known else MAY_NOT)


@pytest.mark.parametrize("value", [None, ""])
def test_times_without_a_value_are_no_channel(value: str | None) -> None:
    (row,) = derivations.derive([mobile(FRESH, mobiltelefonnummer=value)], *NAMES)
    assert row == {"varslingsstatus": MAY_NOT, "mobiltelefonnummer_utloeper": None, "epostadresse_utloeper": None}


def test_another_moment_may_be_asked_for_and_leaves_the_expiry_as_it_is() -> None:
    record = mobile("2024-08-27T12:00:00Z")
    now, later = (
        derivations.derive([record], *NAMES, as_of=as_of)[0] for as_of in (None, datetime(2027, 1, 1, tzinfo=UTC))
    )
    assert (now["varslingsstatus"], later["varslingsstatus"]) == (MAY, MAY_NOT)
    assert now["mobiltelefonnummer_utloeper"] == later["mobiltelefonnummer_utloeper"]


times = st.one_of(
    st.none(),
    st.datetimes(datetime(2023, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware
    st.sampled_from([FRESH, OLD, *(datetime(2023 + i // 12, i % 12 + 1, 28, 12, tzinfo=UTC) for i in range(36))]),
)
people = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["AKTIV", "AKTIV", "SLETTET", "IKKE_REGISTRERT", None]),
        "reservasjon": st.sampled_from(["NEI", None, "JA"]),
        **dict.fromkeys(CHANNELS, st.sampled_from(["99999999", "", None])),
        **{f"{channel}_sist_{what}": times for channel in CHANNELS for what in ("oppdatert", "verifisert")},
    }
)


@given(records=st.lists(people, min_size=1, max_size=30), data=st.data())
def test_status_and_expiry_are_what_the_rule_says_of_each_person_and_agree(
    records: list[dict[str, Any]], data: st.DataObject
) -> None:
    edges = [end for record in records for end in list(expected(record, EXPORTED).values())[1:] if end is not None]
    reference = data.draw(st.sampled_from([EXPORTED, *edges])) + data.draw(st.sampled_from([-1, 0, 1])) * MICROSECOND
    rows = derivations.derive(records, *NAMES, exported=reference)
    assert rows == [expected(record, reference) for record in records]
    for record, row in zip(records, rows, strict=True):
        usable = any(row[name] is not None and reference <= row[name] for name in NAMES[1:])
        may = record["status"] == "AKTIV" and record["reservasjon"] != "JA" and usable
        assert row["varslingsstatus"] == (MAY if may else MAY_NOT)
    profile = Profiler(load_schema(), reference).profile_batch(BatchView(derivations.batch(records)))
    assert profile.notifiable == sum(row["varslingsstatus"] == MAY for row in rows)


def test_duckdb_finds_the_same_state_by_the_months_between() -> None:
    start = datetime(2023, 1, 1, 12, tzinfo=UTC)
    records = [mobile(start + timedelta(hours=hour * 7)) for hour in range(4000)]
    table = pa.Table.from_pylist([{"newest": record["mobiltelefonnummer_sist_oppdatert"]} for record in records])
    found = [row["varslingsstatus"] for row in derivations.derive(records, "varslingsstatus")]
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'Europe/Oslo'")
        database.register("persons", table)
        said = database.execute(
            "SELECT if(newest + INTERVAL 18 MONTH >= $1, 'KAN_VARSLES', 'KAN_IKKE_VARSLES') FROM persons", [EXPORTED]
        ).fetchall()
    assert found == [state for (state,) in said]
    assert {*found} == {MAY, MAY_NOT}


def test_what_never_expires_in_the_calendar_expires_with_it() -> None:
    (row,) = derivations.derive([mobile(datetime(9999, 1, 1, tzinfo=UTC))], *NAMES)
    assert row["mobiltelefonnummer_utloeper"] == datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert row["varslingsstatus"] == MAY


def test_no_records_give_none() -> None:
    assert derivations.derive([], *NAMES) == []
