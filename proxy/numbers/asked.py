"""The question that a request's address asks."""

from zoneinfo import ZoneInfo

from flask import request

from proxy.errors import Problem
from proxy.numbers.questions import BadQuestion, Question, read_question, today


def question(zone: ZoneInfo, *also: str) -> Question:
    """:raises Problem: `bad_request`, with `parameter`; `also` are read by the page itself."""
    try:
        return read_question(request.args.to_dict(flat=False), today(zone), also)
    except BadQuestion as error:
        raise Problem("bad_request", str(error), parameter=error.parameter) from None
