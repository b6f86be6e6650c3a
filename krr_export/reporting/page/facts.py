"""The facts about the run, at the end of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.reporting.guard import Guard
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report


@dataclass(frozen=True)
class Fact:
    """A fact about the run."""

    label: str
    text: str
    code: bool = False


def facts(words: Language, report: Report, limits: ContentLimits) -> tuple[Fact, ...]:
    """Return the facts about source, header, schema, options, guard and performance."""
    return tuple(_facts(words, report, limits))


def _facts(words: Language, report: Report, limits: ContentLimits) -> Iterator[Fact]:
    source, header, run_limits, performance = report.source, report.header, report.limits, report.performance
    yield Fact(words.say("fact.source"), clean(source.name, limits.characters))
    size = words.say("fact.unknown") if source.size is None else words.size(source.size)
    compression = ", gzip" if source.compression == "gzip" else ""
    yield Fact(words.say("fact.size"), f"{size}{compression}, {clean(source.encoding, 40)}")
    yield Fact("SHA-256", clean(source.sha256 or words.say("fact.unknown"), 64), code=True)
    if (delivery := source.delivery) is not None:
        signature = words.lookup(f"signature.{delivery.signature}") or clean(delivery.signature, 40)
        orgnr = clean(delivery.orgnr, 40)
        yield Fact(words.say("fact.delivery"), words.say("fact.delivered", orgnr=orgnr, signature=signature))
    yield Fact(words.say("fact.exported"), words.moment(header.eksport_tidspunkt_utc))
    yield Fact(words.say("fact.number"), words.number(header.seneste_endringsnummer))
    yield Fact(words.say("fact.schema"), clean(report.schema.name, limits.characters))
    options = [f"--max-rejects {clean(run_limits.max_rejects, 20)}"]
    options += ["--allow-empty"] if run_limits.allow_empty else []
    strict = ",".join(run_limits.strict)
    options += [f"--strict {clean(strict, limits.characters)}"] if strict else []
    options += [f"--limit {run_limits.limit}"] if run_limits.limit is not None else []
    yield Fact(words.say("fact.limits"), " ".join(options), code=True)
    if guard := report.guard:
        yield Fact(words.say("fact.guard"), _guard_text(words, guard, limits))
    rate = words.say("fact.rate", rate=words.number(round(performance.records_per_second)))
    memory = words.size(performance.peak_memory_bytes)
    yield Fact(
        words.say("fact.took"),
        words.say("fact.cost", time=words.seconds(performance.seconds), rate=rate, memory=memory),
    )


def _guard_text(words: Language, guard: Guard, limits: ContentLimits) -> str:
    if guard.compared_with is None:
        return words.say("fact.alone")
    name = clean(guard.compared_with, limits.characters)
    return words.say("fact.guarded", name=name, n=len(guard.differences))
