"""Seats of the memory that workers share: who reads what, and what happens where one is full."""

import pytest

from proxy.tallies import Seat

KEY = '["tryon_wishes_total", "grün"]'


def test_the_next_in_a_seat_goes_on_where_the_last_one_stopped() -> None:
    first = Seat(500)
    first.numbers(KEY, 2)[1] += 1.5
    first.numbers("another", 1)[0] += 1
    second = Seat(500)
    second.numbers(KEY, 2)[1] += 1
    second.numbers("a third", 1)[0] += 3
    read = {key: [*numbers] for key, numbers in Seat(500)}
    assert read == {KEY: [0.0, 2.5], "another": [1.0], "a third": [3.0]}
    assert [*Seat(499)] == [*Seat(501)] == []


@pytest.mark.parametrize("number", [510, 511, 512, 100_000])
def test_where_there_is_no_room_it_counts_for_nobody(number: int) -> None:
    seat = Seat(number)
    for series in range(5_000):
        seat.numbers(f"series {series}", 13)[12] += 1
    assert all([*numbers] == [0.0] * 12 + [1.0] for _, numbers in seat)
    found = {key: [*numbers] for key, numbers in Seat(number)}
    if number > 511:
        assert not found
    else:
        assert 900 < len(found) < 1_200
        assert {*map(tuple, found.values())} == {(0.0,) * 12 + (1.0,)}
    assert [*Seat(509)] == []


def test_a_seat_may_be_full_to_the_last_word() -> None:
    seat = Seat(508)
    seat.numbers("x", 16_382)[16_381] += 1
    seat.numbers("y", 1)[0] += 1
    assert [(key, numbers[16_381]) for key, numbers in Seat(508)] == [("x", 1.0)]


def test_a_series_can_be_read_as_soon_as_it_is_seen() -> None:
    seat, read = Seat(507), []

    class Heads:
        def __setitem__(self, at: int, head: int) -> None:
            heads[at] = head
            read.extend((key, [*numbers]) for key, numbers in Seat(507))

    heads, seat._heads = seat._heads, Heads()
    seat.numbers(KEY, 2)
    assert read == [(KEY, [0.0, 0.0])]
