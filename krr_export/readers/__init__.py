"""Readers turn a block of whole records into lexical columns and rejects."""

READERS = ("auto", "iterparse")
"""``auto`` is the pattern reader with ``iterparse``, the reference, for what it does not take; both give the same."""
