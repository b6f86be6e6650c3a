"""Tags as libraries of XML write them: ``{namespace}local``."""

from __future__ import annotations


def local_name(tag: str) -> str:
    """``{namespace}local`` → ``local``."""
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    """``{namespace}local`` → ``namespace``; empty if there is none."""
    return tag.rpartition("}")[0][1:]
