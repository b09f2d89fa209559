"""`/t/<product id>`: the page behind the button's link, where scripts are off."""

import re

from tests.servers import Shop, unique


def test_without_scripts_a_form_leads_to_the_handoff_page(shop: Shop) -> None:
    product_id = unique()
    page = shop.http.get(f"{shop.url}/t/{product_id}?category=footwear")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    answer = shop.http.post(
        f"{shop.url}/sessions", data=fields, headers={"Origin": shop.origin}, allow_redirects=False
    )
    assert answer.status_code == 303
    assert "/handoff/" in answer.headers["Location"]
    assert shop.http.get(answer.headers["Location"]).status_code == 200
