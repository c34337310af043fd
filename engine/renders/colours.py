"""Colours, and how well one can be read on another (WCAG 2.2). No Pillow here: jobs are checked by it when accepted."""

Colour = tuple[int, int, int]

WHITE, INK = (255, 255, 255), (15, 23, 42)
READABLE = 4.5  # the contrast that text needs (WCAG 2.2, 1.4.3)


def parsed(text: str) -> Colour:
    """The colour that six hexadecimal digits name, as in #4F46E5."""
    digits = text.removeprefix("#")
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def written(colour: Colour) -> str:
    """As six hexadecimal digits, as in #4F46E5."""
    red, green, blue = colour
    return f"#{red:02X}{green:02X}{blue:02X}"


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Between 1 and 21 (WCAG 2.2, contrast ratio)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """The first colour with this share (0 to 1) of the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ink_on(ground: Colour) -> Colour:
    """White or nearly black, whichever can be read better on this ground: at a contrast of at least 4.2."""
    return max((WHITE, INK), key=lambda ink: contrast(ink, ground))
