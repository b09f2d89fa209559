"""Run on real threads what would hold up the event loop; without gevent, run it in place."""

from collections.abc import Callable, Generator
from itertools import islice
from typing import Any, ParamSpec, TypeVar, cast

from gevent.monkey import is_module_patched
from gevent.threadpool import ThreadPool

T = TypeVar("T")
P = ParamSpec("P")


class Threads:
    """A few threads, for long reads or commits. What runs there must not touch the request."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPool(number) if is_module_patched("threading") else None

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pool is None:
            return work(*args, **kwargs)
        result, error = self._pool.apply(_outcome, (work, args, kwargs))
        if error is not None:
            raise error
        return cast(T, result)

    def iterate(self, parts: Generator[T, None, None]) -> Generator[T, None, None]:
        """Yield the same parts, each made on a thread while other requests go on."""
        try:
            while some := self.run(lambda: [*islice(parts, 1)]):
                yield from some
        finally:
            parts.close()


def _outcome(
    work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[T | None, Exception | None]:
    """Return a result or an exception as a value.

    gevent would print an exception that leaves its thread, and where that fails (the disk under the
    log is full), who waits would wait for ever.
    """
    try:
        return work(*args, **kwargs), None
    except Exception as error:
        return None, error
