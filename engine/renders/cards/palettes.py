"""Palettes, and the rule that text can be read on its ground. No Pillow here: jobs are checked by it when accepted."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.renders.colours import READABLE, Colour, contrast, ink_on, luminance, mixed, parsed

LIGHT_TEMPLATES = frozenset({"editorial", "quote"})  # drawn in a palette's light look
VISIBLE = 1.6  # what an ornament needs to be seen, though nothing is to be read in it
_STEPS = 20
_AMPLE = 8  # a contrast that may be spent on light
_SAFE = READABLE + 0.2  # grounds have a grain, and letters soft edges


@dataclass(frozen=True)
class Tone:
    """The colours of one look: a ground that may run to `far`, light on it, an accent, and what is written.

    `series` tells bars apart.
    """

    ground: Colour
    far: Colour
    glow: Colour
    accent: Colour
    ink: Colour
    series: tuple[Colour, ...] = ()

    @property
    def soft(self) -> Colour:
        """For what stands behind the headline; it can be read on the ground and on `far`."""
        return readable(mixed(self.ink, self.ground, 0.24), self)

    @property
    def signal(self) -> Colour:
        """The accent, for letters."""
        return readable(self.accent, self)

    def lit(self, share: float) -> Colour:
        """`far` with this share of light, or with as much as leaves the ink readable."""
        shares = (share * step / _STEPS for step in range(_STEPS, 0, -1))
        mixes = (mixed(self.far, self.glow, part) for part in shares)
        return next((light for light in mixes if contrast(light, self.ink) >= _SAFE), self.far)

    @property
    def second(self) -> Colour:
        """For ornaments beside the accent."""
        return self.glow if contrast(self.glow, self.far) >= VISIBLE else mixed(self.far, self.accent, 0.5)

    @property
    def line(self) -> Colour:
        """For thin rules."""
        return mixed(self.ground, self.ink, 0.18)


@dataclass(frozen=True)
class Palette:
    """A deep look and a light one."""

    deep: Tone
    light: Tone


def readable(colour: Colour, tone: Tone) -> Colour:
    """The colour, moved towards the ink until it can be read on the tone's grounds."""
    for step in range(_STEPS):
        tried = mixed(colour, tone.ink, step / _STEPS)
        if min(contrast(tried, tone.ground), contrast(tried, tone.far)) >= _SAFE:
            return tried
    return tone.ink


def own(colours: Sequence[str]) -> Palette:
    """The palette of somebody's own colours: the ground, the accent and, if it is given, the ink.

    Raises:
        ValueError: nothing can be read on the ground; names the contrast there would be.
    """
    ground, accent = parsed(colours[0]), parsed(colours[1])
    ink = parsed(colours[2]) if len(colours) > 2 else ink_on(ground)
    if (reached := contrast(ink, ground)) < READABLE:
        letters = f"letters in {colours[2]}" if len(colours) > 2 else "white and black letters"
        raise ValueError(f"must let text be read: {letters} reach a contrast of {reached:.1f} on {colours[0]}, not 4.5")
    shown = visible(accent, ground, ink)
    way = 1 if (luminance(ground) < luminance(ink)) is (reached >= _AMPLE) else -1  # lighter or darker
    far, glow = (_shade(ground, ink, way * change) for change in (0.09, 0.2))
    kin = (turned(shown, turn) for turn in (0.0, 0.08, -0.08, 0.16, -0.16, 0.3, 0.5))
    tone = Tone(ground, far, glow, shown, ink, tuple(visible(each, far, ink) for each in kin))
    return Palette(tone, tone)


def _shade(ground: Colour, ink: Colour, change: float) -> Colour:
    """The ground this much lighter or darker, or as much as leaves the ink readable."""
    shades = (turned(ground, 0, change * step / _STEPS) for step in range(_STEPS, 0, -1))
    return next((shade for shade in shades if contrast(ink, shade) > _SAFE), ground)


def visible(colour: Colour, ground: Colour, ink: Colour) -> Colour:
    """The colour, moved towards the ink until an ornament of it can be seen on the ground."""
    mixes = (mixed(colour, ink, step / _STEPS) for step in range(_STEPS))
    return next((seen for seen in mixes if contrast(seen, ground) >= VISIBLE), ink)


def turned(colour: Colour, turn: float, lighter: float = 0) -> Colour:
    """The colour this share of the wheel further, and so much lighter or, below 0, darker (HLS)."""
    hue, light, strength = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    strength *= 0.8 if turn else 1.0
    red, green, blue = colorsys.hls_to_rgb((hue + turn) % 1, min(1.0, max(0.0, light + lighter)), strength)
    return round(red * 255), round(green * 255), round(blue * 255)


def _palette(deep: str, light: str, series: str) -> Palette:
    many = tuple(map(parsed, series.split()))
    return Palette(_tone(deep, many), _tone(light, many))


def _tone(given: str, many: tuple[Colour, ...]) -> Tone:
    ground, far, glow, accent, ink = map(parsed, given.split())
    return Tone(ground, far, glow, accent, ink, tuple(visible(each, far, ink) for each in many))


PALETTES = {  # of a deep look and a light one: ground, far, glow, accent, ink; then what tells bars apart
    "indigo": _palette(
        "191542 3A2FA0 6D5CFF FFB870 FFFFFF",
        "F4F3FC E4E1F7 C9C3F5 4F46E5 1A1640",
        "FFB870 7C6DFF 4CC9C0 F27EA0 B3A7FF 5AA8F2 E8D27A C77DE8",
    ),
    "ocean": _palette(
        "06263A 0A5675 1FA5C9 7FE7D2 FFFFFF",
        "EFF7F9 DCECF1 B5DCE6 0B7A99 07293D",
        "5FE0CC 2FA8D5 F2B36B 7C9BEA 9AD3EF 4FBF8B F08A7A C5E37A",
    ),
    "forest": _palette(
        "0B2A21 185743 3E9C6B F0D37A FFFFFF",
        "F4F6EE E5EBDC C6D8BD 2C7A52 10281F",
        "F0D37A 4FAE7B E59A6B A9D68A 6FC3B8 C9A94F DC7F7F 8FA5D8",
    ),
    "sunset": _palette(
        "37102F 8E1F4C F26A4B FFC56E FFFFFF",
        "FFF5EE FBE3D6 F8C7AF CF3363 371027",
        "FFC56E F26A4B F59BB0 B878E0 FF9C66 8E8BEA E8597F F2D9A0",
    ),
    "graphite": _palette(
        "14161B 2E333D 5B6472 D8F26E FFFFFF",
        "F3F4F4 E3E5E7 C9CDD2 3F5BD9 16181D",
        "D8F26E 8FA0B8 5FC9B5 F2A65E 7C93F0 E0788A B9A3E3 C9D1DB",
    ),
    "paper": _palette(
        "F5EEDF EBDFC7 FFFAF0 C4502F 2A2018",
        "FFFDF8 F4ECDD EADBC2 C4502F 2A2018",
        "C4502F 5E7F73 D9A441 3F5F7F D98C6A 8A9A5B 8A5C74 A9805B",
    ),
}
