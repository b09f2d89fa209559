"""The fonts that layouts are held in: a page looks different on each merchant's machine."""

from playwright.sync_api import Page

from tests.browser.engines import Window

# About as wide as Verdana, and as Arial Narrow, with the packages of Debian that have them.
PACKAGES = {
    "DejaVu Sans": "fonts-dejavu-core",
    "Liberation Sans Narrow": "fonts-liberation, or fonts-liberation-sans-narrow",
}


def dress(page: Page, family: str) -> None:
    """Set a page of ours in a font, as on a machine whose own font that is."""
    asked = str(
        page.evaluate(
            """family => {
                for (const {cssRules} of document.styleSheets)
                    for (const {style} of cssRules)
                        if (style?.fontFamily)
                            style.fontFamily = style.fontFamily.replace('system-ui', 'var(--own)')
                document.documentElement.style.setProperty('--own', `"${family}"`)
                return getComputedStyle(document.body).fontFamily
            }""",
            family,
        )
    )
    assert asked.replace('"', "").startswith(family)


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
                const pen = new OffscreenCanvas(32, 32).getContext('2d', {willReadFrequently: true})
                pen.font = '16px sans-serif'
                const look = character => {
                    pen.clearRect(0, 0, 32, 32)
                    pen.fillText(character, 8, 22)
                    return new Uint32Array(pen.getImageData(0, 0, 32, 32).data.buffer).join()
                }
                const box = look('\u0378')  // is assigned to nothing
                return [...characters].filter(each => look(each) == box).join('')
            }""",
            characters,
        )
    )


def sticks_out(page: Page | Window) -> list[str]:
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
