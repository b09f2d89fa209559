"""Work that would hold up the event loop runs on real threads; without gevent, where it is."""

from collections.abc import Callable, Generator
from itertools import islice
from typing import ParamSpec, TypeVar

from gevent.monkey import is_module_patched
from gevent.threadpool import ThreadPool

T = TypeVar("T")
P = ParamSpec("P")


class Threads:
    """A few threads for long reads. What runs there must not touch the request."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPool(number) if is_module_patched("threading") else None

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pool is None:
            return work(*args, **kwargs)
        result: T = self._pool.apply(work, args, kwargs)
        return result

    def iterate(self, parts: Generator[T, None, None]) -> Generator[T, None, None]:
        """The same parts, each made on a thread while other requests go on here."""
        try:
            while some := self.run(lambda: [*islice(parts, 1)]):
                yield from some
        finally:
            parts.close()
