"""Visits again what an earlier recrawl found: decides which file is asked for by its version, and which come first.

Known files are visited as soon as the host has answered at all, before what is found in this recrawl; a page may lead
to them no longer. They are candidates (LinkSource.KNOWN): where one gives nothing, a page that links to it counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from orbweaver.crawler.asked_as import AskedAs
from orbweaver.crawler.bodies.body import Body, media_type
from orbweaver.crawler.fetching.transfer import FetchedResponse, Headers
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.revisiting.known_responses import MOST_MEMBERS_OF_ONE, FileKey, KnownFile, KnownMember
from orbweaver.crawler.revisiting.revisit import Revisit, manner_in
from orbweaver.crawler.revisiting.validators import NOT_MODIFIED, speaks_of_another, validators_of
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.crawler.visiting.addresses.same_addresses import Met
from orbweaver.crawler.visiting.admission import Admission
from orbweaver.crawler.visiting.archive_names import is_archive_part, names_of
from orbweaver.crawler.visiting.frontier import PlannedRequest
from orbweaver.crawler.visiting.records.host_answers import GONE_STATUSES
from orbweaver.crawler.visiting.records.outcomes import is_success
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.request_manner import is_negotiated
from orbweaver.crawler.visiting.visit import Origin, Visit
from orbweaver.model import Outcome, now
from pydantic import ValidationError

WHOLE = 200


class KnownSoFar(NamedTuple):
    """Whether known files were put into the frontier, whether a lie was said, and what was called unchanged so far."""

    has_begun: bool
    has_said: bool
    believed: tuple[FileKey, ...]


class KnownFiles:
    """The visits of one recrawl that may be cheaper because of an earlier one.

    `reported` are the origins of the reported URLs, by URL: those are always fetched in full.
    """

    def __init__(
        self, revisit: Revisit, admission: Admission, visits: VisitJournal, reported: Mapping[str, Origin]
    ) -> None:
        self._revisit = revisit
        self._admission = admission
        self._visits = visits
        self._reported = reported
        self._has_begun = False
        self._believed: dict[FileKey, KnownFile] = {}
        self._has_said = False

    @property
    def so_far(self) -> KnownSoFar:
        """Return what another process needs to go on; it is given what this one hands on."""
        return KnownSoFar(self._has_begun, self._has_said, tuple(self._believed))

    def restore(self, so_far: KnownSoFar) -> None:
        """Go on where another process was."""
        self._has_begun, self._has_said = so_far.has_begun, so_far.has_said
        known = ((key, self._revisit.known_version(key)) for key in so_far.believed)
        self._believed = {key: file for key, file in known if file is not None}

    def begin(self) -> None:
        """Put the known files into the frontier, once; to be called when the host has answered, and is not busy."""
        if self._has_begun:
            return
        self._has_begun = True
        for file in self._revisit.files:
            addresses = self._admission.addresses
            is_met = file.url in self._reported or addresses.has_met(file.url)
            if not is_met and addresses.meet_candidate(file.url) is not Met.SEEN:
                self._visit_again(file)

    def say_what_was_not_begun(self) -> None:
        """Record how many known files were not asked for, because nothing was answered, or the host is busy."""
        known = [] if self._has_begun else [file.url for file in self._revisit.files if file.url not in self._reported]
        if known:
            why = "no reported URL was answered, or the host is busy"
            reason = f"files that were there at an earlier visit were not asked for: {why}"
            self._visits.journal.skip(
                known[0], Outcome.UNREACHABLE, rule="known", reason=reason, is_failure=True, count=len(known)
            )

    def version_to_ask_about(self, planned: PlannedRequest, headers: Headers) -> KnownFile | None:
        """Return the version of a file that its host may be asked about instead of sending it; None: it sends it."""
        visit = planned.visit
        if not self._revisit.knows_files or visit.is_reported or visit.gate is not None or visit.url in self._reported:
            return None
        manner = manner_in(headers)
        return self._revisit.version_to_ask_about(FileKey(visit.url, planned.url, manner.code), manner, at=now())

    def confirms(self, known: KnownFile, response: FetchedResponse) -> bool:
        """Whether an answer says that the host has the known version still."""
        return response.status == NOT_MODIFIED and not speaks_of_another(known, response.headers)

    def unchanged(self, known: KnownFile) -> None:
        """Note a file of which its host says that it has not changed."""
        self._believed[known.key] = known
        self._revisit.is_unchanged(known)

    def came(
        self, visit: Visit, response: FetchedResponse, headers: Headers, *, prefers_new_types: bool = False
    ) -> None:
        """Note an answer in full: the file that it gave, or that there is none; and whether it is a lie."""
        body = response.body
        if body is None or visit.is_entering:
            return
        if response.status == NOT_MODIFIED:
            self._revisit.is_untrue("the host answers 304, not modified, to a request that did not ask for it")
        elif self._is_plain_file(visit, response, body):
            with contextlib.suppress(ValidationError):  # a type or a URL that is too long: fetched in full each time
                self._revisit.came(self._file(visit, response, body, headers, prefers_new_types=prefers_new_types))
        elif response.status in GONE_STATUSES or (is_success(response.status) and body.digests is None):
            self._revisit.is_gone(visit.url)
        if self._revisit.untrue is not None:
            self._ask_in_full(visit.url, self._revisit.untrue)

    def _visit_again(self, file: KnownFile, source: LinkSource = LinkSource.KNOWN) -> None:
        root = self._reported.get(file.root) if file.root is not None else None
        origin = Origin(referrer=file.referrer, depth=file.depth)
        if root is not None:
            origin = origin._replace(report_ids=root.report_ids, reporter_headers=root.reporter_headers, root=root.root)
        # Where cookies count, or a part of the URL that is another each time, a page that leads there is waited for.
        is_late = file.has_cookies or bool(dedup_key.parts_left_out(file.url))
        visit = Visit(
            file.url,
            LinkKind.FILE,
            origin,
            is_embed=file.is_embed,
            is_variant=is_late and source is LinkSource.KNOWN,
            source=source,
            asked_as=AskedAs(file.destination, file.policy),
        )
        self._admission.consider(visit, file.url, spelling=file.spelling)

    def _is_plain_file(self, visit: Visit, response: FetchedResponse, body: Body) -> bool:
        """Whether all that follows from an answer is a file, with its members."""
        return (
            response.status == WHOLE
            and body.digests is not None
            and not body.digests.is_degenerate
            and body.digests_as_sent is None
            and body.document is None
            and len(body.archive.members) <= MOST_MEMBERS_OF_ONE
            and response.cut_by is None
            # Whether the rest of it was cut off, nobody can tell.
            and response.framing != "close"
            and not visit.is_reported
            and visit.url not in self._reported
            and visit.gate is None
            and "Link" not in response.headers
            and "Refresh" not in response.headers
            and not any(map(is_archive_part, names_of(visit.url, response.headers.get("Content-Disposition", ""))))
        )

    def _file(
        self, visit: Visit, response: FetchedResponse, body: Body, headers: Headers, *, prefers_new_types: bool
    ) -> KnownFile:
        assert body.digests is not None
        assert response.framing != "close"
        manner = manner_in(headers)
        etag, last_modified = validators_of(response.headers, has_cookies=manner.has_cookies)
        root = visit.origin.root
        return KnownFile(
            url=visit.url,
            asked_url=None if response.url == visit.url else response.url,
            spelling=self._admission.spellings.of(visit.url),
            referrer=visit.origin.referrer,
            root=None if root is None else self._visits.reported.url_of(root),
            depth=visit.origin.depth,
            is_embed=visit.is_embed,
            destination=visit.asked_as.destination,
            policy=visit.asked_as.policy or visit.origin.policy,
            manner=manner.code,
            has_referrer=manner.has_referrer,
            has_cookies=manner.has_cookies,
            etag=etag,
            last_modified=last_modified,
            digests=body.digests,
            content_type=media_type(response.content_type),
            sniffed_type=body.sniffed_type,
            framing=response.framing,
            bytes_received=body.bytes_received,
            members=tuple(KnownMember(**member._asdict()) for member in body.archive.members),
            notes={note.rule: note.count for note in body.archive.notes},
            is_negotiated=prefers_new_types and is_negotiated(response, body.sniffed_type),
            hashed_at=now(),
        )

    def _ask_in_full(self, url: str, reason: str) -> None:
        """Ask in full for all files that the host called unchanged, and say why, once."""
        believed, self._believed = self._believed, {}
        if not believed and (self._has_said or not self._revisit.knows_files):
            return  # a first visit believes nothing
        self._has_said = True
        self._visits.journal.skip(
            url,
            Outcome.BAD_RESPONSE,
            rule="known.untrue",
            reason=f"{reason}: nothing that it calls unchanged is believed, and such files are fetched in full",
            is_failure=False,
            count=max(len(believed), 1),
        )
        for file in {file.url: file for file in believed.values()}.values():
            self._visit_again(file, LinkSource.LINK)
