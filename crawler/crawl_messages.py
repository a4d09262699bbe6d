"""What a crawl process tells of its recrawl, and what of it is believed: it may have been taken over by a host.

The messages come in this order: what contains the process, then what it found, what came of the
reported URLs, and how it ended.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated, Literal

from orbweaver.crawler.errors import AccountRefused, UrlRefused
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules import urls
from orbweaver.crawler.visiting.host_answers import HOSTS_HANDED_ON
from orbweaver.model import HostAnswers, Noun, Report, Reported, Scope, Sighting, Skip, Tally
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

# What one message may hold of each; a message of that many with URLs of full length has some 7 MiB.
MOST_AT_ONCE = 200
MOST_BYTES = 32 * 2**20
REASON_CHARACTERS = 1_000
# What an operator's terminal shows of these is what stands here.
_Limit = Annotated[str, StringConstraints(pattern=r"\A[a-z_ ]{1,40}\z")]
_Host = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9._:\[\]-]{1,300}\z")]
_Reason = Annotated[str, StringConstraints(max_length=REASON_CHARACTERS)]


class Contained(Noun):
    """What the kernel enforces on the process (sandbox.Enforced): said before its first request, and once."""

    kind: Literal["contained"] = "contained"
    enforced: dict[str, object]


class Found(Noun):
    """Some of what was found, and the tally so far."""

    kind: Literal["found"] = "found"
    sightings: Annotated[tuple[Sighting, ...], Field(max_length=MOST_AT_ONCE)]
    skips: Annotated[tuple[Skip, ...], Field(max_length=MOST_AT_ONCE)]
    tally: Tally


class Answered(Noun):
    """Tells the results of some of the reported URLs; sent before Finished, once for each URL."""

    kind: Literal["answered"] = "answered"
    reported: Annotated[tuple[Reported, ...], Field(max_length=MOST_AT_ONCE)]


class Finished(Noun):
    """The recrawl came to its end, or was stopped by a limit or a request to stop; crawler.recrawl.Ended."""

    kind: Literal["finished"] = "finished"
    stopped_by: _Limit | None
    suggestions: dict[_Host, int]
    answers: Annotated[dict[_Host, HostAnswers], Field(default_factory=dict, max_length=HOSTS_HANDED_ON)]


class GivenUp(Noun):
    """The recrawl cannot be done here, and it is no use to try again."""

    kind: Literal["given up"] = "given up"
    reason: _Reason


class Broken(Noun):
    """Something went wrong; the recrawl must be done again."""

    kind: Literal["broken"] = "broken"
    reason: _Reason


Said = Contained | Found | Answered | Finished | GivenUp | Broken
_said: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])


def read(message: bytes, scope: Scope, reports: Sequence[Report]) -> Said:
    """Read one message of the process that recrawls `scope`; raises AccountRefused when it cannot be true."""
    try:
        said = _said.validate_json(message)
    except ValidationError as error:
        # Neither its text nor its input: they are what the process said.
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise AccountRefused(f"a message of no known form ({fault['type']})") from None
    if isinstance(said, Found):
        report_ids = {report.report_id for report in reports}
        for sighting in said.sightings:
            objection = objection_to(sighting, scope)
            if objection is None and not report_ids.issuperset(sighting.report_ids):
                objection = "a report of another recrawl"
            if objection is not None:
                raise AccountRefused(f"a file with {objection}")
    if isinstance(said, Answered) and not {report.url for report in reports}.issuperset(
        one.url for one in said.reported
    ):
        raise AccountRefused("an answer for a URL that was not reported")
    return said


def objection_to(sighting: Sighting, scope: Scope) -> str | None:
    """Return what a recrawl of `scope` cannot have seen about a sighting, None when nothing is amiss. Pure.

    A case blames the URL of its sighting, so a process that was taken over must not choose any.
    """
    for url in (sighting.url, sighting.final_url):
        if not _is_canonical(url):
            return "a URL that is not canonical"
        if scopes.refusal_of(scope, url) is not None:
            referrer = sighting.referrer if _is_canonical(sighting.referrer) else None
            if scopes.embed_refusal_of(scope, url, referrer) is not None:
                return "a URL that is not in scope"
    if sighting.host != urls.host_of(sighting.url):
        return "a host that is not the host of its URL"
    if sighting.ip is not None and not _is_address(sighting.ip):
        return "an IP address that is not valid"
    return None


def _is_canonical(url: str | None) -> bool:
    try:
        return url is not None and urls.canonicalise(url) == url
    except UrlRefused:
        return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
