"""`/dashboard/callbacks`: callbacks that could not be read, and how the merchant reads them."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request

from proxy.routes.dashboard import demand_known, guard, read
from proxy.services import services
from proxy.upstream.mending import LONGEST_WORD, preview, survey
from proxy.upstream.outcomes import CHOICES, normal_word
from proxy.upstream.readings import Reading, is_place
from proxy.web.problems import Problem

MOST_READINGS = 20

MEANS = "means:"  # how the name of a field begins that says what a word means

routes = Blueprint("dashboard_callbacks", __name__, url_prefix="/dashboard")
guard(routes)


@routes.get("/callbacks")
def callbacks() -> str:
    """The shapes of callbacks that could not be read, and the readings in force."""
    demand_known("done")
    return _page(done=request.args.get("done", ""))


@routes.post("/callbacks")
def mend() -> Response | str:
    """Show what a reading would give, keep it, or undo it."""
    for name, texts in request.form.lists():
        if len(texts) != 1:
            raise Problem("bad_request", f"{name[:40]}: is given twice", parameter=name[:40])
    match request.form.get("step"):
        case "preview":
            return _preview(_reading(), _words())
        case "keep":
            return _keep(_reading(), _words())
        case "undo":
            return _keep(_reading()._replace(undone=True), {})
    raise Problem("bad_request", "step: is not known here", parameter="step")


def _preview(reading: Reading, words: Mapping[str, str]) -> str:
    known = {**services().outcomes.known(), **words}
    seen = read(lambda numbers: preview(numbers, reading, known))
    return _page(reading=reading, preview=seen, words=words)


def _page(**more: Any) -> str:
    return render_template(
        "dashboard/callbacks.html",
        view=read(survey),
        readings=_in_force(),
        choices=CHOICES,
        **more,
    )


def _in_force() -> list[Reading]:
    return [each for each in services().outcomes.readings() if not each.undone]


def _keep(reading: Reading, words: Mapping[str, str]) -> Response:
    if not reading.undone and len(_in_force()) >= MOST_READINGS:
        raise Problem("bad_request", f"There are {MOST_READINGS} readings: undo one first.")
    services().threads.run(services().outcomes.read_by, reading, words)
    return services().login.go("/dashboard/callbacks", done="undone" if reading.undone else "kept")


def _reading() -> Reading:
    state, session = request.form.get("state"), request.form.get("session")
    if state is None:
        raise Problem("bad_request", "Choose where the state is.", parameter="state")
    session = None if session in (None, "none") else session
    for name, place in (("state", state), ("session", session)):
        if place is not None and not is_place(place):
            raise Problem("bad_request", f"{name}: is no place of a callback", parameter=name)
    if state == session:
        raise Problem("bad_request", "State and session cannot be in one place.")
    return Reading(state, session)


def _words() -> dict[str, str]:
    words = {
        normal_word(name.removeprefix(MEANS)): outcome
        for name, outcome in request.form.items()
        if name.startswith(MEANS) and outcome != "other"
    }
    for word, outcome in words.items():
        if not word or len(word) > LONGEST_WORD or outcome not in CHOICES:
            raise Problem("bad_request", "What a word means: choose one of the list.")
    return words
