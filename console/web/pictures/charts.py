"""Charts: bars and lines, drawn by pygal and stripped of all that a page of ours may not have: styles, scripts, links.

Colours and type come from console.css, so that a chart is light or dark with its page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

import pygal
from markupsafe import Markup
from orbweaver.console.text import safe

# pygal puts a finder of modules for plugins of its own here, which each later import warns of (3.1.3).
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]
WIDTH: Final = 640
HEIGHT: Final = 260
# Labels below the axis that have room beside each other.
_LABELS: Final = 12
_LEAST_TOP: Final = 5
_DROPPED: Final = frozenset({"defs", "style", "script", "title", "desc", "image", "a", "foreignObject"})
# What pygal draws over the chart for its own script.
_OVERLAYS: Final = frozenset({"plot text-overlay", "plot tooltip-overlay", "tooltip"})
_KEPT: Final = frozenset(
    {"class", "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "transform"}
)


@dataclass(frozen=True)
class Chart:
    """A drawn chart: `name` is its heading, `words` say what can be seen in it, and `head` and `rows` are its table."""

    name: str
    words: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a chart: a series for each name, with a number for each label, None where there is none.

    `first` is the head of the column of labels, `shown` writes a number for people, `most` is where the axis ends;
    None: at the largest number.
    """

    first: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    shown: Callable[[float], str] = "{:,.0f}".format
    most: float | None = None


def bars(name: str, words: str, numbers: Numbers, *, are_stacked: bool = False) -> Chart:
    """Draw a bar for each label and series, beside each other or stacked."""
    return _drawn(pygal.StackedBar if are_stacked else pygal.Bar, name, words, numbers, are_stacked=are_stacked)


def lines(name: str, words: str, numbers: Numbers) -> Chart:
    """Draw a line for each series; a number that is not there interrupts it."""
    return _drawn(pygal.Line, name, words, numbers)


def _drawn(kind: Callable[..., Any], name: str, words: str, numbers: Numbers, *, are_stacked: bool = False) -> Chart:
    labels = [safe(one) for one in numbers.labels]  # XML has no place for a control character
    every = max(1, -(-len(numbers.labels) // _LABELS))
    chart = kind(
        width=WIDTH,
        height=HEIGHT,
        margin=6,
        js=[],
        css=[],
        show_legend=len(numbers.series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(numbers.series),
        show_minor_x_labels=False,
        dots_size=2,
        range=(0, _top(numbers, are_stacked=are_stacked)),
        truncate_label=-1,
        min_scale=2,
        max_scale=5,
        value_formatter=numbers.shown,
    )
    chart.x_labels = labels
    chart.x_labels_major = labels[::every]
    for title, values in numbers.series.items():
        chart.add(title, list(values))
    rows = tuple(
        (label, *("" if one[place] is None else numbers.shown(one[place] or 0) for one in numbers.series.values()))
        for place, label in enumerate(labels)
    )
    return Chart(name, words, _svg(chart.render_tree(), words), (numbers.first, *numbers.series), rows)


def _top(numbers: Numbers, *, are_stacked: bool) -> float:
    """Return where the axis ends: at least at 5, so that whole numbers stand beside it."""
    if numbers.most is not None:
        return numbers.most
    columns = zip(*numbers.series.values(), strict=True)
    heights = ([value or 0 for value in column] for column in columns)
    return max([_LEAST_TOP, *(sum(one) if are_stacked else max(one) for one in heights)])


def _svg(root: Any, words: str) -> Markup:
    plain = ElementTree.Element("svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    plain.set("aria-label", words)
    plain.set("class", "chart")
    _copy(root, plain)
    return Markup(ElementTree.tostring(plain, encoding="unicode"))  # noqa: S704 - it escapes what it writes


def _copy(source: Any, target: Any) -> None:
    """Copy what is drawn, and of its attributes those that say where and how large."""
    for node in source:
        name = node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
        if not name or name in _DROPPED or node.get("class") in _OVERLAYS:
            continue
        made = ElementTree.SubElement(target, name)
        for attribute in _KEPT & set(node.keys()):
            made.set(attribute, node.get(attribute))
        made.text = node.text if name in {"text", "tspan"} else None
        _copy(node, made)
