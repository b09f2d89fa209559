"""One attempt told in words."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers.story import Story, said_later, story
from storage.events import Event, event, to_json
from storage.funnel import fold_all
from tests.storage.histories import MINUTE, attempt_id, callback, click, created, launch, moment

ZONE = ZoneInfo("Asia/Kolkata")
AT = moment("2026-11-24T14:02:07", ZONE.key)
A = attempt_id(AT)


def told(*events: Event, receipts: tuple[tuple[int, str], ...] = ()) -> Story:
    rows: list[dict[str, Any]] = [
        each._asdict() | {"props": to_json(each.props)} for each in events
    ]
    kept = [{"received_ms": at_ms, "verdict": verdict} for at_ms, verdict in receipts]
    return story(fold_all(A, events, ZONE), rows, kept, ZONE)


def said(*events: Event, receipts: tuple[tuple[int, str], ...] = ()) -> list[str]:
    lines = told(*events, receipts=receipts).lines
    return [f"{each.time} {each.later} {plain(each.text)} {each.times}" for each in lines]


def plain(text: str) -> str:
    return text.replace("\u2068", "").replace("\u2069", "")


def test_a_try_on_is_told_from_its_click_to_its_end() -> None:
    events = (
        click(A, title="Aviator", device="desktop"),
        created(A, AT + 400),
        event("reused", A, AT + 5_000, "button", key="reused:1"),
        event("reused", A, AT + 6_000, "button", key="reused:2"),
        launch(A, AT + 20_000),
        callback(A, AT + 3 * MINUTE, "completed"),
    )
    assert said(*events) == [
        "14:02:07  Clicked on “Aviator” on a desktop 1",
        "14:02:07 at once The vendor made a session, good until 14:17:07 1",
        "14:02:12 5 s later Clicked again: the session was found again, and cost nothing more 2",
        "14:02:27 14 s later Scanned the code with a phone, and opened the try-on there 1",
        "14:05:07 3 min later The vendor reported “completed” 1",
    ]
    assert told(*events).day == "24 November 2026"
    assert told(*events).stands == "Ended 3 min after the click, and counts as “Completed”."


def test_what_it_waits_for_is_said() -> None:
    clicked, made, opened = click(A), created(A, AT + 400), launch(A, AT + 9_000, "direct")
    assert told(clicked).stands == "Waits for the vendor to make a session."
    assert told(clicked, made).stands == "Waits to be opened, until 14:17:07."
    waits = "Waits for the vendor's word on how it ended, until 14:17:07."
    assert told(clicked, made, opened).stands == waits
    assert said(clicked, made, opened)[-1] == (
        "14:02:16 9 s later Opened the try-on by its link on the phone 1"
    )


@pytest.mark.parametrize(
    ("is_launched", "line", "stands"),
    [
        (False, "The session's time ran out: nobody had opened it", "counts as “Never launched”."),
        (
            True,
            "The session's time ran out, without a word from the vendor",
            "counts as “Launched, no word”.",
        ),
    ],
)
def test_the_two_ways_of_running_out_are_told_apart(
    is_launched: bool, line: str, stands: str
) -> None:
    opened = (launch(A, AT + 9_000),) if is_launched else ()
    ran_out = event("expired", A, AT + 16 * MINUTE, "proxy")
    tale = told(click(A), created(A, AT), *opened, ran_out)
    assert tale.lines[-1].text == line
    assert tale.stands.endswith(stands)


@pytest.mark.parametrize(
    ("props", "text"),
    [
        ({"code": "upstream_timeout"}, "No session came: the vendor did not answer in time"),
        ({"code": "new_code"}, "No session came: new_code"),
    ],
)
def test_why_no_session_came_is_said(props: dict[str, str], text: str) -> None:
    failed = event("create_failed", A, AT + 900, "proxy", **props)
    assert told(click(A), failed).lines[-1].text == text


def test_words_of_the_vendor_are_told_with_what_they_mean() -> None:
    unknown = callback(A, AT + 9_000, "weird")
    anew = unknown._replace(
        key="remapped", received_ms=AT + 2 * 86_400_000,
        props={**unknown.props, "outcome": "completed", "supersedes": unknown.key},
    )  # fmt: skip
    left = callback(A, AT + 9_500, "left")
    assert said(click(A), created(A, AT), unknown, left, anew)[2:] == [
        "14:02:16 9 s later The vendor reported “weird”, a word that no mapping knows 1",
        "14:02:16 at once The vendor reported “left”: abandoned 1",
        "26 November 14:02:07 48 h later The vendor's “weird” is read anew: completed 1",
    ]


def test_callbacks_that_were_not_counted_are_told() -> None:
    done = callback(A, AT + 1_000, "done")
    receipts = (
        (AT + 1_000, "accepted"), (AT + 2_000, "duplicate"), (AT + 3_000, "duplicate"),
        (AT + 3_500, "unreadable"), (AT + 4_000, "unsigned"),
    )  # fmt: skip
    assert said(click(A), created(A, AT), done, receipts=receipts)[3:] == [
        "14:02:09 1 s later The same callback came again 2",
        "14:02:10 at once A callback came that could not be read 1",
        "14:02:11 at once A callback came whose signature is missing or wrong 1",
    ]


def test_bots_are_told_to_count_nowhere() -> None:
    seen = launch(A, AT + 9_000)
    seen = seen._replace(props={**seen.props, "bot": 1})
    lines = said(click(A, bot=1), created(A, AT), seen)
    assert lines[0].endswith("on a phone, as a bot: it counts nowhere 1")
    assert lines[2].endswith("A bot looked at the link, which is no launch 1")


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-5, "at once"), (999, "at once"), (1_000, "1 s later"), (59_000, "59 s later"),
        (60_000, "1 min later"), (3_600_000, "1 h later"), (47 * 3_600_000, "47 h later"),
        (172_800_000, "2 days later"),
    ],
)  # fmt: skip
def test_gaps_are_said_as_a_person_would(ms: int, words: str) -> None:
    assert said_later(ms) == words
