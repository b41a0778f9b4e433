"""Plain SVG: marks, text and axes of a chart that is drawn once and never moves. Colours are classes of the page's style.

Everything that comes from outside is escaped here. Coordinates are floats with one decimal; money never comes back from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import Final

CHAR_PX: Final = 7.2  # of a character at 12 px in the widest of the usual sans faces; labels are given room by it
WIDE_PX: Final = 8.6  # of a capital
THIN_PX: Final = 4.2
THIN: Final = frozenset(" .,:;|ijl'()")
TICKS: Final = 5

type Scale = Callable[[float], float]


def text_px(text: str) -> float:
    """Return about how wide a label is."""
    return sum(THIN_PX if char in THIN else WIDE_PX if char.isupper() else CHAR_PX for char in text)


def linear(low: float, high: float, *, start: float, end: float) -> Scale:
    """Return the scale that takes `low`..`high` to pixels `start`..`end`; of an empty range everything is in the middle."""
    if high == low:
        return lambda _value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, *, start: float, end: float) -> Scale:
    """Return a logarithmic scale; what is below `low` > 0 stands at its edge."""
    inner = linear(math.log10(low), math.log10(max(high, low * 10)), start=start, end=end)
    return lambda value: inner(math.log10(max(value, low)))


def nice_ticks(low: float, high: float, *, count: int = TICKS) -> list[float]:
    """Return about `count` round values (1, 2, 5 x 10^n apart) from `low` to `high`, two at least; one where they are equal."""
    if high <= low:
        return [low]
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if first >= last:  # one value or none says nothing of the scale
        return nice_ticks(low, high, count=count + 1)
    return [round(number * step, 12) for number in range(first, last + 1)]


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """Return a tick's label with the decimals its axis needs."""
    step = min((abs(b - a) for a, b in pairwise(ticks)), default=abs(value) or 1.0)
    places = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:,.{places}f}".replace("-", "−")


class Svg:
    """One drawing of `width` x `height` pixels; `words` is what a screen reader says of it."""

    def __init__(self, width: float, height: float, *, words: str) -> None:
        self.width = width
        self.height = height
        self._words = words
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>')

    def rect(self, x: float, y: float, width: float, height: float, css: str, *, tip: str = "") -> None:
        """A rectangle; a negative width reaches to the left, and nothing is thinner than half a pixel."""
        left, wide = min(x, x + width), max(abs(width), 0.5)
        self._parts.append(
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{height:.1f}" rx="1.5" class="{css}"{_tip(tip)}/>'
        )

    def circle(self, x: float, y: float, radius: float, css: str, *, tip: str = "") -> None:
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{css}"{_tip(tip)}/>')

    def triangle(self, x: float, y: float, size: float, css: str, *, up: bool, tip: str = "") -> None:
        """A triangle that points at (x, y) from below (`up`) or from above."""
        base = y + size * 1.5 if up else y - size * 1.5
        points = f"{x:.1f},{y:.1f} {x - size:.1f},{base:.1f} {x + size:.1f},{base:.1f}"
        self._parts.append(f'<polygon points="{points}" class="{css}"{_tip(tip)}/>')

    def path(self, points: Sequence[tuple[float, float]], css: str, *, stepped: bool = False) -> None:
        """A line through the points; `stepped`: each holds until the next."""
        if not points:
            return
        made = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
        for x, y in points[1:]:
            made.append(f"H{x:.1f}V{y:.1f}" if stepped else f"L{x:.1f} {y:.1f}")
        self._parts.append(f'<path d="{"".join(made)}" class="{css}"/>')

    def area(self, upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], css: str) -> None:
        """The area between two lines with the same xs."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *reversed(lower)])
        self._parts.append(f'<polygon points="{points}" class="{css}"/>')

    def text(self, x: float, y: float, words: str, css: str = "t", *, anchor: str = "start", tip: str = "") -> None:
        """A label whose baseline is at `y`; `anchor`: start, middle or end."""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{css}"{place}{_tip(tip)}>{escape(words)}</text>')

    def x_axis(self, scale: Scale, ticks: Sequence[float], *, top: float, bottom: float, unit: str) -> None:
        """Grid lines from `top` to `bottom`, a label below each, and the unit at the last one."""
        for number, value in enumerate(ticks):
            x = scale(value)
            self.line(x, top, x, bottom, "zero" if value == 0 else "grid")
            label = tick_text(value, ticks) + (f" {unit}" if number == len(ticks) - 1 else "")
            anchor = "end" if number == len(ticks) - 1 and x + text_px(label) / 2 > self.width else "middle"
            self.text(self.width if anchor == "end" else x, bottom + 16, label, "axis", anchor=anchor)

    def y_axis(self, scale: Scale, ticks: Sequence[float], *, left: float, right: float, unit: str) -> None:
        """Grid lines from `left` to `right`, a label above each at the left, and the unit at the highest one."""
        for number, value in enumerate(ticks):
            y = scale(value)
            self.line(left, y, right, y, "zero" if value == 0 else "grid")
            label = tick_text(value, ticks) + (f" {unit}" if number == len(ticks) - 1 else "")
            self.text(left, y - 4, label, "axis")

    def markup(self) -> str:
        """Return the element."""
        head = f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" role="img" aria-label="{escape(self._words)}">'
        return head + "".join(self._parts) + "</svg>"


def _tip(words: str) -> str:
    return f' data-tip="{escape(words)}"' if words else ""
