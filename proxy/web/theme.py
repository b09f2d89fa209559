"""A stylesheet from the merchant's accent colour, readable in light and dark."""

Colour = tuple[float, float, float]  # red, green, blue; each 0 to 1

READABLE = 4.5  # WCAG 2.2, 1.4.3: contrast of text
PAPER = {"light": "#ffffff", "dark": "#18181b"}
INKS = ("#ffffff", "#000000")  # with any other two, some colour between them fails


def parse(text: str) -> Colour:
    """Parse `#rgb` or `#rrggbb`, which is all that `proxy.settings_values.color` lets in."""
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def spell(colour: Colour) -> str:
    """Format a colour as `#rrggbb`."""
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    dark, light = sorted((luminance(parse(one)), luminance(parse(other))))
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: str, colour: str) -> str:
    """Mix `colour` with black or white, just enough to be read as text on `background`."""
    towards = 0.0 if luminance(parse(background)) > 0.18 else 1.0
    for step in range(101):
        share = step / 100
        red, green, blue = (part + (towards - part) * share for part in parse(colour))
        mixed = spell((red, green, blue))
        if contrast(mixed, background) >= READABLE:
            return mixed
    return spell((towards, towards, towards))


def ink_on(background: str) -> str:
    """Return black or white, whichever reads better on `background`."""
    return max(INKS, key=lambda ink: contrast(ink, background))


def stylesheet(accent: str) -> str:
    """Write custom properties for both schemes: the fill, its ink, and the accent as text."""

    def block(scheme: str) -> str:
        paper = PAPER[scheme]
        text = readable_on(paper, accent)
        # A fill as pale as the paper would leave a button without an edge.
        fill = accent if contrast(accent, paper) >= 1.5 else text
        return (
            f":root {{ --paper: {paper}; --accent: {fill}; "
            f"--accent-ink: {ink_on(fill)}; --accent-text: {text}; }}"
        )

    return f"{block('light')}\n@media (prefers-color-scheme: dark) {{\n  {block('dark')}\n}}\n"
