"""Object stores in memory that fail, lose answers, or let others in between, at a request of the test's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError
from obstore.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.input.objects.store import Native

URI = "s3://bucket/krr"
QUOTED = "<Body>the server's own words 01810375589</Body>"
"""What stands in errors of the library, and in no message."""


class Disturbed:
    """A store whose requests are counted; something happens at one of them.

    Args:
        inner: the store.
        at: the number of the request, from 1; 0 for none.
        before: what happens before it takes effect.
        after: what happens after it took effect; it may raise.
    """

    def __init__(
        self,
        inner: Native,
        at: int = 0,
        before: Callable[[], object] = lambda: None,
        after: Callable[[str, dict[str, Any]], object] = lambda _kind, _options: None,
    ) -> None:
        self.inner, self.at, self.before, self.after = inner, at, before, after
        self.requests = 0
        self.written: list[tuple[str, bytes]] = []
        """Small objects, in the order in which they were written."""

    def get(self, path: str, /, **options: Any) -> Any:  # noqa: ANN401 - obstore's
        return self._request("get", {}, lambda: self.inner.get(path, **options))

    def head(self, path: str, /) -> Any:  # noqa: ANN401 - obstore's
        return self._request("head", {}, lambda: self.inner.head(path))

    def put(self, path: str, file: Any, /, **options: Any) -> Any:  # noqa: ANN401 - obstore's
        def write() -> object:
            done = self.inner.put(path, file, **options)
            if isinstance(file, bytes):
                self.written.append((path, file))
            return done

        return self._request("put", options, write)

    def delete(self, paths: Any, /) -> Any:  # noqa: ANN401 - obstore's
        return self._request("delete", {}, lambda: self.inner.delete(paths))

    def list(self, prefix: str, /) -> Any:  # noqa: ANN401 - obstore's
        return self._request("list", {}, lambda: self.inner.list(prefix))

    def list_with_delimiter(self, prefix: str | None, /) -> Any:  # noqa: ANN401 - obstore's
        return self._request("list", {}, lambda: self.inner.list_with_delimiter(prefix))

    def _request(self, kind: str, options: dict[str, Any], does: Callable[[], object]) -> object:
        self.requests += 1
        is_it = self.requests == self.at
        if is_it:
            self.before()
        try:
            return does()
        finally:
            if is_it:
                self.after(kind, options)


def fail(*_: object) -> None:
    """The connection breaks."""
    raise GenericError(QUOTED)


def answer_lost(kind: str, options: dict[str, Any]) -> None:
    """The answer to a condition is lost, and the library's second try finds what the first one wrote."""
    if kind == "put" and options.get("mode") == "create":
        raise AlreadyExistsError(QUOTED)
    if kind == "put" and "mode" in options:
        raise PreconditionError(QUOTED)


class Heedless(Disturbed):
    """A store that passes over conditions, as some old ones do."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())

    def put(self, path: str, file: Any, /, **options: Any) -> Any:  # noqa: ANN401 - obstore's
        options.pop("mode", None)
        return super().put(path, file, **options)


def contents(native: Native) -> dict[str, bytes]:
    """All objects, by key."""
    keys = [entry["path"] for batch in native.list("") for entry in batch]
    return {key: bytes(native.get(key).bytes()) for key in sorted(keys)}
