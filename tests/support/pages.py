"""Reports to make pages of: one of a usual night, the worst that fit the published schema, and a real browser."""

from __future__ import annotations

import copy
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from krr_export.domain.identity_numbers import KINDS
from krr_export.reporting.history_line import FindingCount, HistoryLine, Trend
from krr_export.reporting.page.rendering import render
from krr_export.reporting.reach import Reach
from krr_export.reporting.report import Report
from krr_export.rules.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.reporting.page.languages.language import Lang

Json = dict[str, Any]

SEEN = 388_154
WRITTEN = 388_139


def finding(code: str, records: int, *, count: int | None = None, examples: int = 20, **fields: int) -> Json:
    """What a report says of a code."""
    total = count or records
    where = fields or {"Kontaktinformasjon/Mobiltelefonnummer/@sistOppdatert": total}
    known = CATALOGUE[code]
    return {
        "code": code,
        "severity": known.severity,
        "text": known.text,
        "fix": known.fix,
        "count": total,
        "records": records,
        "fields": where,
        "examples": [
            {
                "record": 1207 + 311 * number,
                "line": 38_624 + 9952 * number,
                "byte_offset": 1_581_170 + 407_410 * number,
                "field": next(iter(where)) or None,
                "detail": "19 characters, mixed",
                "masked": {"kind": "mixed", "length": 19, "limit": None, "name": None},
            }
            for number in range(min(total, examples, 20))
        ],
    }


def ages(most: float, slope: float, records: int, *, months: int = 96) -> dict[str, int]:
    """Records by months of age, fewer the older, that add up."""
    weights = [math.exp(-slope * month) * (1.25 if month % 12 < 3 else 0.93) + most for month in range(months)]
    counts = [int(records * weight / sum(weights)) for weight in weights]
    counts[0] += records - sum(counts)
    return {str(month): count for month, count in enumerate(counts) if count}


def contact_age(column: str, records: int, slope: float) -> Json:
    newest = ages(0.012, slope, records - 1204)
    newest["120+"], newest["future"] = 702, 2
    newest["0"] -= 704
    verified = ages(0.01, slope * 1.6, records // 2, months=40)
    old = sum(n for month, n in newest.items() if month == "120+" or (month.isdecimal() and int(month) >= 18)) + 1204
    return {
        "column": column,
        "records": records,
        "undated": 1204,
        "older_than_18_months": old,
        "updated": ages(0.02, slope * 0.6, records - 1204),
        "verified": verified,
        "newest": newest,
    }


def profile() -> Json:
    """What is in the export of a usual night."""
    columns = {
        "personidentifikator": (0, (11, 11, 11.0)), "reservasjon": (1203, None), "status": (87, None),
        "beskrivelse": (386_900, (4, 63, 21.4)), "mobiltelefonnummer": (54_120, (8, 14, 10.9)),
        "mobiltelefonnummer_sist_oppdatert": (54_402, None), "mobiltelefonnummer_sist_verifisert": (181_100, None),
        "epostadresse": (22_907, (6, 50, 23.8)), "epostadresse_sist_oppdatert": (23_101, None),
        "epostadresse_sist_verifisert": (160_433, None), "postkasseadresse": (213_400, (10, 42, 20.2)),
        "postkasseleverandoer_adresse": (213_400, (9, 9, 9.0)), "x509_sertifikat": (213_411, (712, 1304, 1170.3)),
    }  # fmt: skip
    kinds = dict.fromkeys(KINDS, 0) | {"fodselsnummer": 379_021, "d-nummer": 9101, "ukjent": 17}
    return {
        "records": WRITTEN,
        "columns": [
            {
                "name": name, "nulls": nulls, "empty": 0,
                "length": length and dict(zip(("min", "max", "mean"), length, strict=True)),
            }
            for name, (nulls, length) in columns.items()
        ],
        "values": {
            "reservasjon": {"JA": 11_604, "NEI": 375_332},
            "status": {"AKTIV": 376_495, "SLETTET": 10_346, "IKKE_REGISTRERT": 1211},
        },
        "identifier_kinds": kinds,
        "channels": {
            "mobile": 334_019, "email": 365_232, "both": 324_400, "neither": 13_288, "mailbox": 174_739,
            "certificate": 174_728,
        },
        "contact_age": [
            contact_age("mobiltelefonnummer", 334_019, 0.055),
            contact_age("epostadresse", 365_232, 0.042),
        ],
        "providers": [
            {"organisation_number": "984661185", "name": "Digipost", "records": 103_412},
            {"organisation_number": "996460320", "name": "e-Boks", "records": 71_301},
        ],
        "providers_pooled": {"distinct": 4, "records": 26, "exact": True},
        "email_domains": [
            {"domain": domain, "records": records}
            for domain, records in (
                ("gmail.com", 152_112), ("hotmail.com", 61_734), ("online.no", 29_040), ("outlook.com", 22_312),
                ("icloud.com", 18_207), ("live.no", 15_090), ("yahoo.no", 9871), ("hotmail.no", 7455),
                ("kommune.example.no", 3120), ("universitetet-i-nordmarka.example.no", 1801), ("msn.com", 1204),
                ("lyse.net", 977), ("getmail.no", 640), ("broadpark.no", 402),
            )
        ],
        "email_domains_pooled": {"distinct": 8123, "records": 41_267, "exact": True},
        "certificates": [
            {
                "sha256": f"{number:x}" * 64, "subject": subject, "organisation_number": organisation,
                "expires": expires, "records": records,
            }
            for number, (subject, organisation, expires, records) in enumerate((
                ("POSTEN NORGE AS", "984661185", "2028-01-01T00:00:00Z", 103_401),
                ("E-BOKS AS", "996460320", "2026-04-12T09:00:00Z", 68_200),
                ("E-BOKS AS", None, "2027-11-30T23:59:59Z", 3101),
            ), start=10)
        ],
        "certificates_pooled": {"distinct": 3, "records": 26, "exact": True},
        "notifiable": 301_877,
    }  # fmt: skip


def report(**changes: Any) -> Json:  # noqa: ANN401 - whatever JSON holds
    """The report of a usual night: some rejects, some warnings."""
    document = {
        "report_version": 1,
        "tool": {"name": "krr-export", "version": "0.1.0"},
        "outcome": "published",
        "created": "2026-02-27T03:12:44Z",
        "source": {
            "name": "kontaktregister-eksport-2026-02-26.xml.gz", "size": 61_402_113, "sha256": "5c" * 32,
            "compression": "gzip", "encoding": "UTF-8", "offsets_count_in_utf8": False,
            "delivery": {
                "orgnr": "991825827", "signature": "exact", "publisher_sha256": "ab" * 32,
                "publisher_valid_from": "2024-01-01T00:00:00Z", "publisher_valid_until": "2028-01-01T00:00:00Z",
                "passed_over": [],
            },
        },
        "header": {
            "eksport_tidspunkt": "2026-02-26T12:22:25.000+01:00",
            "eksport_tidspunkt_utc": "2026-02-26T11:22:25.000000Z",
            "seneste_endringsnummer": 41_234_567,
        },
        "schema": {"name": "14-05", "sha256": "b2" * 32},
        "limits": {"max_rejects": "0.1%", "allow_empty": False, "limit": None, "strict": []},
        "counts": {"seen": SEEN, "written": WRITTEN, "rejected": SEEN - WRITTEN},
        "warned": 1312,
        "rejected_or_warned": 1312 + SEEN - WRITTEN,
        "read_by": {"scanner": SEEN - 400, "iterparse": 400},
        "findings": [
            finding("old-element-name", 1, **{"Kontaktinformasjon/Mobiltelefonnummer": 1}),
            finding("element-unexpected", 9, count=12, **{"": 8, "Kontaktinformasjon": 4}),
            finding("value-not-in-list", 5, status=3, reservasjon=2),
            finding("time-without-offset", 182_331, count=364_662),
            finding("time-ambiguous", 41),
            finding("time-skipped", 7),
            finding("time-midnight-24", 611),
        ],
        "performance": {
            "seconds": 9.214, "bytes_read": 61_402_113, "peak_memory_bytes": 281_018_368, "workers": 2,
            "records_per_second": 42_126.5, "megabytes_per_second": 6.7,
        },
        "profile": profile(),
        "guard": {"compared_with": "eksport=20260225T112225Z", "differences": [], "skipped": None},
        "changes": {
            "compared_with": "eksport=20260225T112225Z", "manifest_sha256": "cd" * 32,
            "new": 512, "changed": 6_204, "deleted": 488, "gone": 3, "unchanged": 380_986,
            "columns": {
                "reservasjon": {"added": 0, "changed": 77, "removed": 0, "now": {"JA": 71, "NEI": 6}},
                "mobiltelefonnummer": {"added": 203, "changed": 1_512, "removed": 411, "now": {}},
                "epostadresse_sist_verifisert": {"added": 0, "changed": 5_117, "removed": 0, "now": {}},
            },
            "ignored": [],
        },
        "applied": None,
    }  # fmt: skip
    return copy.deepcopy(document | changes)


def typed(document: Json) -> Report:
    """The same as `report.json` is read."""
    return msgspec.convert(document, Report)


def page(document: Json, history: Sequence[HistoryLine] = (), *, lang: Lang = "en") -> str:
    """The page of such a report."""
    return render(typed(document), history, lang=lang)


def history(nights: int = 12) -> tuple[HistoryLine, ...]:
    """The lines of so many nights before that of `report`."""
    lines: list[HistoryLine] = []
    for night in range(nights):
        day = 26 - nights + night
        records = 386_200 + 151 * night + (37 * night * night) % 97
        rejects = (17 * night) % 11 + (90 if night == nights - 5 else 0)
        name = f"202602{day:02}T112225Z" if day > 0 else f"202601{31 + day:02}T112225Z"
        exported = f"{name[:4]}-{name[4:6]}-{name[6:8]}T11:22:25.000000Z"
        before = lines[-1] if lines else None
        percent = 100 * rejects / (records + rejects)
        trend = None
        if before is not None and before.records is not None and before.reject_percent is not None:
            change = records - before.records
            trend = Trend(change, 100 * change / before.records, percent - before.reject_percent)
        found = (
            FindingCount("value-not-in-list", "reject", rejects),
            FindingCount("time-ambiguous", "warning", 30 + night),
        )
        lines.append(
            HistoryLine(
                f"eksport={name}", exported, 41_200_000 + 2851 * night, records, rejects, found, 52_000_000 + night,
                8.5 + night / 10, trend, reach=reach(night, records),
            )
        )  # fmt: skip
    return tuple(lines)


def reach(night: int, records: int) -> Reach:
    """The numbers of one of these nights."""
    return Reach(
        records=records, notifiable=299_800 + 170 * night, reserved=11_250 + 29 * night - (13 * night * night) % 71,
        mobile=332_200 + 148 * night, email=364_000 + 97 * night, mailbox=174_000 + 61 * night,
        mobile_too_old=130_300 - 55 * night, email_too_old=171_500 + 12 * (night % 4),
    )  # fmt: skip


def moment(text: str) -> datetime:
    """A time in ISO 8601."""
    return datetime.fromisoformat(text)
