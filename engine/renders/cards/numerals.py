"""Numbers as people read them."""

MOST_DECIMALS = 3


def decimals_of(*values: float) -> int:
    """How many decimals these numbers were given with, at most three."""
    written = (f"{value:.{MOST_DECIMALS}f}".rstrip("0").partition(".")[2] for value in values)
    return max(len(part) for part in written)


def grouped(value: float, decimals: int) -> str:
    """The number with its thousands apart and a true minus sign, as −1,234.5; never −0."""
    text = f"{value:,.{decimals}f}"
    digits = text.lstrip("-")
    return f"−{digits}" if text != digits and any(sign in "123456789" for sign in digits) else digits
