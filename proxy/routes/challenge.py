"""`/challenge`: the page where a person passes a challenge, and from which their click goes on."""

from flask import Blueprint, Response, make_response, render_template, request

from proxy.catalog.products import CATEGORY, PRODUCT_ID
from proxy.services import services
from proxy.tryon.keys import new_token
from proxy.web import openapi, pages
from proxy.web.bodies import Wish, check
from proxy.web.problems import Problem
from proxy.web.response import policy_with_service

OF_CLICK = "As `POST /sessions` takes it."
OTHERS = ("signature", "locale", "reference", "click_id")

routes = Blueprint("challenge", __name__)


@routes.get(
    "/challenge",
    **openapi.page(
        openapi.query("product_id", OF_CLICK, **PRODUCT_ID) | {"required": True},
        openapi.query("category", OF_CLICK, pattern=CATEGORY),
        *(openapi.query(name, OF_CLICK) for name in OTHERS),
        openapi.query("again", "Its presence says that an answer was not taken."),
        openapi.LANGUAGE,
    ),
    problems="bad_request not_found",
)
def challenge() -> Response:
    """The page that a click is sent to whose client is over its rate.

    Its form is the click once more, with an answer.
    """
    settings = services().settings
    if settings.challenge_script is None:
        raise Problem("not_found")
    wish = check(Wish, {name: value for name, value in request.args.items() if value})
    page = render_template(
        "challenge.html",
        click={"click_id": new_token()} | wish.carried,  # pressed twice it is the same one
        product=services().catalog.get(wish.product_id),
        script=settings.challenge_script,
        site_key=settings.challenge_site_key,
        again="again" in request.args,
        t=pages.translator(settings, wish.locale),
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = policy_with_service(settings.challenge_script)
    # The service learns which shop asks, as its own rules may demand, and nothing of the click.
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response
