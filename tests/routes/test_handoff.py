"""`/handoff/<id>`: the desktop's page with the QR, which follows what happens on the phone."""

import re

import pytest
import requests

from tests.servers import DESKTOP, PHONE, Shop, Vendor, http, unique


def page_of(url: str, agent: str = DESKTOP) -> requests.Response:
    answer = http().get(url, headers={"User-Agent": agent}, allow_redirects=False)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer


def test_it_shows_the_product_and_the_sessions_qr(shop: Shop) -> None:
    session = shop.click(unique(), title="Trail Runner").json()
    page = page_of(session["handoff_url"])
    assert page.status_code == 200
    assert "<strong>Trail Runner</strong>" in page.text
    assert f'<path d="{session["qr"]["path"]}"' in page.text


def test_a_desktop_is_told_to_scan_and_a_phone_to_press(shop: Shop) -> None:
    session = shop.click(unique()).json()
    button = f'<a class="button wide" href="{session["launch_url"]}">'
    desktop, phone = (page_of(session["handoff_url"], agent).text for agent in (DESKTOP, PHONE))
    assert ('<ol class="steps">' in desktop, button in desktop) == (True, False)
    assert ('<ol class="steps">' in phone, button in phone) == (False, True)


def test_once_opened_the_code_and_this_device_stay_within_reach(shop: Shop) -> None:
    session = shop.click(unique()).json()
    shop.launch(session["launch_url"])
    page = page_of(session["handoff_url"]).text
    assert f'<path d="{session["qr"]["path"]}"' in page
    assert f'<a class="button plain" href="{session["launch_url"]}">' in page
    assert f'data-copy="{session["handoff_url"]}"' in page
    assert f'action="{session["status_url"]}/cancel"' in page
    phone = page_of(session["handoff_url"], PHONE).text
    assert f'<a class="button wide" href="{session["launch_url"]}">' in phone


def test_looking_at_it_launches_nothing(shop: Shop) -> None:
    session = shop.click(unique()).json()
    page_of(session["handoff_url"], PHONE)
    assert shop.state(session) == "waiting"


def test_without_scripts_it_loads_itself_again_until_the_session_has_ended(
    shop: Shop, vendor: Vendor
) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    again = '<meta http-equiv="refresh"'
    assert again in page_of(session["handoff_url"]).text
    shop.launch(session["launch_url"])
    assert again in page_of(session["handoff_url"]).text
    vendor.call_back(product_id, state="completed")
    assert again not in page_of(session["handoff_url"]).text


def test_without_scripts_a_form_cancels_and_then_another_begins_anew(shop: Shop) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    form = re.search(r'<form method="post" action="([^"]+)"', page_of(session["handoff_url"]).text)
    assert form
    cancelled = http().post(
        form[1], data="", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert cancelled.url == session["handoff_url"]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', cancelled.text))
    assert (shop.state(session), fields["product_id"]) == ("cancelled", product_id)


@pytest.mark.parametrize(("asked", "spoken"), [("", "fr"), ("?lang=de", "de"), ("?lang=x", "fr")])
def test_it_speaks_as_asked_or_else_as_the_session_does(
    shop: Shop, asked: str, spoken: str
) -> None:
    session = shop.click(unique(), locale="fr-CA").json()
    assert f'<html lang="{spoken}"' in page_of(session["handoff_url"] + asked).text


def test_an_unknown_session_is_a_page_too(shop: Shop) -> None:
    answer = http().get(f"{shop.url}/handoff/{'A' * 22}", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
