"""The dashboard in a browser: values below its charts, by pointer and keys, and odd ids."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.stage import log_in
from tests.servers import Shop, unique


@pytest.fixture
def page(context: Callable[..., BrowserContext], tryon: Shop) -> Page:
    tryon.click(unique())
    page: Page = context(viewport={"width": 1000, "height": 900}).new_page()
    log_in(page, tryon)
    return page


def values(page: Page) -> Locator:
    return page.locator("svg[data-values] + .chart-values").first


def test_a_chart_tells_the_day_that_is_pointed_at(page: Page) -> None:
    chart = page.locator("svg[data-values]").first
    box = chart.bounding_box()
    assert box is not None
    expect(values(page)).to_have_text("")
    chart.hover(position={"x": box["width"] - 2, "y": 40})
    last = values(page).text_content() or ""
    assert re.fullmatch(r"\w+, \d+ \w+ \d{4}: \d+(, before \d+)?", last), last
    chart.hover(position={"x": 45, "y": 40})
    expect(values(page)).not_to_have_text(last)
    page.mouse.move(0, 0)
    expect(values(page)).to_have_text("")


def test_a_chart_tells_its_days_by_the_arrow_keys(page: Page) -> None:
    chart = page.locator("svg[data-values]").first
    chart.focus()
    last = values(page).text_content() or ""
    assert last
    chart.press("ArrowRight")
    expect(values(page)).to_have_text(last)
    chart.press("ArrowLeft")
    expect(values(page)).not_to_have_text(last)
    chart.press("ArrowRight")
    expect(values(page)).to_have_text(last)


def test_each_chart_says_what_its_lines_are(page: Page) -> None:
    legend = page.locator("#over-time .chart-key")
    expect(legend).to_contain_text("This period")
    expect(legend).to_contain_text("Can still change")


def test_no_id_spreads_a_page_or_is_drawn_over_its_neighbours(page: Page, tryon: Shop) -> None:
    tryon.click("W" * 128)
    tryon.click(tower := "e" + "\u0301" * 127)  # a hundred accents on one letter
    for path in ("", "by/product_id", "attempts"):
        page.goto(f"{tryon.url}/dashboard/{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        cut = page.get_by_text(tower).first.evaluate(
            "id => getComputedStyle(id.closest('li, th, td')).overflowY"
        )
        assert cut == "clip", path
    assert page.evaluate("""[...document.querySelectorAll('.scroll')]
        .every(box => box.scrollWidth < 2 * box.clientWidth)""")


def test_the_first_screen_follows_what_happens(page: Page, tryon: Shop) -> None:
    page.clock.install()
    page.goto(f"{tryon.url}/dashboard/?range=today&product_id={(product := unique())}")
    expect(page.locator("#sentence")).to_contain_text("No clicks in this time.")
    tryon.click(product)
    page.clock.run_for(21_000)
    expect(page.locator("#latest")).to_contain_text(product)
    page.clock.run_for(21_000)
    expect(page.locator("#sentence")).to_contain_text("1 click so far, all still under way.")
    expect(page.locator("#under-way")).to_contain_text("waiting for a phone")


def test_a_phone_has_four_columns_unless_it_asks_for_all(page: Page, tryon: Shop) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    tryon.click(product := unique())
    page.goto(f"{tryon.url}/dashboard/?product_id={product}")
    columns = page.locator("#by thead th")
    assert [each.is_visible() for each in columns.all()].count(True) == 4
    expect(page.locator("#by tbody th")).to_have_css("position", "sticky")
    page.get_by_label("All columns").check()
    assert [each.is_visible() for each in columns.all()].count(True) == columns.count() == 7
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1440, "height": 700})
    expect(page.get_by_label("All columns")).to_be_hidden()


def test_it_is_printed_on_one_sheet_with_its_lines(page: Page, tryon: Shop) -> None:
    tryon.click(product := unique())
    page.goto(f"{tryon.url}/dashboard/?product_id={product}")
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert len(sheets) == 1
    page.emulate_media(media="print")
    expect(page.locator("#over-time .chart path.now").first).to_have_css("display", "inline")
    for seen in ("#sentence", "#statuses", "#figures", "#by table", "#endings"):
        expect(page.locator(seen)).to_be_visible()
    for hidden in ("section.now", ".links >> nth=0", "#plans", ".menu"):
        expect(page.locator(hidden)).to_be_hidden()


def test_a_dot_says_more_when_it_is_opened(page: Page) -> None:
    page.locator(".status summary").first.click()
    expect(page.locator(".status p").first).to_contain_text("in the last day")


def test_an_hour_is_told_by_its_name(page: Page, tryon: Shop) -> None:
    page.goto(f"{tryon.url}/dashboard/?range=today")
    page.locator("#over-time svg[data-values]").focus()
    expect(values(page)).to_contain_text("23:00: ")
