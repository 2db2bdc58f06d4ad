"""Draws curves as an SVG. Both axes are logarithmic, so what grows in proportion is a straight line."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10

Curves = Mapping[str, Sequence[tuple[float, float]]]
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 380, 60, 230, 40, 50
_COLOURS = ("#0b6e99", "#c2410c", "#15803d", "#7e22ce", "#b91c1c")
_STYLE = 'font-family="system-ui, sans-serif" font-size="12"'


def plot(title: str, across: str, up: str, curves: Curves) -> str:
    """Returns an SVG. All values are positive."""
    points = [point for curve in curves.values() for point in curve]
    x, y = (_Axis([point[side] for point in points]) for side in (0, 1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {_STYLE}>',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 22, title, weight="bold"),
        _text(_LEFT, _HEIGHT - 12, across),
        _text(6, _TOP - 6, up),
        *(_grid(_across(x, value), value, vertical=True) for value in x.marks),
        *(_grid(_up(y, value), value, vertical=False) for value in y.marks),
    ]
    for number, (name, curve) in enumerate(curves.items()):
        parts += _curve(name, [(_across(x, a), _up(y, b)) for a, b in curve], number)
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Powers of ten around the values."""

    def __init__(self, values: Sequence[float]) -> None:
        self._least, most = floor(log10(min(values))), ceil(log10(max(values)))
        self._most = max(most, self._least + 1)
        self.marks = [10.0**power for power in range(self._least, self._most + 1)]

    def share(self, value: float) -> float:
        """Returns where a value lies on the axis, from 0 to 1."""
        return (log10(value) - self._least) / (self._most - self._least)


def _across(axis: _Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _up(axis: _Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.share(value) * (_HEIGHT - _TOP - _BOTTOM)


def _grid(at: float, value: float, *, vertical: bool) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    ends = (at, _TOP, at, bottom) if vertical else (_LEFT, at, right, at)
    line = '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#e5e5e5"/>'.format(*ends)
    x, y = (at - 8, bottom + 18) if vertical else (12, at + 4)
    return line + _text(x, y, f"{value:,.10g}")


def _curve(name: str, points: Sequence[tuple[float, float]], number: int) -> list[str]:
    colour = _COLOURS[number % len(_COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    x, y = _WIDTH - _RIGHT + 16, _TOP + 16 + 22 * number
    return [line + dots, f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>' + _text(x + 12, y, name)]


def _text(x: float, y: float, text: str, *, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#222222" font-weight="{weight}">{text}</text>'
