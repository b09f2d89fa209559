"""The fonts that layouts are held in: a page looks different on each merchant's machine."""

import re

from playwright.sync_api import BrowserContext, Page, Route

# About as wide as Verdana, and as Arial Narrow, with the packages of Debian that have them.
PACKAGES = {
    "DejaVu Sans": "fonts-dejavu-core",
    "Liberation Sans Narrow": "fonts-liberation, or fonts-liberation-sans-narrow",
}
ASKED = "system-ui"  # what our pages ask for first


def dress(context: BrowserContext, family: str) -> None:
    """Let every page of ours be set in a font, as on a machine whose own font that is."""

    def alter(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(ASKED, family))

    context.route(re.compile(r"\.css(\?|$)"), alter)


def is_set_in(page: Page, family: str) -> bool:
    asked = str(page.evaluate("getComputedStyle(document.body).fontFamily"))
    return asked.replace('"', "").startswith(family)


def draws(page: Page, family: str) -> bool:
    """Whether the browser has the font, and not another one in its stead."""
    page.set_content(f"<p style='font-family: {family}'>Try it on</p>")
    tools = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        tools.send(f"{domain}.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    node = tools.send("DOM.querySelector", {"nodeId": root, "selector": "p"})["nodeId"]
    used = tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return [font["familyName"] for font in used] == [family]


def boxes(page: Page, characters: str) -> str:
    """Those of the characters that no font here has, and that show as empty boxes."""
    return str(
        page.evaluate(
            """characters => {
                const pen = new OffscreenCanvas(64, 64).getContext('2d', {willReadFrequently: true})
                pen.font = '32px sans-serif'
                const look = character => {
                    pen.clearRect(0, 0, 64, 64)
                    pen.fillText(character, 16, 44)
                    return pen.getImageData(0, 0, 64, 64).data.join()
                }
                const box = look('\u0378')  // is assigned to nothing
                return [...characters].filter(each => look(each) == box).join('')
            }""",
            characters,
        )
    )


def sticks_out(page: Page) -> list[str]:
    """What is wider than the room it has and cannot be scrolled to, and what lies on a neighbour's
    text in a chart."""
    return list(
        page.evaluate("""() => {
            const named = element => `<${element.tagName} class="${element.className}"> ` +
                element.textContent.trim().slice(0, 40)
            const found = []
            if (document.documentElement.scrollWidth > innerWidth) found.push('the page')
            for (const element of document.querySelectorAll('body *:not(svg, svg *, .spoken)')) {
                const style = getComputedStyle(element)
                const bounded = style.display != 'inline' && element.clientWidth
                const rolls = ['auto', 'scroll'].includes(style.overflowX)
                // A pixel more is a rounded one.
                if (bounded && !rolls && element.scrollWidth > element.clientWidth + 1)
                    found.push(named(element))
            }
            for (const chart of document.querySelectorAll('svg')) {
                const placed = [...chart.querySelectorAll('text')]
                    .filter(text => text.checkVisibility())
                    .map(text => [text.textContent, text.getBoundingClientRect()])
                placed.forEach(([text, box], index) => {
                    for (const [other, next] of placed.slice(index + 1)) {
                        const left = Math.max(box.left, next.left)
                        const top = Math.max(box.top, next.top)
                        const across = Math.min(box.right, next.right) - left
                        const down = Math.min(box.bottom, next.bottom) - top
                        if (across > 1 && down > 3) found.push(`${text} on ${other}`)
                    }
                    const card = chart.closest('.card')?.getBoundingClientRect()
                    if (card && (box.left < card.left || box.right > card.right)) found.push(text)
                })
            }
            return found
        }""")
    )
