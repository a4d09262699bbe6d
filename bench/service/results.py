"""The result of a campaign as tables and as a picture, and whether its sizes level off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

from bench.crawl import plot
from bench.crawl.tables import table
from bench.service.campaign import Campaign
from bench.service.sizes import Size

MEGABYTE = 10**6
FEWEST_ROUNDS = 6
MEASURES = {"pss": "memory of all processes (PSS)", "store": "memory of the store", "disk": "disk of the store"}


def at_rest(campaign: Campaign) -> list[Size]:
    return [one for one in campaign.sizes if one.is_at_rest]


def growth(sizes: Sequence[Size], measure: str) -> float | None:
    """Return the last third over the second third; None for too few rounds to say."""
    if len(sizes) < FEWEST_ROUNDS:
        return None
    third = len(sizes) // 3
    second, last = (fmean(getattr(one, measure) for one in part) for part in (sizes[third:-third], sizes[-third:]))
    return last / second


def bytes_a_visit(campaign: Campaign, measure: str) -> float | None:
    """Return by how many bytes a visit made it larger, one by a `verify` too, in the last two thirds of the rounds."""
    sizes = at_rest(campaign)
    if len(sizes) < FEWEST_ROUNDS:
        return None
    first, last = sizes[len(sizes) // 3], sizes[-1]
    visits = (campaign.visits + campaign.verified) / len(campaign.rounds) * (len(sizes) - 1 - len(sizes) // 3)
    return (getattr(last, measure) - getattr(first, measure)) / visits


def text(campaign: Campaign) -> str:
    """Return the tables and the faults, as Markdown."""
    hosts, rounds = campaign.hosts, campaign.rounds
    rows = [
        ("hosts that the service revisits", f"{hosts.revisited}"),
        ("rounds, each one visit of every host", f"{len(rounds)}, {median(one.seconds for one in rounds):.0f} s each"),
        ("visits by the service", f"{campaign.visits:,}"),
        ("a `verify` beside it", f"{median(one.verify_seconds for one in rounds):.0f} s each"),
        ("hosts visited by a `verify` in each round", f"{len(hosts.of_verify)}, {hosts.shared} of them the service's"),
        ("known files that were there in some round", f"{campaign.cases:,}"),
        ("of them, came back after they were gone", f"{campaign.came_back:,}"),
        ("stop of the service", f"{campaign.stop_seconds:.1f} s"),
    ]
    resting = at_rest(campaign)
    sizes = [
        (
            label,
            f"{getattr(resting[0], measure) / MEGABYTE:.1f} MB",
            f"{getattr(resting[-1], measure) / MEGABYTE:.1f} MB",
            f"{max(getattr(one, measure) for one in campaign.sizes) / MEGABYTE:.1f} MB",
            _or_none(growth(resting, measure), "{:.2f}"),
            _or_none(bytes_a_visit(campaign, measure), "{:,.0f}"),
        )
        for measure, label in MEASURES.items()
    ]
    head = ("size", "after the first round", "after the last", "most", "last third / second third", "bytes a visit")
    said = [f"- {line}" for line in campaign.faults] or [
        "Every known file became a case, once; each that came back was seen again; every host was visited once a round "
        "by the service, and each `verify` found exactly the files of its own hosts."
    ]
    return "\n\n".join((table(("what", "count"), rows), table(head, sizes), "\n".join(said)))


def _or_none(value: float | None, form: str) -> str:
    return "too few rounds" if value is None else form.format(value)


def draw(campaign: Campaign, path: Path) -> None:
    """Write the sizes over the time as SVG; the dots are moments at which nobody was visited."""
    pyplot = plot.open_pyplot()
    figure, axes = pyplot.subplots(1, len(MEASURES), figsize=(4 * len(MEASURES), 3), squeeze=False)
    for axis, (measure, label) in zip(axes[0], MEASURES.items(), strict=True):
        minutes = [one.seconds / 60 for one in campaign.sizes]
        axis.plot(minutes, [getattr(one, measure) / MEGABYTE for one in campaign.sizes], color=plot.OTHERS, linewidth=1)
        resting = at_rest(campaign)
        values = [getattr(one, measure) / MEGABYTE for one in resting]
        axis.plot([one.seconds / 60 for one in resting], values, "o", color=plot.OURS, markersize=3)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{label}, MB", fontsize=9)
        axis.set_xlabel("minutes", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    plot.save(figure, path)
