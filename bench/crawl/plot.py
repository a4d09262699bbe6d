"""The results as one picture: wall time, CPU and peak memory of everybody on every site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.crawl.rounds import Middle
from bench.crawl.tables import LABELS, MEGABYTE, TWO_HOSTS

OURS, OTHERS = "#b3541e", "#8a99a8"


def draw(middles: Sequence[Middle], path: Path) -> None:
    """Write the picture as SVG; the whiskers are the least and the most of the runs."""
    pyplot = open_pyplot()
    middles = [one for one in middles if one.contestant not in TWO_HOSTS]  # they crawl twice as much
    corpora = list(dict.fromkeys(one.corpus for one in middles))
    figure, axes = pyplot.subplots(len(corpora), 3, figsize=(13, 2.6 * len(corpora)), squeeze=False)
    for row, corpus in zip(axes, corpora, strict=True):
        here = sorted((one for one in middles if one.corpus == corpus), key=lambda one: -one.wall_seconds)
        labels = [LABELS[one.contestant] for one in here]
        colours = [OURS if LABELS[one.contestant].startswith("Orbweaver") else OTHERS for one in here]
        whiskers = (
            [one.wall_seconds - one.wall_least for one in here],
            [one.wall_most - one.wall_seconds for one in here],
        )
        row[0].barh(labels, [one.wall_seconds for one in here], color=colours, xerr=whiskers, ecolor="#333")
        row[1].barh(labels, [one.cpu_seconds for one in here], color=colours)
        row[2].barh(labels, [one.peak_bytes / MEGABYTE for one in here], color=colours)
        for axis, title in zip(row, ("wall, s", "CPU, s", "peak memory, MB"), strict=True):
            axis.set_title(f"{corpus}: {title}", fontsize=9)
            axis.tick_params(labelsize=8)
            axis.spines[["top", "right"]].set_visible(False)
        for axis in row[1:]:
            axis.set_yticklabels([])
    save(figure, path)


def open_pyplot() -> Any:
    """Return matplotlib's pyplot, set to write SVG that is the same for the same figures."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "orbweaver"
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    # matplotlib ends lines with spaces, which git warns of
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
