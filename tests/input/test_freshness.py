"""When an export says that it was made: too long ago, in the future, or before the newest snapshot, it is kept back."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import deliveries
import pytest
from exports import tiny_xml

import krr_export
from krr_export.domain.store_layout import export_name
from krr_export.errors import GuardError, UsageError
from krr_export.input.delivery.opening import DeliveryOptions
from krr_export.input.freshness import AgeLimits
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command import Ran

    Krr = Callable[..., Ran]


def hence(**length: int) -> datetime:
    """A moment so long from now, and half an hour, however long the test takes."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(**length) + timedelta(minutes=30)


def export(made: datetime, persons: int = 1) -> bytes:
    attributes = f'eksportTidspunkt="{made.isoformat()}" senesteEndringsNummer="7"'
    root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {attributes}'
    return tiny_xml.export(*[tiny_xml.person()] * persons, root=root)


def put(path: Path, made: datetime, persons: int = 1) -> Path:
    path.write_bytes(export(made, persons))
    return path


def convert(source: Path, store: Path, **options: Any) -> krr_export.ConvertResult:  # noqa: ANN401 - ConvertOptions checks them
    return krr_export.convert(source, store, workers=0, **options)


def snapshots(store: Path) -> list[str]:
    return sorted(path.name for path in store.glob("eksport=*"))


def accepted_with(said: str, option: str) -> list[str]:
    """The option that a last line names last, and its value: as it would be typed."""
    found = re.findall(rf"{option} \d+[mhd]", said)
    assert found, said
    return str(found[-1]).split()


def test_an_export_from_the_future_is_kept_back_until_it_is_accepted_and_then_for_good(
    krr: Krr, tmp_path: Path
) -> None:
    now, later = put(tmp_path / "now.xml", hence(hours=-1)), put(tmp_path / "later.xml", hence(days=400))
    assert krr("convert", now, tmp_path / "store").code == 0
    before = snapshots(tmp_path / "store")
    ran = krr("convert", later, tmp_path / "store")
    assert (ran.code, snapshots(tmp_path / "store")) == (5, before), ran.err
    assert "more than 400 days from now: --max-ahead 24h; is a clock wrong?" in ran.last
    assert (tmp_path / "store/latest").resolve().name == before[0]
    assert not (tmp_path / "store/.failed").exists()
    ran = krr("convert", later, tmp_path / "store", *accepted_with(ran.last, "--max-ahead"))
    assert (ran.code, len(snapshots(tmp_path / "store"))) == (0, 2), ran.err
    ran = krr("convert", later, tmp_path / "store")
    assert (ran.code, "nothing to do" in ran.last) == (0, True), "it was accepted: it is not to trip every night"


def test_what_is_a_time_zone_s_mistake_ahead_is_taken(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "a.xml", hence(hours=23)), tmp_path / "store").published
    with pytest.raises(GuardError, match="more than 24 hours from now"):
        convert(put(tmp_path / "b.xml", hence(hours=24)), tmp_path / "store")
    with pytest.raises(GuardError, match="--max-ahead 90m"):
        convert(put(tmp_path / "c.xml", hence(hours=3)), tmp_path / "store", max_ahead="90m")


def test_even_the_last_year_there_is_can_be_accepted(krr: Krr, tmp_path: Path) -> None:
    source = put(tmp_path / "a.xml", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), persons=2)
    ran = krr("convert", source, tmp_path / "store")
    assert (ran.code, snapshots(tmp_path / "store")) == (5, []), ran.err
    assert krr("convert", source, tmp_path / "store", *accepted_with(ran.last, "--max-ahead")).code == 0


def test_a_part_of_an_export_from_the_future_takes_nothing_s_place_and_may_be_looked_at(tmp_path: Path) -> None:
    result = convert(put(tmp_path / "a.xml", hence(days=400)), tmp_path / "store", limit=1)
    assert (result.outcome, snapshots(tmp_path / "store")) == ("partial", [])


def test_too_old_an_export_is_kept_back_until_it_is_accepted(krr: Krr, tmp_path: Path) -> None:
    source = put(tmp_path / "old.xml", hence(hours=-51))
    assert krr("convert", source, tmp_path / "first").code == 0, "any age is in order where nothing is asked"
    ran = krr("convert", source, tmp_path / "store", "--max-age", "2d")
    assert (ran.code, (tmp_path / "store").exists()) == (5, False), ran.err
    assert "more than 50 hours ago: --max-age 48h; ask the sender" in ran.last
    assert krr("convert", source, tmp_path / "store", *accepted_with(ran.last, "--max-age")).code == 0
    ran = krr("convert", source, tmp_path / "store", "--max-age", "48h")
    assert ran.code == 5, "also where it is published already: the newest is too old"


@pytest.mark.parametrize("how", [{"max_age": "1h"}, {"max_ahead": "1m"}])
def test_a_time_that_the_sender_did_not_sign_is_the_delivery_s_fault_and_not_the_sender_s(
    how: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hence(hours=-20) if "max_age" in how else hence(hours=20)
    out = io.BytesIO()
    write_sample(out, SampleOptions(6000, exported=made))
    data = deliveries.make_set(tmp_path, out.getvalue())
    assert data.stat().st_size > 400_000, "so that it is not all read with its beginning"
    keys = deliveries.keys_of()
    delivery = DeliveryOptions(private_key=keys.private_key, publisher_cert=keys.publisher_cert)
    with pytest.raises(GuardError):
        convert(data, tmp_path / "store", delivery=delivery, **how)
    check = "check_age" if "max_age" in how else "check_ahead"
    original = getattr(AgeLimits, check)

    def change_then(limits: AgeLimits, moment: datetime) -> None:
        with data.open("ab") as file:
            file.write(b"x")
        original(limits, moment)

    monkeypatch.setattr(AgeLimits, check, change_then)
    with pytest.raises(krr_export.InputError, match=f"{re.escape(data.name)}: the file was changed"):
        convert(data, tmp_path / "store", delivery=delivery, **how)


@pytest.mark.parametrize("store_holds", [[1], [1, 2], [1, 2, "damaged"]])
def test_an_old_export_is_kept_back_where_that_is_asked_though_it_is_still_there(
    store_holds: list[Any], tmp_path: Path
) -> None:
    old, new = put(tmp_path / "old.xml", hence(days=-2)), put(tmp_path / "new.xml", hence(days=-1))
    store = tmp_path / "store"
    for source in [new, old][: 1 + (2 in store_holds)]:
        assert convert(source, store).published
    if "damaged" in store_holds:
        (store / snapshots(store)[-1] / "manifest.json").write_text("{}")
    before = snapshots(store)
    with pytest.raises(GuardError, match=rf"before the newest snapshot, {before[-1]}; .*--allow-older"):
        convert(old, store, allow_older=False)
    assert snapshots(store) == before
    assert convert(old, store).published, "whoever loads the past asks nothing"
    if "damaged" not in store_holds:
        assert convert(new, store, allow_older=False).outcome == "unchanged", "the newest is not older than itself"


@pytest.mark.parametrize(
    ("now", "max_ahead", "stamp"),
    [
        (datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC), "24h", "20260201T235959"),
        (datetime(2026, 7, 1, 22, 0, 0, tzinfo=UTC), "1m", "20260702T000100"),
        (datetime(2026, 7, 1, 22, 0, 0, tzinfo=UTC), "9999999d", "99991231T235959"),
    ],
)
def test_a_delivery_may_be_named_for_norwegian_time_so_far_ahead(now: datetime, max_ahead: str, stamp: str) -> None:
    assert AgeLimits.from_options(max_ahead=max_ahead).latest_stamp(now) == stamp


def test_without_a_given_moment_names_are_held_against_the_clock() -> None:
    stamp = AgeLimits.from_options(max_ahead="1d").latest_stamp()
    assert f"{hence(hours=20):%Y%m%dT%H%M%S}" < stamp < f"{hence(hours=30):%Y%m%dT%H%M%S}"


@pytest.mark.parametrize("option", ["--max-age", "--max-ahead"])
@pytest.mark.parametrize("length", ["48", "0h", "-1h", "1.5h", "two days", "1w", "12345678d", "", "٣d", "3d\n4d"])
def test_a_length_of_time_that_is_none_is_wrong_usage_before_anything_is_made(
    option: str, length: str, krr: Krr, tmp_path: Path
) -> None:
    ran = krr("convert", put(tmp_path / "a.xml", hence(hours=-1)), tmp_path / "store", f"{option}={length}")
    assert (ran.code, (tmp_path / "store").exists()) == (2, False), ran.err
    assert f"{option} " in ran.last
    assert "such as 90m, 48h or 3d" in ran.last


def test_a_length_of_time_may_be_one_of_python_s() -> None:
    limits = krr_export.ConvertOptions(max_age=timedelta(days=2), max_ahead="3d").age_limits
    assert limits == AgeLimits(timedelta(hours=48), timedelta(days=3))
    with pytest.raises(UsageError, match="--max-age soon is no length of time"):
        krr_export.ConvertOptions(max_age="soon")


def test_what_tells_the_old_from_the_new_is_the_export_s_own_time(tmp_path: Path) -> None:
    made = hence(days=-3)
    source = put(tmp_path / "Kontaktregister-20991231T0000.xml", made)
    assert convert(source, tmp_path / "store").path.name == export_name(made)
    with pytest.raises(GuardError):
        convert(source, tmp_path / "store", max_age="71h", max_ahead="1m")


@pytest.mark.parametrize("limit", ["71h", "3d", "80h", "10d"])
def test_a_limit_is_told_as_it_was_given(limit: str) -> None:
    with pytest.raises(GuardError, match=f"ago: --max-age {limit};"):
        AgeLimits.from_options(limit).check_age(datetime(2020, 1, 1, tzinfo=UTC))
