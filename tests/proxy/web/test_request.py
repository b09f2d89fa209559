"""A request's headers, put in order before anybody reads them."""

from typing import Any

import pytest

from proxy.web.request import Address


def in_order(**environ: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], _: object) -> list[bytes]:
        seen.update(environ)
        return []

    Address(app, "https://tryon.shop.example")(environ, None)  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize(
    "name", ["HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"]
)
def test_a_list_is_read_to_its_thousandth_character(name: str) -> None:
    assert in_order(**{name: "a," * 5_000})[name] == "a," * 500
    assert in_order(**{name: 'a;q=0.5,  "b"'})[name] == 'a;q=0.5,  "b"'


def test_a_run_of_spaces_in_a_cookie_is_one() -> None:
    assert in_order(HTTP_COOKIE='a=b; c= \t  "; d=e')["HTTP_COOKIE"] == 'a=b; c= "; d=e'
