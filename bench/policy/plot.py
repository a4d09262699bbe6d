"""The results as one picture: time to detection of each policy in each scenario, compared with uniform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.crawl.plot import OTHERS, OURS, open_pyplot, save
from bench.policy.results import LABELS, REFERENCE, Cell, rows
from bench.policy.scenarios import SCENARIOS


def draw(cells: Sequence[Cell], path: Path) -> None:
    """Write the picture as SVG: a panel for each scenario, bars of the weighted mean, dots of the p95."""
    pyplot = open_pyplot()
    shown = [(one, found) for one in SCENARIOS if (found := rows(cells, one))]
    figure, axes = pyplot.subplots(1, len(shown), figsize=(2.1 * len(shown) + 1.6, 3.2), sharey=True, squeeze=False)
    for axis, (scenario, found) in zip(axes[0], shown, strict=True):
        ordered = [row for row in reversed(found) if row.contestant != REFERENCE]
        labels = [LABELS[row.contestant] for row in ordered]
        axis.barh(
            labels,
            [row.weighted_ratio.mean for row in ordered],
            xerr=[row.weighted_ratio.margin for row in ordered],
            color=[OURS if label.startswith("Orbweaver") else OTHERS for label in labels],
            ecolor="#333",
        )
        axis.plot([row.p95_ratio.mean for row in ordered], labels, "o", color="#333", markersize=3)
        axis.axvline(1, color="#333", linewidth=0.8)
        axis.set_xlim(0, 1.9)
        axis.set_title(scenario.name, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    what = "weighted mean (bars, 95 % intervals), p95 (dots); what reaches the edge is longer"
    figure.supxlabel(f"time to detection / uniform's: {what}", fontsize=9)
    save(figure, path)
