"""Figures as SVG elements of a page: in its text colour, with ids of their own."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from torch_cgprune.report.extras import matplotlib

# Stands for the page's text colour, which matplotlib has no name for.
_TEXT = "#010203"
_STYLE = {
    "axes.edgecolor": _TEXT,
    "axes.facecolor": "none",
    "axes.labelcolor": _TEXT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text stays text: small, and to be searched and read aloud
    "svg.hashsalt": "torch-cgprune",
    "text.color": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
}


def draw(
    plot: Callable[[Any], object], *, name: str, label: str, size: tuple[float, float] = (5.2, 3)
) -> str:
    """Return a plot as an SVG element.

    Args:
        plot: draws on the axes it is given.
        name: of the element among those of a page; ids in it begin with this.
        label: what a reader who does not see it should know.
        size: width and height in inches.

    """
    with matplotlib().rc_context(_STYLE), warnings.catch_warnings():
        # Names in scripts that matplotlib's font lacks: the page's fonts have them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = matplotlib().figure.Figure(size, layout="constrained")
        plot(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), name, label)


def _inline(document: str, name: str, label: str) -> str:
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _own(tag[0], name), svg)  # text stays as it is
    svg = re.sub(r'<svg[^>]*?viewBox="([^"]+)"[^>]*>', _opening(label), svg, count=1)
    return re.sub(r"\n\s*", "\n", svg).strip()


def _own(tag: str, name: str) -> str:
    """Return a tag in the page's text colour, its ids and references begun with ``name``."""
    tag = tag.replace(_TEXT, "currentColor").replace(' id="', f' id="{name}-')
    return re.sub(r'(href="#|url\(#)', rf"\1{name}-", tag)


def _opening(label: str) -> Callable[[re.Match[str]], str]:
    def opening(found: re.Match[str]) -> str:
        width = float(found[1].split()[2])
        return (
            f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{found[1]}" role="img" '
            f'aria-label="{html.escape(label)}" style="max-width:{1.5 * width:.0f}px">'
        )

    return opening
