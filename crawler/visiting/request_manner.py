"""Decides how a visit's request is made: for which destination, and what it says about the page that led to it."""

from __future__ import annotations

import mimetypes

from orbweaver.crawler.asked_as import Destination, ReferrerPolicy
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.link_kind import LinkSource
from orbweaver.crawler.links.pages.request_hints import destination_of_ending, ending_of
from orbweaver.crawler.rules import referrers, urls
from orbweaver.crawler.visiting.records.outcomes import is_success
from orbweaver.crawler.visiting.visit import Visit

# Hosts make these of other images for who names them in `Accept`.
_NEW_TYPES = frozenset({"image/webp", "image/avif", "image/jxl"})


def destination_of(visit: Visit) -> Destination:
    """Return the destination that the element says; else the one that the URL's ending says of a file in a page."""
    said = visit.asked_as.destination
    if visit.is_entering:
        return Destination.DOCUMENT  # somebody clicks the button of a gate
    if said is not None:
        return said
    if not visit.is_embed:
        return Destination.DOCUMENT  # somebody follows the link
    return destination_of_ending(ending_of(visit.url))


def referrer_of(visit: Visit, url: str) -> str | None:
    """Return the `Referer` of a visit's request for `url`; that of a reported URL is what the report says.

    The way into a gate comes from the gate, and often leads back to where it comes from.
    """
    if visit.is_as_reported and not visit.is_entering:
        return visit.origin.referrer
    page = _page_of(visit)
    return None if page is None else referrers.referrer_for(page, url, _policy_of(visit))


def site_relation_of(visit: Visit, url: str) -> str:
    """Return the `Sec-Fetch-Site` of a visit's request for `url`."""
    return referrers.site_relation(_page_of(visit), url)


def after_redirect(visit: Visit, url: str, declared: ReferrerPolicy | None) -> Visit:
    """Return a visit that was redirected at `url`, where the answer declared a referrer policy, or none."""
    page = _page_of(visit)
    if visit.is_as_reported or page is None:
        return visit
    policy = referrers.policy_after(page, url, _policy_of(visit), declared)
    return visit if policy is _policy_of(visit) else visit._replace(asked_as=visit.asked_as._replace(policy=policy))


def is_negotiated(response: FetchedResponse, sniffed_type: str | None) -> bool:
    """Whether an image was probably made for who names new types in `Accept`, of a file of another type.

    Its host says so, or its URL names another type.
    """
    if not is_success(response.status) or sniffed_type not in _NEW_TYPES:
        return False
    vary = ",".join(response.headers.getall("Vary", ())).lower()
    if "accept" in (name.strip() for name in vary.split(",")):
        return True
    named, _ = mimetypes.guess_type(urls.path_of(response.url).rpartition("/")[2])
    return named is not None and named.startswith("image/") and named not in _NEW_TYPES


def as_it_is_kept(visit: Visit) -> Visit:
    """Return the visit that asks for a file as its host keeps it, after it came as one that was made of it."""
    asked_as = visit.asked_as._replace(destination=Destination.EMPTY)
    return visit._replace(is_reported=False, is_variant=False, source=LinkSource.LINK, chain=(), asked_as=asked_as)


def _policy_of(visit: Visit) -> ReferrerPolicy:
    return visit.asked_as.policy or visit.origin.policy or referrers.DEFAULT_POLICY


def _page_of(visit: Visit) -> str | None:
    page = visit.url if visit.is_entering else visit.origin.referrer
    if page is None or visit.origin.depth:
        return page
    try:
        return urls.canonicalise(page)  # as a report gives it
    except UrlRefused:
        return None
