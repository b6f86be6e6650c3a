"""Documents that several threads read at the same time."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import command

# Annotations as text, which is how the store's own classes have them, are what msgspec asks Python about.
_SCRIPT = """
    from __future__ import annotations
    import sys, threading
    from concurrent.futures import ThreadPoolExecutor
    from krr_export.util.stored_json import Document, Stored, decode_document

    THREADS = 4
    sys.setswitchinterval(1e-6)
    body = b'{"version": 1, "many": [{"a": 1, "b": {"c": 2}}]}'

    def make():
        class Inner(Stored, frozen=True):
            a: int
            b: dict[str, int]
        class Outer(Document, frozen=True, kw_only=True, tag_field="version", tag=1):
            many: tuple[Inner, ...]
        globals().update(Inner=Inner)
        return Outer

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(300):
            kind, together = make(), threading.Barrier(THREADS)
            def decode(_):
                together.wait()
                return decode_document(kind, body, "body")
            assert len({str(found) for found in pool.map(decode, range(THREADS))}) == 1
    print("done")
"""


def test_threads_may_be_the_first_to_read_documents_of_a_kind_together() -> None:
    """Else the process ends by a segmentation fault, as `prune` of an object store did now and then."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(_SCRIPT)], env=command.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
