"""docs/analytics.md, to the letter: its snippets in a page, with collectors that stand in."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.stage import Product
from tests.servers import ROOT

Visit = Callable[..., Product]

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/analytics.md").read_text()
# What a service's own snippet defines, and what became of each call.
COLLECTORS = {
    "Google Analytics without Tag Manager": "function gtag() { calls.push([...arguments]) }",
    "Matomo": "var _paq = { push: call => calls.push(call) }",
    "Segment": "var analytics = { track: (...call) => calls.push(call) }",
}
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })"
ITEM = {"item_id": "sku-1", "item_category": "footwear"}
TRIED = {"product_id": "sku-1", "category": "footwear"}


def snippet(service: str) -> str:
    found = re.search(rf"^## {service}\n.*?```html\n(.*?)```", PAGE, re.M | re.S)
    assert found, service
    return f"<script>window.calls = []; {COLLECTORS[service]}</script>{found[1]}"


def completed(product: Visit, **options: Any) -> Product:
    """A page on which a try-on was begun, opened and completed."""
    page = product(policy="", attributes="datalayer", **options)
    page.press()
    page.reaches("waiting")
    page.becomes("opened")
    page.becomes("completed")
    return page


def calls(page: Product) -> Any:
    """As they travel: without what has no value."""
    return json.loads(page.page.evaluate("JSON.stringify(calls)"))


def test_the_data_layer_has_what_the_page_says(product: Visit) -> None:
    pushed = completed(product).page.evaluate("dataLayer")
    steps = [each for each in pushed if each["event"] != "tryon-statechange"]
    names = ["click", "created", "opened", "completed"]
    assert [each["event"] for each in steps] == [f"tryon-{name}" for name in names]
    assert [each["event_name"] for each in steps] == [f"tryon_{name}" for name in names]
    documented = PAGE.partition("```js")[2].partition("```")[0]
    assert steps[-1].keys() == {*re.findall(r"(\w+): '", documented)}
    for each in pushed:
        assert (each["item_id"], each["item_category"]) == ("sku-1", "footwear")
        assert (each["productId"], each["category"]) == ("sku-1", "footwear")


def test_google_analytics_gets_names_that_it_takes(product: Visit) -> None:
    page = completed(product, before=snippet("Google Analytics without Tag Manager"))
    session = page.page.evaluate("document.querySelector('try-on-button').session.id")
    started = {"content_type": "try_on", "content_id": "sku-1"}
    assert calls(page) == [
        ["event", "tryon_click", ITEM],
        ["event", "select_content", started],
        *(
            ["event", f"tryon_{name}", ITEM | {"tryon_id": session}]
            for name in ("created", "opened", "completed")
        ),
    ]
    assert all(re.fullmatch(r"[a-z]\w{0,39}", name) for _, name, _ in calls(page))
    assert page.broken == []


def test_matomo_gets_category_action_and_name(product: Visit) -> None:
    page = completed(product, before=snippet("Matomo"))
    assert calls(page) == [
        ["trackEvent", "Try-on", action, "sku-1"] for action in ("click", "opened", "completed")
    ]
    assert page.broken == []


def test_segment_gets_an_object_and_an_action(product: Visit) -> None:
    page = completed(product, before=snippet("Segment"))
    session = page.page.evaluate("document.querySelector('try-on-button').session.id")
    assert calls(page) == [
        ["Try-On Clicked", TRIED],
        ["Try-On Opened", TRIED | {"tryon_id": session}],
        ["Try-On Completed", TRIED | {"tryon_id": session}],
    ]
    assert page.broken == []


@pytest.mark.parametrize("service", COLLECTORS)
def test_whoever_asks_for_privacy_is_told_of_nowhere(
    product: Visit,
    service: str,
) -> None:
    page = completed(product, before=snippet(service), init=GPC)
    assert calls(page) == []
    assert page.page.evaluate("window.dataLayer") is None


def test_a_try_on_that_could_not_be_had_says_why(product: Visit) -> None:
    page = product(policy="", before=snippet("Segment"))
    assert page.api
    page.api.status = 422
    page.api.body = {"code": "not_available", "retryable": False, "message": "Not this one."}
    page.press()
    page.reaches("error")
    assert calls(page)[-1] == ["Try-On Failed", TRIED | {"code": "not_available"}]
