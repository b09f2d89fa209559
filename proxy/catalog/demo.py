"""The demo shop's products, and the catalogue that `tryon demo` makes of them."""

from typing import NamedTuple


class DemoProduct(NamedTuple):
    """The id is the name of its picture too, in `static/demo`; its beginning picks a scenario of
    the vendor simulator. `share` is its part of the made-up history."""

    product_id: str
    category: str
    kind: str
    title: str
    price: str
    words: str
    share: int
    shows: str = ""
    """What a try-on that fails on purpose will show."""


PRODUCTS = (
    DemoProduct(
        "trail-runner",
        "footwear",
        "Running shoe",
        "Trail Runner 3",
        "€129",
        "A light shoe for soft ground: grippy sole, roomy toes, and a heel that stays where it is.",
        share=9,
    ),
    DemoProduct(
        "tide-sunglasses",
        "eyewear",
        "Sunglasses",
        "Tide Sunglasses",
        "€149",
        "Bio-acetate in tortoiseshell, polarised lenses, and hinges that survive a beach bag.",
        share=7,
    ),
    DemoProduct(
        "meridian-watch",
        "watches",
        "Watch",
        "Meridian 38",
        "€240",
        "Thirty-eight millimetres of brushed steel, a quiet dial, and a strap that ages with you.",
        share=4,
    ),
    DemoProduct(
        "court-classic",
        "footwear",
        "Sneaker",
        "Court Classic",
        "€95",
        "White leather, gum sole, nothing to explain. Goes with whatever you put on this morning.",
        share=8,
    ),
    DemoProduct(
        "dew-pendant",
        "jewelry",
        "Necklace",
        "Dew Pendant",
        "€85",
        "A drop of green tourmaline on a fine gold-plated chain. Small enough for every day.",
        share=2,
    ),
    DemoProduct(
        "fell-beanie",
        "headwear",
        "Beanie",
        "Fell Beanie",
        "€39",
        "Merino in a thick rib, knitted in one piece. Warm when it is wet, soft when it is not.",
        share=3,
    ),
    DemoProduct(
        "city-boot",
        "footwear",
        "Chelsea boot",
        "City Boot",
        "€179",
        "Waxed leather that minds the rain less than you do, and a sole that can be replaced.",
        share=5,
    ),
    DemoProduct(
        "sim-500-sandal",
        "footwear",
        "Sandal",
        "Harbour Sandal",
        "€69",
        "Two straps and a cork footbed, for days that need nothing more.",
        share=1,
        shows="The vendor answers with an error. You will read that something went wrong on our "
        "side, with a button to try again.",
    ),
)
CATEGORIES = tuple(dict.fromkeys(product.category for product in PRODUCTS))


def catalog(shop: str) -> list[dict[str, str]]:
    """List the products as `TRYON_CATALOG` has them, with addresses of the demo at `shop`."""
    return [
        {
            "product_id": product.product_id,
            "category": product.category,
            "title": product.title,
            "image_url": f"{shop}/shop/{product.product_id}.svg",
            "page_url": f"{shop}/shop/{product.product_id}",
        }
        for product in PRODUCTS
    ]
