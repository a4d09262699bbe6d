"""Keeps what a re-check of cases saw: the files that it looked for, and the file that came from each of its URLs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orbweaver.model import Sighting
from orbweaver.queue.intake.orders import RecheckPlan
from orbweaver.store import keys
from orbweaver.store.connection import Store

if TYPE_CHECKING:
    from redis.client import Pipeline

KEPT_SECONDS = 30 * 24 * 3600


def not_looked_for(plan: RecheckPlan, sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the sightings that are asked about: of files that are new at the URL of a case. Pure.

    A file that a case has is known; what only a control URL gives makes no case.
    """
    return [one for one in sightings if not _is_looked_for(plan, one) and not plan.is_control(one.url)]


def keep(pipe: Pipeline, recrawl_id: str, plan: RecheckPlan, sightings: Sequence[Sighting]) -> None:
    """Queue that sightings are kept: each file that is looked for, and the last other one that a URL gave itself.

    So there are never more of them than a re-check has URLs and digests, whatever a host sends.
    """
    kept: dict[str, str] = {}
    for one in sightings:
        if _is_looked_for(plan, one):
            kept[f"{one.url} {one.digests.sha256}"] = one.model_dump_json()
        elif (one.url in plan.digests or plan.is_control(one.url)) and _is_whole(one):
            kept[one.url] = one.model_dump_json()
    if kept:
        pipe.hset(keys.recrawl_seen(recrawl_id), mapping=kept)  # type: ignore[arg-type]
        pipe.expire(keys.recrawl_seen(recrawl_id), KEPT_SECONDS)


def read(store: Store, recrawl_id: str) -> dict[str, list[Sighting]]:
    """Read what a re-check saw, by URL."""
    seen: defaultdict[str, list[Sighting]] = defaultdict(list)
    for stored in store.hvals(keys.recrawl_seen(recrawl_id)):
        sighting = Sighting.model_validate_json(stored)
        seen[sighting.url].append(sighting)
    return dict(seen)


def _is_looked_for(plan: RecheckPlan, sighting: Sighting) -> bool:
    return sighting.digests.sha256 in plan.digests.get(sighting.url, ())


def _is_whole(sighting: Sighting) -> bool:
    """Whether a sighting is of the body that came from its URL, and not of a file inside it."""
    return sighting.http.archive_member is None and not sighting.http.embedded
