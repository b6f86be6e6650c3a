"""Which contenders meet on which exports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.contenders import DELIVERED, REFERENCE
from benchmarks.inputs import Input, octets_of, size_name

LARGE = octets_of("4GB")
"""From here on only what is fast, or whose memory is in question."""
_SMALL = octets_of("50MB")
"""For those that would take minutes on more, or hold it all in memory."""

_PLAIN = (
    REFERENCE,
    "no-rules-2",
    "xsd-only-2",
    "krr-export-1",
    "iterparse-2",
    "iterparse-1",
    "validate-2",
    "handwritten",
    "xml2arrow",
    "xmllint",
)
_GZIP = (REFERENCE, "krr-export-1", "handwritten", "xml2arrow")
_LARGE_PLAIN = (REFERENCE, "validate-2", "xml2arrow", "xmllint")

_CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "certificates": ("a certificate of one's own for every mailbox", {"certificates": 0}, (REFERENCE, "xml2arrow")),
    # Of the faults that a sample is given, two in five are no reason to refuse a record.
    "rejects": ("1 % rejects, spread evenly", {"fault_share": 0.0169}, (REFERENCE,)),
    "comments": ("a comment in every record", {"comments": True}, (REFERENCE, "handwritten", "xml2arrow")),
    "ns2": ("prefix ns2 on every element", {"prefix": "ns2"}, (REFERENCE, "xml2arrow")),
    "compact": ("no white space between elements", {"indent": False}, (REFERENCE, "xml2arrow")),
}


@dataclass
class Plan:
    """What is to be run.

    Attributes:
        inputs: by name.
        contenders: by the input's name, in the order in which they run.
        roles: the name of the input that plays a part in the targets, by the part.
    """

    inputs: dict[str, Input] = field(default_factory=dict)
    contenders: dict[str, list[str]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def add(self, wanted: Input, *contenders: str, role: str = "") -> None:
        """Have contenders meet on an input, beside those that already do."""
        self.inputs.setdefault(wanted.name, wanted)
        there = self.contenders.setdefault(wanted.name, [])
        there += [name for name in contenders if name not in there]
        if role:
            self.roles[role] = wanted.name

    @property
    def runs(self) -> int:
        """In one round."""
        return sum(map(len, self.contenders.values()))

    def keep_only(self, names: set[str]) -> None:
        """Leave all other contenders out, and inputs that nobody reads then."""
        self.contenders = {
            wanted: kept
            for wanted, there in self.contenders.items()
            if (kept := [name for name in there if name in names])
        }
        self.inputs = {name: self.inputs[name] for name in self.contenders}


def make_plan(sizes: list[int], *, spark: bool = False) -> Plan:
    """Plan the whole benchmark.

    Args:
        sizes: bytes of XML. Worst cases are tried on the smallest, speed is judged on the largest below ``LARGE``.
        spark: with Spark, which takes its time.
    """
    plan = Plan()
    base, *_ = sizes = sorted(sizes)
    main = max((size for size in sizes if size < LARGE), default=base)
    for size in sizes:
        plain = _LARGE_PLAIN if size >= LARGE else _PLAIN
        plan.add(_plain(size), *plain)
        plan.add(Input(f"{size_name(size)}.gz", "gzip", size), *(_GZIP if size < LARGE else (REFERENCE,)))
    plan.add(_plain(base), *(["spark"] if spark else []), role="base")
    plan.add(_plain(main), role="main")
    plan.roles["main, gzip"] = f"{size_name(main)}.gz"
    # Beside each other, in the same minute: the two differ by little.
    delivered = Input(f"{size_name(main)}.delivery", "encrypted delivery of the gzip", main)
    plan.add(delivered, DELIVERED, role="main, delivered")
    if sizes[-1] >= LARGE:
        plan.add(_plain(sizes[-1]), role="large")
    for name, (what, style, contenders) in _CASES.items():
        plan.add(Input(f"{size_name(base)}-{name}", what, base, style=style), *contenders, role=name)
    _add_small_and_memory(plan, base)
    return plan


def _add_small_and_memory(plan: Plan, base: int) -> None:
    plan.add(_plain(min(base, _SMALL)), REFERENCE, "handwritten", "pandas", "xmlschema")
    # Memory must not grow from 300 MB to 2.4 GB, where the smallest size is 500 MB.
    plan.add(_plain(base * 3 // 5), REFERENCE, role="memory, small")
    plan.add(_plain(base * 24 // 5), REFERENCE, role="memory, large")
    plan.add(Input("5-persons", "what a start costs", records=5), REFERENCE, "version", "help", role="start")


def _plain(octets: int) -> Input:
    return Input(size_name(octets), "plain", octets)
