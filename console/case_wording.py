"""Says of a case, for people, what kind of file it is, and what a reader could expect in it, and nobody recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orbweaver.console.text import safe
from orbweaver.model import Case, Event
from orbweaver.takedown.delivery.progress import DeliveryClocks


def kind_of_file(case: Case) -> str:
    """Return the type that the bytes show, else the one that the host claims; empty where nobody knows."""
    return safe(case.sniffed_type or case.content_type or "")


def not_known(case: Case, events: Sequence[Event], clocks: DeliveryClocks) -> Iterator[str]:
    """Yield what a reader could expect in this case, and nobody recorded."""
    if case.received_at is None:
        yield "when the hotline received the first report: no report says it, or the file was not seen since a rematch"
    if case.ip is None:
        yield "the address that answered: a proxy hid it"
    if case.sniffed_type is None:
        yield "what kind of file it is: its first bytes show none that is known"
    if case.http.tls is not None and not case.http.tls.is_verified:
        yield f"who answered: the certificate is not valid ({safe(case.http.tls.reason or 'no reason given')})"
    if case.redirects is None and case.final_url != case.newest_url:
        yield "by which redirects the URL led to the file: that was not recorded when the file was seen"
    if case.http.framing == "close":
        yield "whether the whole file came: the server said its end by closing the connection"
    if not any(listing.list_version for listing in case.verdict.listings):
        yield "which version of the list answered: its service does not say"
    if not any(listing.size for listing in case.verdict.listings):
        yield "whether the size agrees: no list gives one"
    if any(event.actor is None for event in events):
        yield "who caused the events before schema 1.2, and why"
    if clocks.first_delivered_at is not None and clocks.acknowledged_at is None:
        yield "whether the takedown engine has acted: it acknowledged nothing"
