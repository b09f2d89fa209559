"""On pages that a library puts together, again and again: the button goes on as if it did not."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import Merchant, Product

Visit = Callable[..., Product]

pytestmark = pytest.mark.slow

REACT = {
    "18": [
        "react-18/cjs/react",
        "react-dom-18/node_modules/scheduler/cjs/scheduler",
        "react-dom-18/cjs/react-dom",
    ],
    "19": [
        "react/cjs/react",
        "scheduler/cjs/scheduler",
        "react-dom/cjs/react-dom",
        "react-dom/cjs/react-dom-client",
    ],
}


def markup(label: str) -> str:
    """What the shop's server sends for the button, whose state it does not know."""
    return (
        '<try-on-button id="try" product-id="sku-1" category="footwear">'
        f'<a href="/t/sku-1">{label}</a></try-on-button>'
    )


def goes_on(page: Product, label: str) -> None:
    """The try-on lasts, the dialog is open with its code, and the link is the button."""
    page.reaches("waiting")
    expect(page.part("qr")).to_be_visible()
    expect(page.part("qr").locator("svg")).to_have_css("opacity", "1")
    page.part("close").click()
    page.button.get_by_role("link", name=label).click()
    expect(page.part("qr")).to_be_visible()
    expect(page.button.locator("button[part=button]")).to_be_hidden()
    assert page.api
    assert len(page.api.posts) == 1
    assert page.broken == []


@pytest.mark.parametrize("whole", [True, False])
def test_idiomorph(product: Visit, shelf: Callable[[BrowserContext], None], whole: bool) -> None:
    page = product(policy="", setup=shelf, attributes="id=try")
    page.press()
    page.reaches("waiting")
    page.page.evaluate(
        """async ([html, whole]) => {
            const { Idiomorph } = await import('/lib/idiomorph/dist/idiomorph.esm.js');
            const old = document.querySelector(whole ? 'main' : 'try-on-button');
            Idiomorph.morph(old, whole ? `<main><p>Sale!</p><p>${html}</p></main>` : html) }""",
        [markup("Try it"), whole],
    )
    goes_on(page, "Try it")


def test_turbo_morphs_a_part(product: Visit, shelf: Callable[[BrowserContext], None]) -> None:
    page = product(policy="", setup=shelf, attributes="id=try")
    page.press()
    page.reaches("waiting")
    page.page.evaluate(
        """async html => {
            await import('/lib/@hotwired/turbo/dist/turbo.es2017-esm.js');
            Turbo.renderStreamMessage(`<turbo-stream action="replace" method="morph" target="try">
                <template>${html}</template></turbo-stream>`) }""",
        markup("Try it"),
    )
    expect(page.button.get_by_text("Try it", exact=True)).to_be_attached()
    goes_on(page, "Try it")


def test_turbo_leaves_and_comes_back(
    product: Visit, shelf: Callable[[BrowserContext], None], merchant: Merchant
) -> None:
    """Turbo shows the copy that it kept, in which the state is of another time."""
    page = product(policy="", setup=shelf)
    elsewhere = merchant.page("<!doctype html><title>Elsewhere</title><main>Elsewhere</main>", "")
    page.page.evaluate("import('/lib/@hotwired/turbo/dist/turbo.es2017-esm.js')")
    page.press()
    page.reaches("waiting")
    page.part("close").click()
    page.page.evaluate("url => Turbo.visit(url)", elsewhere)
    page.page.wait_for_url(elsewhere)
    expect(page.page.get_by_text("Elsewhere")).to_be_visible()
    assert page.api
    page.api.state = "opened"
    page.page.go_back()
    page.reaches("opened")
    page.press()
    expect(page.status).to_contain_text("Opened on your phone")
    assert len(page.api.posts) == 1


def test_htmx_swaps_the_element_itself(
    product: Visit, shelf: Callable[[BrowserContext], None]
) -> None:
    page = product(policy="", setup=shelf, attributes="id=try")
    page.press()
    page.reaches("waiting")
    page.page.evaluate(
        """async html => {
            const { default: htmx } = await import('/lib/htmx.org/dist/htmx.esm.js');
            htmx.swap('try-on-button', html, { swapStyle: 'outerHTML' }) }""",
        markup("Try it"),
    )
    expect(page.button.get_by_text("Try it", exact=True)).to_be_attached()
    goes_on(page, "Try it")


@pytest.mark.parametrize("version", REACT)
def test_react_hydrates_it_in_strict_mode_and_switches_the_variant(
    product: Visit, shelf: Callable[[BrowserContext], None], version: str
) -> None:
    said: list[str] = []

    def listen(context: BrowserContext) -> None:
        shelf(context)
        context.on("console", lambda message: said.append(message.text))

    page = product(policy="", setup=listen)
    page.page.evaluate(
        """async files => {
            window.process = { env: { NODE_ENV: 'development' } };
            const made = {};
            for (const file of files) {
                const source = await (await fetch(`/lib/${file}.development.js`)).text();
                const module = { exports: {} };
                new Function('module', 'exports', 'require', source)(
                    module, module.exports, name => made[name.replace('/', '-')]);
                made[file.split('/').pop()] = module.exports;
            }
            const { createElement: h, StrictMode, useState } = made.react;
            const { hydrateRoot } = made['react-dom-client'] ?? made['react-dom'];
            const Shoe = () => {
                const [sku, setSku] = useState('sku-1');
                window.setSku = setSku;
                return h('try-on-button', { 'product-id': sku, category: 'footwear' },
                    h('a', { href: `/t/${sku}` }, 'Try it on'));
            };
            hydrateRoot(document.querySelector('p'), h(StrictMode, null, h(Shoe))) }""",
        REACT[version],
    )
    page.page.wait_for_function("() => !!window.setSku")
    page.press()
    goes_on(page, "Try it on")
    page.part("close").click()
    page.page.evaluate("setSku('sku-2')")
    page.reaches("idle")
    page.press()
    page.reaches("waiting")
    assert page.api
    assert [post["product_id"] for post in page.api.posts] == ["sku-1", "sku-2"]
    assert [line for line in said if "hydrat" in line and "match" in line] == []


def test_vue_renders_it_and_its_words(
    product: Visit, shelf: Callable[[BrowserContext], None]
) -> None:
    page = product(policy="", setup=shelf)
    page.page.evaluate("""async () => {
        const { createApp, h, ref } = await import('/lib/vue/dist/vue.esm-browser.prod.js');
        window.label = ref(' ');
        window.linked = ref(false);
        createApp({ render: () => h('try-on-button', { productId: 'sku-1', category: 'footwear' },
            linked.value ? [h('a', { href: '/t/sku-1' }, label.value)] : label.value) })
            .mount('main') }""")
    expect(page.page.get_by_role("button", name="Try it on")).to_be_visible()
    page.page.evaluate("label.value = 'Put it on'")
    page.page.get_by_role("button", name="Put it on").click()
    page.reaches("waiting")
    page.page.evaluate("linked.value = true")
    goes_on(page, "Put it on")
