"""The image benchmark as a picture: one bar for each tool, with its spread. Pure; the SVG is written by hand."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.images.tools import OURS
from tests.bench.results import Summary

_WIDTH, _LEFT, _BAR, _LINE, _GAP = 860, 330, 16, 22, 14
_OURS_COLOUR, _OTHERS_COLOUR = "#b3541e", "#8a8f98"
_LABEL_ROOM = 150


def image_plot(summaries: Sequence[Summary]) -> str:
    """Return an SVG; tools without a right run have no bar and their result in words."""
    longest = max((line.seconds_max or 0 for line in summaries), default=0) or 1.0
    per_second = (_WIDTH - _LEFT - _LABEL_ROOM) / longest
    parts, y, last_case = [], 30, ""
    for line in summaries:
        if line.case != last_case:
            y += _GAP if last_case else 0
            parts.append(f'<text x="8" y="{y + 12}" font-weight="bold">{escape(line.case)}</text>')
            last_case = line.case
        parts.append(_bar(line, y, per_second))
        y += _LINE
    title = "Seconds from URL to flushed disk: median, line = min to max; shorter is better"
    size = f'width="{_WIDTH}" height="{y + 10}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="8" y="18" font-size="13">{title}</text>',
            *parts,
            "</svg>\n",
        )
    )


def _bar(line: Summary, y: int, per_second: float) -> str:
    name = f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(line.tool)}</text>'
    if line.seconds is None or line.seconds_min is None or line.seconds_max is None:
        return f'{name}<text x="{_LEFT}" y="{y + 12}" fill="#a00">{escape(line.worst)}</text>'
    colour = _OURS_COLOUR if line.tool == OURS else _OTHERS_COLOUR
    low, high = _LEFT + line.seconds_min * per_second, _LEFT + line.seconds_max * per_second
    middle = y + _BAR / 2
    return (
        f'{name}<rect x="{_LEFT}" y="{y}" width="{line.seconds * per_second:.1f}" height="{_BAR}" fill="{colour}"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>'
        f'<text x="{high + 6:.1f}" y="{y + 12}">{line.seconds:.2f} s</text>'
    )
