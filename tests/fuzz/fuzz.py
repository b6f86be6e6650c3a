"""Changes bytes of exports at random, and compares what the readers make of them.

``python tests/fuzz/fuzz.py --seconds 120 --seed 1``: a difference is shrunk to a small document, which is kept in
``fuzz_cases/``, where the tests find it; the exit code is then 1. The same seed tries the same documents.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from agreement import WHOLE, delivered, disagreements, pick_out, pieces_of
from conversions import cut_into
from exports.odd_exports import BYTES, CHARACTERS, CONSTRUCTS, MALFORMED, Author

from krr_export.schema.registry import load_schema
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.schema.record_schema import RecordSchema

CASES = Path(__file__).parent / "cases"

_TOKENS = [*(token.encode() for token in (*CHARACTERS, *CONSTRUCTS, *MALFORMED)), *BYTES]
_MARKUP = [b"<Person>", b"</Person>", b"<ns2:Person>", b"</ns2:Person>", b"<Person/>", b"</et:Kontaktregister>", b" "]
_SHRINKING_SECONDS = 60


@dataclass(frozen=True)
class Trial:
    """One document and how it is read."""

    document: bytes
    size: int
    """Of a block."""
    share: float
    """How many odd records are picked out."""
    by_guess: bool
    """Whether blocks are cut by guess, as in a conversion."""

    def differences(self, schema: RecordSchema) -> list[str]:
        """In what the readers differ; a fault of the program is one as well."""
        try:
            with pytest.MonkeyPatch.context() as patch:
                pick_out(patch, self.share)
                if not self.by_guess:
                    return disagreements(pieces_of(self.document, self.size), schema, self.size)
                cut_into(patch, self.size)
                return delivered(self.document, schema, "auto").differs_from(
                    delivered(self.document, schema, "iterparse")
                )
        except Exception as error:
            return [f"{type(error).__name__} raised"]


def trials(random: Random, schema: RecordSchema) -> Iterator[Trial]:
    """Endless trials."""
    documents = [_sample(schema, seed) for seed in range(6)]
    while True:
        base = random.choice(documents) if random.random() < 0.8 else Author(random, schema).export()
        for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
            base = _changed(random, base, documents)
        size = random.choice((WHOLE, 4000, 1000, 200, 40))
        yield Trial(base, size, random.choice((0.25, 1.0)), by_guess=size < WHOLE and random.random() < 0.5)


def first_difference(trials: Iterator[Trial], schema: RecordSchema) -> Trial | None:
    """The first of some trials in which the readers differ."""
    return next((trial for trial in trials if trial.differences(schema)), None)


def shrunk(document: bytes, still: Callable[[bytes], bool], seconds: float = _SHRINKING_SECONDS) -> bytes:
    """A smaller document of which ``still`` holds: pieces are left out, larger ones first, until none can be."""
    ends = time.monotonic() + seconds
    length = len(document) // 2
    while length and time.monotonic() < ends:
        at, before = 0, len(document)
        while at < len(document) and time.monotonic() < ends:
            without = document[:at] + document[at + length :]
            if still(without):
                document = without
            else:
                at += length
        # Single bytes are tried again for as long as that helps: pairs of tags go one after the other.
        if len(document) == before or length > 1:
            length //= 2
    return document


def _sample(schema: RecordSchema, seed: int) -> bytes:
    out = BytesIO()
    options = SampleOptions(
        12,
        seed=seed,
        schema=schema,
        fault_share=0.1 * (seed % 3),
        prefix="ns2" if seed % 2 else "default",
        naive_times=seed == 4,
        indent=seed != 3,
        certificates=1,
    )
    write_sample(out, options)
    return out.getvalue()


def _changed(random: Random, document: bytes, others: list[bytes]) -> bytes:
    """The document with one change."""
    at = random.randint(0, len(document))
    length = random.choice((1, 1, 1, 2, 5, 30, 200, 1000))
    other = random.choice(others)
    there = random.randint(0, len(other))
    inserted, left_out = random.choice(
        (
            (bytes([random.randrange(256)]), 1),  # a byte is another
            (b"", length),  # something is missing
            (document[at : at + length], 0),  # something is there twice
            (random.choice(_TOKENS), random.randint(0, 1)),
            (random.choice(_MARKUP), random.randint(0, 1)),
            (other[there : there + length], length),  # a piece of another document
        )
    )
    return document[:at] + inserted + document[at + left_out :]


def _watched(trials: Iterator[Trial], seconds: float) -> Iterator[Trial]:
    """Trials until the time is up, with a line now and then."""
    begun = told = time.monotonic()
    for count, trial in enumerate(trials):
        now = time.monotonic()
        if now - told > 10:
            _say(f"{count} documents in {now - begun:.0f} s")
            told = now
        if now - begun > seconds:
            _say(f"{count} documents, no difference")
            return
        yield trial


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a program of its own


def main() -> int:
    """Fuzz for a while; the exit code says whether the readers agreed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    schema = load_schema()
    found = first_difference(_watched(trials(Random(options.seed), schema), options.seconds), schema)  # noqa: S311 - reproducible
    if found is None:
        return 0
    _say(f"a difference in {', '.join(found.differences(schema))}; shrinking …")
    smallest = shrunk(
        found.document,
        lambda smaller: bool(Trial(smaller, found.size, found.share, found.by_guess).differences(schema)),
    )
    CASES.mkdir(exist_ok=True)
    path = CASES / f"{hashlib.sha256(smallest).hexdigest()[:12]}.xml"
    path.write_bytes(smallest)
    how = "by guess" if found.by_guess else "exactly"
    _say(f"{path}: {len(smallest)} bytes, in blocks of {found.size} cut {how}, {found.share:.0%} picked out")
    return 1


if __name__ == "__main__":
    sys.exit(main())
