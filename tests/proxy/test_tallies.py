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
