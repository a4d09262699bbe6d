"""Keeps what each contestant found, so that one can be run again without the others while the sites are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench.recall.scores import Score
from bench.recall.site import Site


def keep(file: Path, sites: Sequence[Site], scores: Iterable[Score]) -> None:
    """Write the scores of these sites."""
    file.write_text(json.dumps({"sites": _mark(sites), "scores": [asdict(one) for one in scores]}, default=sorted))


def kept(file: Path, sites: Sequence[Site]) -> list[Score]:
    """Return the scores that were kept, none if they are those of other sites."""
    if not file.exists():
        return []
    whole = json.loads(file.read_text())
    if whole["sites"] != _mark(sites):
        return []
    return [Score(**{**one, **{name: _sets(one[name]) for name in ("found", "said")}}) for one in whole["scores"]]


def _sets(labels: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    return {site: frozenset(some) for site, some in labels.items()}


def _mark(sites: Sequence[Site]) -> str:
    """Return a digest of all that a site answers, and of its truth."""
    texts = json.dumps([asdict(replace(one, left_out="")) for one in sites], default=_text, sort_keys=True)
    return hashlib.sha256(texts.encode()).hexdigest()


def _text(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else sorted(value)  # type: ignore[call-overload]
