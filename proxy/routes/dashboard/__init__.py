"""`/dashboard/…`: the merchant's pages behind a login, and their numbers as data."""

from collections.abc import Callable
from typing import TypeVar

from flask import request

from proxy.numbers.questions import BadQuestion, Question, read_question, today
from proxy.services import services
from proxy.web.problems import Problem
from storage.numbers import Numbers

T = TypeVar("T")


def question(*also: str) -> Question:
    """Read the question from the query; `also` are parameters that the page reads itself.

    :raises Problem: `bad_request`, with `parameter`.
    """
    day = today(services().settings.timezone)
    try:
        return read_question(request.args.to_dict(flat=False), day, also)
    except BadQuestion as error:
        raise Problem("bad_request", str(error), parameter=error.parameter) from None


def read(look: Callable[[Numbers], T]) -> T:
    """Read from one snapshot of the numbers, off the event loop."""
    store = services().store

    def in_snapshot() -> T:
        with store.numbers() as numbers:
            return look(numbers)

    return services().threads.run(in_snapshot)
