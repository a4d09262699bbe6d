"""Counts what each contestant found of what is there, by kind of trick, and writes the tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.crawl.tables import table
from bench.recall.server import Seen
from bench.recall.site import Site
from bench.recall.task import SiteFindings


@dataclass(frozen=True)
class Score:
    """The files that a contestant found, by site, those that it missed and said so, and its requests."""

    contestant: str
    found: Mapping[str, frozenset[str]]
    said: Mapping[str, frozenset[str]]
    requests: int
    gone: int
    extra: Mapping[str, list[str]] = field(default_factory=dict)


def score(
    contestant: str, sites: Iterable[Site], seen: Seen, answers: Mapping[str, SiteFindings], *, by_digest: bool
) -> Score:
    """Compare with the truth: by the digests that were computed, else by what the server handed out whole as well."""
    found, said = {}, {}
    for site in sites:
        own = answers.get(site.name, SiteFindings())
        digests = set(own.sha256s)
        by_digests = {label for label in site.files if digest_of(site, label) in digests}
        handed_out = seen.files.get(site.name, set()) & site.files
        found[site.name] = frozenset(by_digests if by_digest else by_digests | handed_out)
        said[site.name] = frozenset(label for label in site.files - found[site.name] if is_said(site, label, own.said))
    return Score(contestant, found, said, seen.requests, seen.gone, seen.paths)


def digest_of(site: Site, label: str) -> str:
    from bench.recall.archives import FORMS

    if label in site.archives:
        one = site.archives[label]
        body = FORMS[one.form]({name: site.bytes_of(f"{label}!/{name}") for name in one.members})
    else:
        body = site.bytes_of(label)
    return hashlib.sha256(body).hexdigest()


def is_said(site: Site, label: str, urls: Iterable[str]) -> bool:
    """Whether one of these URLs is that of a file, of the archive that it is in, or of a page or redirect before it."""
    paths = {"/" + url.split("/", 3)[-1] for url in urls}
    return not paths.isdisjoint({label.partition("!/")[0], *site.answers})


def by_kind(sites: Sequence[Site], scores: Sequence[Score], labels: Mapping[str, str]) -> str:
    """Return the table: a row for each kind of trick, a column for each contestant, shares of all files."""
    rows = []
    kinds = list(dict.fromkeys(site.kind for site in sites))
    for kind in kinds:
        own = [site for site in sites if site.kind == kind]
        files = sum(len(site.files) for site in own)
        shares = [share(sum(len(one.found[site.name]) for site in own), files) for one in scores]
        rows.append((kind, str(len(own)), str(files), *shares))
    files = sum(len(site.files) for site in sites)
    total = [share(sum(map(len, one.found.values())), files) for one in scores]
    rows.append(("**all**", str(len(sites)), str(files), *(f"**{one}**" for one in total)))
    shown = sum(len(site.shown) for site in sites)
    rows.append((
        "of these, what a browser fetches", "", str(shown),
        *(share(sum(len(site.shown & one.found[site.name]) for site in sites), shown) for one in scores),
    ))  # fmt: skip
    more = files - shown
    rows.append((
        "of these, what it does not fetch", "", str(more),
        *(share(sum(len(site.more & one.found[site.name]) for site in sites), more) for one in scores),
    ))  # fmt: skip
    rows.append(("requests", "", "", *(f"{one.requests:,}" for one in scores)))
    rows.append(("of these, answered 404", "", "", *(f"{one.gone:,}" for one in scores)))
    return table(("kind of trick", "sites", "files", *(labels[one.contestant] for one in scores)), rows)


def in_words(sites: Sequence[Site], ours: Score) -> str:
    """Say how many files Orbweaver missed, with or without a line about it, and what it leaves out by choice."""
    lost = [(site, labels) for site in sites if (labels := site.files - ours.found[site.name])]
    told = sum(map(len, ours.said.values()))
    lines = [
        f"Orbweaver missed {sum(len(labels) for _, labels in lost)} files. For {told} of them `skipped.jsonl` has a "
        "line: about the file, or about the archive, page or redirect on the way.",
    ]
    reasons: dict[str, list[str]] = {}
    for site, labels in lost:
        is_silent = bool(labels - ours.said[site.name])
        other = f"missed, and {'no line' if is_silent else 'a line'} says so"
        whose = "fetched by the browser, " if labels & site.shown else ""
        reasons.setdefault(whose + (site.left_out or other), []).append(site.name)
    rows = [(reason, "; ".join(names)) for reason, names in sorted(reasons.items())]
    return "\n\n".join([*lines, table(("files that Orbweaver missed", "sites"), rows)] if rows else lines)


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


def missed(sites: Sequence[Site], one: Score) -> str:
    """Say which files a contestant missed, a line for each site; `!` marks what a browser fetches."""
    lines = []
    for site in sites:
        lost = sorted(site.files - one.found[site.name])
        marks = [f"{'!' if label in site.shown else ''}{label}{' (said)' if label in one.said[site.name] else ''}"
                 for label in lost]  # fmt: skip
        if lost:
            lines.append(f"{site.kind}: {site.name}: {', '.join(marks)}")
    return "\n".join(lines)


def wrong_truth(sites: Sequence[Site], browser: Score) -> str:
    """Say where the browser fetched another set than the truth says that it fetches."""
    lines = []
    for site in sites:
        fetched = browser.found[site.name]
        if fetched != site.shown:
            lines.append(
                f"{site.kind}: {site.name}: fetched {sorted(fetched - site.shown)}, not {sorted(site.shown - fetched)}"
            )
    return "\n".join(lines)
