"""Reads the clocks of all cases from the store, a bounded slice at a time; the cases themselves are not held."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from orbweaver.model import CaseState, Hosting, Moment
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.delivery import progress
from orbweaver.takedown.delivery.progress import DeliveryClocks
from orbweaver.takedown.statistics.clocks import CaseClocks
from pydantic import BaseModel, ConfigDict, ValidationError

log = logging.getLogger("orbweaver.statistics")

# So many cases are read in one round trip.
SLICE = 500


def read_clocks(store: Store) -> Iterator[CaseClocks]:
    """Yield the clocks of every case, each once, in no order; one that cannot be read is logged and left out."""
    # A scan meets every case, and some twice. Pages by place would leave out one that goes to another place meanwhile.
    case_ids = list(dict.fromkeys(text(one) for one, _ in store.zscan_iter(keys.cases(), count=SLICE)))
    for start in range(0, len(case_ids), SLICE):
        yield from _read_slice(store, case_ids[start : start + SLICE])


def _read_slice(store: Store, case_ids: Sequence[str]) -> Iterator[CaseClocks]:
    with store.pipeline(transaction=False) as pipe:
        for case_id in case_ids:
            pipe.hmget(keys.case(case_id), "json", "was_opened")
        stored = pipe.execute()
    opened = {case_id for case_id, (_, was_opened) in zip(case_ids, stored, strict=True) if was_opened == b"1"}
    deliveries = progress.clocks_of(store, sorted(opened))
    for case_id, (json, _) in zip(case_ids, stored, strict=True):
        if json is not None and (case := _read_case(case_id, json)) is not None:
            yield _clocks(case_id, case, case_id in opened, deliveries.get(case_id, DeliveryClocks()))


def _read_case(case_id: str, json: bytes) -> _StoredCase | None:
    try:
        return _StoredCase.model_validate_json(json)
    except ValidationError:  # its text has the URL
        log.warning("case %s cannot be read: it is in no number", case_id)
        return None


class _Part(BaseModel):
    """The fields of a stored noun that statistics need: to build whole cases takes four times as long."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _StoredVerdict(_Part):
    category: str | None = None
    scheme: str | None = None


class _StoredRemoval(_Part):
    first_gone_at: Moment | None = None
    returns: int = 0


class _StoredCase(_Part):
    state: CaseState
    state_since: Moment | None = None
    host: str
    verdict: _StoredVerdict
    received_at: Moment | None = None
    first_seen: Moment
    last_seen: Moment
    removal: _StoredRemoval | None = None
    hosting: Hosting | None = None


def _clocks(case_id: str, case: _StoredCase, was_opened: bool, delivery: DeliveryClocks) -> CaseClocks:
    hosting = case.hosting or Hosting()
    removal = case.removal or _StoredRemoval()
    is_gone = case.state in {CaseState.REMOVED, CaseState.CLOSED}
    kind = [part for part in (case.verdict.scheme, case.verdict.category) if part] if case.verdict.category else []
    return CaseClocks(
        case_id=case_id,
        host=case.host,
        country=hosting.country,
        asn=hosting.asn,
        provider=hosting.provider,
        is_cdn=hosting.is_cdn,
        route=hosting.route,
        kind=": ".join(kind) or None,
        state=case.state,
        was_opened=was_opened,
        received_at=case.received_at or case.first_seen,
        delivered_at=delivery.first_delivered_at,
        acknowledged_at=delivery.acknowledged_at,
        last_live_at=case.last_seen,
        # Without facts of the checks the file was gone when the case came into its state, if not before.
        gone_at=(removal.first_gone_at or case.state_since) if is_gone else None,
        returns=removal.returns,
    )
