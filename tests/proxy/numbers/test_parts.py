"""What the dashboard's pages say alike, in words."""

import pytest

from proxy.numbers.comparison import Change


@pytest.mark.parametrize(
    ("by", "points", "said"),
    [
        (0.0, False, "no change"),
        (-0.004, False, "no change"),
        (0.004, False, "no change"),
        (-0.012, False, "-1%"),
        (0.5, False, "+50%"),
        (10.0, False, "+1000%"),
        (None, False, "no like period to compare with"),
        (0.04, True, "+4.0 pp"),
        (-0.1, True, "-10.0 pp"),
        (-0.0004, True, "no change"),
        (None, True, "no like period to compare with"),
    ],
)
def test_a_change_is_said_with_its_sign_and_none_as_none(
    by: float | None, points: bool, said: str
) -> None:
    assert str(Change(by, noise=False, points=points)) == said
