"""`orbweaver cases show` and `cases find`: one case on a page for people, with all that is known and what is not."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator

from orbweaver.console import case_finding
from orbweaver.console.case_reading import WholeCase, read_whole
from orbweaver.console.case_wording import not_known
from orbweaver.console.evidence_wording import minute
from orbweaver.console.removal_wording import sibling_lines
from orbweaver.console.terminal.cases import access, case_list
from orbweaver.console.terminal.cases.case_blocks import file_lines, place_lines, way_lines
from orbweaver.console.text import count, for_people, reason_for_people, report_console, safe
from orbweaver.model import Actor, Assessment, Case, Event, Evidence, Listing, Proposal, format_time
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing
from orbweaver.takedown.delivery.progress import DeliveryClocks
from orbweaver.takedown.removal import siblings

# A case that is reminded every day for a year has as many; --json has them all.
EVENTS_SHOWN = 100
NOBODY_FOUND = 1


def show(settings: Settings, asked: str, *, is_json: bool) -> None:
    """Print one case with its events; raises NothingToDo where it is not one, StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        case = case_finding.find_one(store, asked)
        access.note(store, "cases show", [str(case.case_id)])
        whole = read_whole(store, case)
        if is_json:
            sys.stdout.write(_as_json(whole) + "\n")
            return
        console = report_console()
        for line in lines_of(whole):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def find(settings: Settings, asked: str, *, is_json: bool) -> int:
    """Print the cases that are meant; returns 1 when there is none. Raises NothingToDo for what means nothing."""
    with open_existing(settings) as store:
        found = access.noted(store, "cases find", case_finding.find(store, asked))
        first = next(found, None)
        if first is None:
            print("orbweaver: no case found", file=sys.stderr)
            return NOBODY_FOUND
        cases = itertools.chain([first], found)
        if is_json:
            for case in cases:
                sys.stdout.write(case.model_dump_json() + "\n")
        else:
            case_list.show(report_console(), cases)
        return 0


def _as_json(whole: WholeCase) -> str:
    assessment, proposal, clocks = whole.assessment, whole.proposal, whole.clocks
    first, answered = clocks.first_delivered_at, clocks.acknowledged_at
    return json.dumps(
        {
            "case": whole.case.model_dump(mode="json"),
            "events": [event.model_dump(mode="json") for event in whole.events],
            "assessment": None if assessment is None else assessment.model_dump(mode="json"),
            "proposal": None if proposal is None else proposal.model_dump(mode="json"),
            "siblings": siblings.as_values(whole.siblings),
            "first_delivered_at": None if first is None else format_time(first),
            "acknowledged_at": None if answered is None else format_time(answered),
        }
    )


def lines_of(whole: WholeCase) -> Iterator[str]:
    """Yield the page of a case, line by line: no URL in it can be clicked."""
    case, events, of_file, clocks = whole.case, whole.events, whole.siblings, whole.clocks
    since = "" if case.state_since is None else f" since {minute(case.state_since)}"
    yield f"Case {case.case_id}: {case.state.value}{since}"
    if case.pseudonymised is not None:
        done = case.pseudonymised
        yield f"  pseudonymised on {minute(done.at)}: {safe(done.reason)}"
        yield "  host and SHA-256 are pseudonyms; URLs, address, reports, MD5, SHA-1 and size were taken away"
    yield from (f"  {line}" for line in file_lines(case))
    yield from place_lines(case)[1:]
    if case.pseudonymised is None:
        yield f"  SHA-256 {case.sha256}"
        yield f"  SHA-1 {case.sha1}, MD5 {case.md5}"
    if case.ip is not None:
        yield f"  address: {safe(case.ip)}"
    if of_file.count:
        yield from (f"  {line}" for line in sibling_lines(of_file))
        yield f"  to see them: orbweaver cases find {case.sha256}"
    yield from _clocks(case, clocks)
    yield from _decided(case, whole.assessment, whole.proposal)
    yield "What the lists say"
    yield from (f"  {line}" for listing in case.verdict.listings for line in _listing(listing))
    if case.verdict.asked_at is not None:
        yield f"  asked: {minute(case.verdict.asked_at)}"
    yield "Events"
    for event in events[:EVENTS_SHOWN]:
        yield from _event(event)
    if len(events) > EVENTS_SHOWN:
        yield f"  and {count(len(events) - EVENTS_SHOWN, 'more event')}: see --json"
    unknown = list(not_known(case, events, clocks))
    if unknown:
        yield "What is not known"
        yield from (f"  {line}" for line in unknown)


def _clocks(case: Case, clocks: DeliveryClocks) -> Iterator[str]:
    if case.received_at is not None:
        yield f"  first report received: {minute(case.received_at)}"
    if clocks.first_delivered_at is not None:
        yield f"  the takedown engine was first told: {minute(clocks.first_delivered_at)}"
    if clocks.acknowledged_at is not None:
        yield f"  it first acknowledged: {minute(clocks.acknowledged_at)}"


def _decided(case: Case, assessment: Assessment | None, proposal: Proposal | None) -> Iterator[str]:
    if case.assessment is not None:
        applied = case.assessment
        yield (
            f"  {applied.decision.value} by assessment {str(applied.assessment_id)[:8]} of {minute(applied.decided_at)}"
        )
    elif assessment is not None:
        decided = f"{assessment.decision.value} on {minute(assessment.decided_at)}"
        yield f"  the file was {decided}; this case rests on its lists"
    if proposal is not None:
        yield (
            f"  {safe(proposal.proposed_by.name)} proposes that the file is {proposal.decision.value}: a second person "
            "has to agree"
        )


def _listing(listing: Listing) -> Iterator[str]:
    name = f"{listing.list or 'a list without a name'} of {listing.service or 'a service without a name'}"
    yield f"{safe(name)}: entry {safe(listing.entry_id or 'without an id')}"
    scheme = f" (scheme {listing.scheme})" if listing.scheme else ""
    category = safe(listing.category + scheme) if listing.category else "no category"
    agreed = ", ".join(algorithm.upper() for algorithm in listing.algorithms)
    yield f"  {category}, {listing.nature.value}, {listing.status.value}; agrees by {agreed}"
    version = safe(listing.list_version[:16]) if listing.list_version else "not said"
    built = "" if listing.built_to is None else f", built to {minute(listing.built_to)}"
    yield f"  version {version}{built}"


def _event(event: Event) -> Iterator[str]:
    recorded = "time not recorded" if event.recorded_at is None else format_time(event.recorded_at)
    yield f"  {event.sequence}. {recorded} {event.type.value}: {_actor(event.actor)}"
    if event.reason:
        yield f"     {reason_for_people(event.reason)}"
    if event.correction is not None:
        yield f"     taken back: {event.correction.retraction.value.replace('_', ' ')}"
    if event.evidence is not None:
        yield from (f"     {line}" for line in _evidence(event.evidence))


def _actor(actor: Actor | None) -> str:
    return "by whom is not recorded" if actor is None else f"by {safe(actor.name)}"


def _evidence(evidence: Evidence) -> Iterator[str]:
    seen = evidence.sighting
    if seen is not None:
        yield f"seen {format_time(seen.seen_at)} at {for_people(seen.url)}"
        yield from (f"  {line}" for line in way_lines(seen.url, seen.redirects, seen.final_url))
        received = "" if seen.http.bytes_received is None else f", {seen.http.bytes_received:,} bytes received"
        address = safe(seen.ip or "a hidden address")
        yield f"  status {seen.http.status}{received}, {seen.bytes_kept} kept, from {address}"
        if seen.software is not None:
            yield f"  fetched by {safe(seen.software)}; sandbox: {safe(seen.sandbox or 'not recorded')}"
    yield from (f"{safe(name)}: {reason_for_people(value)}" for name, value in sorted(evidence.facts.items()))
