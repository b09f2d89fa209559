"""The pages around the button: complete without scripts, live with them, and the snippets hold."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import EVENTS, IPHONE, Merchant, scan
from tests.servers import ROOT, Shop, Vendor, unique

Contexts = Callable[..., BrowserContext]

MANIFEST = json.loads((ROOT / "static/custom-elements.json").read_text())
ELEMENT = MANIFEST["modules"][0]["declarations"][0]
TYPES = (ROOT / "static/try-on-button.d.ts").read_text()
SCRIPT = (ROOT / "static/try-on-button.js").read_text()
DIALOG = (ROOT / "static/try-on-dialog.js").read_text()
GUIDE = ROOT / "docs/embedding.md"


@pytest.fixture
def page(context: Contexts) -> Page:
    return context().new_page()


def test_the_whole_way_works_without_scripts(
    context: Contexts, tryon: Shop, vendor: Vendor
) -> None:
    sku = unique()
    page = context(java_script_enabled=False).new_page()
    page.goto(f"{tryon.url}/t/{sku}")
    page.get_by_role("button", name="Try it on").click()
    page.wait_for_url("**/handoff/**")
    link = scan(page.locator(".qr").screenshot())
    tryon.launch(link)
    vendor.call_back(sku, state="completed")
    page.reload()
    expect(page.get_by_role("heading")).to_contain_text("All done")


def test_without_scripts_what_is_for_the_dialog_is_not_seen(context: Contexts, tryon: Shop) -> None:
    page = context(java_script_enabled=False).new_page()
    page.goto(f"{tryon.url}/shop/city-boot")
    expect(page.get_by_role("link", name="Try it on")).to_be_visible()
    for each in ("header", "completed"):
        expect(page.locator(f"try-on-button > [slot={each}]")).to_be_hidden()


def test_without_scripts_a_double_click_and_a_step_back_buy_nothing_more(
    context: Contexts, tryon: Shop, vendor: Vendor
) -> None:
    sku = unique()
    page = context(java_script_enabled=False).new_page()
    page.goto(f"{tryon.url}/t/{sku}")
    page.get_by_role("button", name="Try it on").dblclick()
    page.wait_for_url("**/handoff/**")
    first = page.url
    page.go_back()
    page.get_by_role("button", name="Try it on").click()
    page.wait_for_url("**/handoff/**")
    assert page.url == first
    assert vendor.calls(sku) == 1
    page.goto(f"{tryon.url}/t/{sku}")
    page.get_by_role("button", name="Try it on").click()
    page.wait_for_url("**/handoff/**")
    assert page.url != first


def test_the_page_refreshes_itself_where_there_are_no_scripts(tryon: Shop) -> None:
    session = tryon.click(unique()).json()
    html = tryon.http.get(session["handoff_url"]).text
    assert '<noscript><meta http-equiv="refresh"' in html
    tryon.http.post(session["status_url"] + "/cancel", headers={"Origin": tryon.origin})
    assert "http-equiv" not in tryon.http.get(session["handoff_url"]).text


def test_the_handoff_page_follows_and_says_so(page: Page, tryon: Shop, vendor: Vendor) -> None:
    sku = unique()
    session = tryon.click(sku).json()
    page.goto(session["handoff_url"])
    expect(page.get_by_role("heading")).to_have_text("Try it on with your phone")
    tryon.launch(session["launch_url"])
    expect(page.get_by_role("heading")).to_contain_text("Opened on your phone")
    expect(page.locator("#spoken")).to_contain_text("Opened on your phone")
    vendor.call_back(sku, state="completed")
    expect(page.get_by_role("heading")).to_contain_text("All done")
    assert page.evaluate("broken") == []


# Streams that a middlebox holds back are open, and silent.
SILENT = "window.EventSource = class extends EventTarget { readyState = 1; close() {} }"


@pytest.mark.parametrize("streams", ["delete window.EventSource", SILENT])
def test_the_handoff_page_follows_without_a_stream(
    context: Contexts, tryon: Shop, streams: str
) -> None:
    opened = context()
    opened.add_init_script(streams)
    page = opened.new_page()
    session = tryon.click(unique()).json()
    page.goto(session["handoff_url"])
    tryon.launch(session["launch_url"])
    expect(page.get_by_role("heading")).to_contain_text("Opened on your phone")


def test_a_phone_is_offered_the_launch_at_once(context: Contexts, tryon: Shop) -> None:
    page = context(user_agent=IPHONE, viewport={"width": 390, "height": 844}).new_page()
    session = tryon.click(unique()).json()
    page.goto(session["handoff_url"])
    start = page.get_by_role("link", name="Start the try-on")
    expect(start).to_have_attribute("href", session["launch_url"])
    expect(start).to_be_in_viewport()
    page.get_by_text("Or scan this code").click()
    expect(page.locator(".qr")).to_be_visible()


def test_a_spent_link_makes_a_new_try_on_in_one_step(page: Page, tryon: Shop) -> None:
    session = tryon.click(unique()).json()
    tryon.http.post(session["status_url"] + "/cancel", headers={"Origin": tryon.origin})
    page.goto(session["launch_url"])
    expect(page.get_by_role("heading")).to_have_text("This link has ended")
    page.get_by_role("button", name="Start a new try-on").click()
    page.wait_for_url("**/handoff/**")
    assert session["id"] not in page.url


def test_the_handoff_page_cancels_and_starts_again(page: Page, tryon: Shop) -> None:
    session = tryon.click(unique()).json()
    page.goto(session["handoff_url"])
    page.get_by_role("button", name="Cancel this try-on").click()
    expect(page.get_by_role("heading")).to_contain_text("cancelled")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".qr")).to_be_visible()


@pytest.mark.parametrize(("locale", "words"), [("de", "Mit dem Handy"), ("ar", "جرّبه")])
def test_a_page_speaks_the_sessions_language(
    page: Page, tryon: Shop, locale: str, words: str
) -> None:
    page.goto(tryon.click(unique(), locale=locale).json()["handoff_url"])
    expect(page.get_by_role("heading")).to_contain_text(words)
    assert page.evaluate("document.documentElement.lang") == locale
    assert page.evaluate("document.documentElement.dir") == ("rtl" if locale == "ar" else "ltr")


def test_the_demo_shop_can_be_walked_from_shelf_to_completed(
    page: Page, tryon: Shop, vendor: Vendor
) -> None:
    page.goto(tryon.url)
    page.get_by_role("link", name="Court Classic").click()
    page.get_by_role("link", name="Try it on").click()
    button = page.locator("try-on-button")
    expect(button).to_have_attribute("state", "waiting")
    tryon.launch(scan(page.screenshot()))
    expect(button).to_have_attribute("state", "opened")
    vendor.call_back("court-classic", state="completed")
    expect(button).to_have_attribute("state", "completed")
    expect(page.get_by_text("one press away")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("tried this on")
    assert page.evaluate("broken") == []


def test_one_product_of_the_demo_fails_on_purpose(page: Page, tryon: Shop) -> None:
    page.goto(f"{tryon.url}/shop/sim-500-sandal")
    page.get_by_role("link", name="Try it on").click()
    expect(page.locator("try-on-button")).to_have_attribute("state", "error")
    expect(page.locator("try-on-button [part=error]")).to_contain_text("went wrong on our side")


def snippets(html: str) -> dict[str, str]:
    found = re.findall(r"<figcaption><span>(.*?)</span>.*?<code>(.*?)</code>", html, re.S)
    return {name: unescape(code) for name, code in found}


GOOD_PAGE = """<!doctype html><script type="module" src="{home}/try-on-button.js"></script>
<try-on-button product-id="R&amp;D /1" category="footwear">
<a href="{home}/t/?product_id=R%26D+%2F1">Try it on</a></try-on-button>"""
GOOD_POLICY = "default-src 'self'; script-src 'self' {home}; connect-src {home}"
SLIPS = [  # what is changed in the good page, and what the box says of it
    ("", "", "Right The script is there"),
    (GOOD_PAGE, "<p>", "Mend No script loads the button."),
    (GOOD_PAGE, "<p>", "Mend There is no <try-on-button> in the page."),
    (GOOD_PAGE, "<script>s.src = '{home}/try-on-button.js'</script>", "Look No script tag loads"),
    (' type="module"', "", 'Mend The script is a module: it needs type="module".'),
    ("module", "text/plain", "Look With type=\"text/plain\" the script waits until a consent"),
    ("<script ", "<script nomodule ", "Mend With nomodule no browser"),
    ("<script ", '<script src="{home}/try-on-button.js" type="module"></script><script ',
     "Look The script is loaded 2 times."),
    ('src="{home}', 'src="https://old.example/tryon', "Mend The script comes from "
     "https://old.example/tryon, but this server is {home}."),
    ("<script ", '<script integrity="sha384-x" ', "Mend With integrity the address must be that"),
    ("/try-on-button.js", "/static/try-on-button.012345678901.js", "Look The script is of another"),
    ('"{home}/try-on-button.js"', '"{pinned}" integrity="sha384-x"', "Mend The integrity is not"),
    (GOOD_POLICY, "script-src 'sha384-x'; connect-src *", "Mend script-src lacks {home}."),
    (' product-id="R&amp;D /1"', "", "Mend A button has no product-id."),
    ("R&amp;D /1", "{{{{ id }}}}", "Look {{{{ id }}}} is a template's word"),
    ("R&amp;D /1", "a\u200bb", "Mend a\u200bb cannot be a product's id"),
    ("R&amp;D /1", "...", "Mend ... cannot be a product's id"),
    ("R&amp;D /1", "R&amp;D /1 ", "Look The id R&D /1  has a space at an end"),
    (' category="footwear"', "", "Mend The button of R&D /1 has no category"),
    ("footwear", "watches", "Mend The button of R&D /1 is of the category watches. "
     "This server offers footwear, eyewear"),
    (' category=', ' product_id="a" category=', "Look product_id is not an attribute of the"),
    (' category=', ' endpoint="https://x.example" category=', "Mend The endpoint of the button"),
    ("<a href", "<a name", "Look The button of R&D /1 has no link inside."),
    ("D+%2F1", "D%2F1", "Mend The link in the button of R&D /1 is of another product: R&D/1."),
    ("/t/?product_id=R%26D+%2F1", "/shoes", "Look The link in the button of R&D /1 leads to"),
    ("</try-on-button>", "<try-on-button product-id='b' category='footwear'>",
     "Mend The button of b stands inside another: an end tag is missing."),
    ('category="footwear">', 'category="footwear" />', "Mend HTML knows no <try-on-button … />"),
    ("script-src 'self' {home}", "script-src 'self'", "Mend script-src lacks {home}."),
    ("script-src 'self' {home};", "", "Mend The policy has no script-src, and default-src lacks "
     "this server. Add script-src {home}."),
    ("connect-src {home}", "connect-src https://*.example", "Mend connect-src lacks {home}."),
    ("'self' {home}", "'self' 'strict-dynamic' 'nonce-a'", "Mend With 'strict-dynamic' no host"),
    ("connect-src {home}", "connect-src {home}; sandbox", "Mend sandbox without allow-scripts"),
    ("connect-src {home}", "connect-src http:", "Right The policy lets the button work."),
    (GOOD_POLICY, "", "Not checked No policy was given."),
    ("{merchant}/shoes/1", "", "Not checked Give the page"),
    ("{merchant}/shoes/1", "shoes", "Mend shoes is no address."),
    ("{merchant}/shoes/1", "file:///a.html", "Mend A page that is opened from a file has no"),
    ("{merchant}/shoes/1", "https://www.shop.example/1", "Mend Pages of https://www.shop.example "
     "may start no try-on: add it to TRYON_ALLOWED_ORIGINS, which has"),
]  # fmt: skip


CHECK = """fields => {
    const form = document.getElementById('check');
    for (const name in fields) form.elements[name].value = fields[name];
    form.requestSubmit();
    return [...document.querySelectorAll('#found li')].map(each => each.innerText);
}"""


def test_the_check_names_each_slip_and_asks_nobody(
    page: Page, tryon: Shop, merchant: Merchant
) -> None:
    names = {"home": tryon.url, "merchant": merchant.origin}
    page.goto(f"{tryon.url}/embed")
    page.wait_for_load_state("networkidle")
    names["pinned"] = page.evaluate("JSON.parse(document.forms.check.dataset.shop).pinned")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    fields = {
        "html": GOOD_PAGE,
        "address": "{merchant}/shoes/1",
        "policy": GOOD_POLICY,
    }
    for good, slip, said in SLIPS:
        filled = {
            name: (text.replace(good, slip) if good else text).format(**names)
            for name, text in fields.items()
        }
        found = [re.sub(r"\s", " ", line) for line in page.evaluate(CHECK, filled)]
        assert any(line.startswith(said.format(**names)) for line in found), (said, found)
        if not good:
            assert [line.split()[0] for line in found] == ["Right"] * 4
            expect(page.locator("output")).to_have_text("Nothing to mend")
    assert asked == []
    assert page.evaluate("broken") == []


def test_without_scripts_the_check_says_so(context: Contexts, tryon: Shop) -> None:
    page = context(java_script_enabled=False).new_page()
    page.goto(f"{tryon.url}/embed")
    expect(page.get_by_text("The check needs scripts")).to_be_visible()
    expect(page.get_by_role("button", name="Check")).to_be_hidden()


def test_the_button_of_the_examples_is_live(page: Page, tryon: Shop) -> None:
    page.goto(f"{tryon.url}/embed?product=R%26D+%2F1")
    page.get_by_role("link", name="Try it on").click()
    button = page.locator("try-on-button")
    expect(button).to_have_attribute("state", "waiting")
    assert button.evaluate("button => button.session.product_id") == "R&D /1"
    assert page.evaluate("broken") == []


def test_a_page_that_may_not_have_the_button_reads_why(page: Page, tryon: Shop) -> None:
    foreign = Merchant()
    try:
        page.goto(foreign.page("<title>x</title>", ""))
        said = page.evaluate(
            """async url => {
                const headers = { 'Content-Type': 'application/json' };
                const answer = await fetch(url, { method: 'POST', headers, body: '{}' });
                return (await answer.json()).detail;
            }""",
            f"{tryon.url}/sessions",
        )
    finally:
        foreign.server.shutdown()
        foreign.server.server_close()
    assert said == (
        f"{foreign.origin} may not start a try-on here: add it to TRYON_ALLOWED_ORIGINS."
    )


def of_document(path: str, heading: str) -> str:
    """The first block of HTML below a heading."""
    section = (ROOT / path).read_text().partition(f"\n## {heading}\n")[2]
    block = re.search(r"^( *)```html\n(.*?)^ *```", section, re.M | re.S)
    assert block
    return block[2]


OF_DOCUMENTS = {
    "README": of_document("README.md", "Put it into a shop"),
    "Its look": of_document("docs/embedding.md", "The look"),
}


@pytest.mark.parametrize(
    "name", ["Product page", "Custom HTML tag", "Pinned", "functions.php", *OF_DOCUMENTS]
)
def test_a_snippet_works_on_a_page_with_the_policy_that_is_given(
    page: Page, tryon: Shop, merchant: Merchant, name: str
) -> None:
    given = snippets(tryon.http.get(f"{tryon.url}/embed").text)
    policy = "default-src 'none'; " + given["Content-Security-Policy"]
    head, body = "", '<try-on-button product-id="sku-1" category="footwear"></try-on-button>'
    script = f'<script type="module" src="{tryon.url}/try-on-button.js"></script>'
    if name == "Product page":
        head, body = "", given[name]
    elif name in OF_DOCUMENTS:
        body = OF_DOCUMENTS[name].replace("https://tryon.shop.example", tryon.url)
        head = "" if "<script" in body else script
        policy += "; style-src 'unsafe-inline'; img-src *"  # as the shop's page has for its own
    elif name == "functions.php":  # what PHP's printf makes of it
        markup = "".join(re.findall(r"'(<.*?>)'", given[name], re.S))
        body = markup.replace("%1$s", "sku-1").replace("%2$s", "Shoe").replace("%3$s", "sku-1")
        assert f"'{tryon.url}/try-on-button.js'" in given[name]
        head = script
    else:
        head = given[name] + (given["Pinned dialog"] if name == "Pinned" else "")
        if name == "Custom HTML tag":  # the tag manager's own script is inline
            policy = policy.replace("script-src", "script-src 'unsafe-inline'")
    html = f'<!doctype html><html lang="en"><head><title>x</title>{head}</head><body>{body}</body>'
    page.goto(merchant.page(html, policy))
    button = page.locator("try-on-button")
    button.locator("a[href*='/t/'], button[part=button]").first.click()
    expect(button).to_have_attribute("state", "waiting")
    assert page.evaluate("broken") == []


def test_the_react_and_shopify_snippets_keep_to_the_element(tryon: Shop) -> None:
    given = snippets(tryon.http.get(f"{tryon.url}/embed").text)
    attributes = {attribute["name"] for attribute in ELEMENT["attributes"]}
    for name in ("TryOn.jsx", "Custom Liquid"):
        tag = re.search(r"<try-on-button(.*?)>", given[name], re.S)
        assert tag, name
        used = set(re.findall(r"([a-z-]+)=", tag[1])) - {"ref"}
        assert used <= attributes, name
        assert f"{tryon.url}/try-on-button.js" in given[name]
        assert f"{tryon.url}/t/" in given[name]


def test_the_guide_has_the_same_snippets(tryon: Shop) -> None:
    """In the guide the address is an example; `/embed` has this shop's own."""
    given = snippets(tryon.http.get(f"{tryon.url}/embed").text)
    guide = GUIDE.read_text()
    for name, code in given.items():
        if name.startswith("Pinned"):
            continue
        example = code.replace(tryon.url, "https://tryon.shop.example")
        assert example in guide, name


def test_the_manifest_and_the_types_tell_of_the_same_element() -> None:
    listed = re.search(r"const PROPERTIES = '(.*?)'", SCRIPT)
    assert listed
    properties = set(listed[1].split())
    fields = {each["name"] for each in ELEMENT["members"] if each["kind"] == "field"}
    assert fields == properties | {"state", "session"}
    assert all(re.search(rf"\b{name}: ", TYPES) for name in fields)
    events = {f"tryon-{name}" for name in EVENTS}
    assert {event["name"] for event in ELEMENT["events"]} == events
    assert set(re.findall(r"'(tryon-[a-z]+)':", TYPES)) == events
    css = set(re.findall(r"--try-on-[a-z-]+", SCRIPT + DIALOG))
    assert {each["name"] for each in ELEMENT["cssProperties"]} == css


def test_every_part_that_is_promised_exists(page: Page, tryon: Shop, merchant: Merchant) -> None:
    html = (
        '<!doctype html><html lang="en"><title>x</title><try-on-button product-id="a">'
        f'</try-on-button><script type="module" src="{tryon.url}/try-on-button.js"></script>'
    )
    page.goto(merchant.page(html, ""))
    page.locator("try-on-button button").first.hover()
    page.locator("try-on-button dialog").wait_for(state="attached")
    root = "document.querySelector('try-on-button').shadowRoot"
    parts = set(page.evaluate(f"[...{root}.querySelectorAll('[part]')].map(e => e.part.value)"))
    slots = set(page.evaluate(f"[...{root}.querySelectorAll('slot')].map(e => e.name)"))
    promised = {part["name"] for part in ELEMENT["cssParts"]}
    assert promised <= parts
    assert {slot["name"] for slot in ELEMENT["slots"]} == slots


def test_a_person_who_is_taken_for_a_bot_gets_there_by_a_button(
    context: Contexts, tryon: Shop, vendor: Vendor
) -> None:
    product_id = unique()
    session = tryon.click(product_id).json()
    page = context(user_agent="Mozilla/5.0 (compatible; Twitterbot/1.0)").new_page()
    page.goto(session["launch_url"])
    assert tryon.state(session) == "waiting"
    page.get_by_role("button").click()
    page.wait_for_url(vendor.sessions(product_id)[0]["launch_url"])
    assert tryon.state(session) == "opened"
