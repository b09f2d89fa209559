"""Numbers that all workers add to, in memory that is set aside before the first of them is forked.

A worker writes in a seat of its own and reads all. No file is behind it: where the disk is full,
writing to a mapped file ends the process (SIGBUS). A seat outlives its worker, and the next one
goes on where it stopped, so that no total falls.
"""

import mmap
from collections.abc import Iterator
from typing import TypeAlias

SEATS = 512  # 256 workers, and those that replace them at a reload
SEAT_SIZE = 128 * 1024  # bytes; it takes memory as it is written to
WORD = 8  # bytes, of a number

Numbers: TypeAlias = "memoryview[float]"

_memory = memoryview(mmap.mmap(-1, SEATS * SEAT_SIZE))


class Seat:
    """A worker's part of the memory: series, each a head, a key and its numbers.

    One process writes. Words are written whole, and a head after its key, so that others can read
    at any moment. Where there is no seat or no room any more, it counts for nobody to read.
    """

    def __init__(self, number: int) -> None:
        part = _memory[number * SEAT_SIZE : (number + 1) * SEAT_SIZE]
        self._bytes = part or memoryview(bytearray(SEAT_SIZE))
        self._heads, self._words = self._bytes.cast("Q"), self._bytes.cast("d")
        self._end = 0
        self._series = dict(self._read())

    def __iter__(self) -> Iterator[tuple[str, Numbers]]:
        """Yield each key with its numbers."""
        yield from self._series.items()

    def numbers(self, key: str, count: int) -> Numbers:
        """Return the numbers of a key: so many zeros, where it is new."""
        if key not in self._series:
            self._series[key] = self._begin(key.encode(), count)
        return self._series[key]

    def _read(self) -> Iterator[tuple[str, Numbers]]:
        while self._end < len(self._heads) and (head := self._heads[self._end]):
            length, count = divmod(head, 2**32)
            start = self._end + 1 + length
            key = bytes(self._bytes[(self._end + 1) * WORD : start * WORD])
            self._end = start + count
            yield key.decode().rstrip(), self._words[start : self._end]

    def _begin(self, key: bytes, count: int) -> Numbers:
        length = -(-len(key) // WORD)
        start = self._end + 1 + length
        if start + count > len(self._words):
            return memoryview(bytearray(count * WORD)).cast("d")
        self._bytes[(self._end + 1) * WORD : start * WORD] = key.ljust(length * WORD)
        self._heads[self._end] = length * 2**32 + count
        self._end = start + count
        return self._words[start : self._end]
