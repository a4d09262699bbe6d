"""ICCAM reports, as its API of version 3 takes them at `POST rest/reports`: one for a case.

The numbers are those of SCARt's table `abuseio_scart_iccam_api_field`, which sends them: AbuseIO/SCART-application,
Seeder6018.php. ICCAM's final actions close a report for every hotline, so only a confirmed removal is an action here;
what a check found otherwise stands in the memo, with the action that an analyst may choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

from orbweaver.model import Case, CaseState, Presence, format_time
from orbweaver.takedown.exports import classification, grounds
from orbweaver.takedown.exports.checks import exact_url, one_line, require_no_media
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.exportable import require_exportable


class IccamAction(IntEnum):
    """An action about a report. Removed, unavailable and not illegal are final."""

    REPORTED_TO_LEA = 1
    REPORTED_TO_ISP = 2
    CONTENT_REMOVED = 3
    CONTENT_UNAVAILABLE = 4
    NOT_ILLEGAL = 6


class IccamReason(IntEnum):
    """Why, for actions from 3 on."""

    OTHER = 1
    CONTENT_NOT_FOUND = 2
    REFERRER_NOT_KNOWN_OR_INCORRECT = 3
    UNABLE_TO_ACCESS = 4
    PASSWORD_PROTECTED = 5
    ACCOUNT_DISABLED = 6
    LEGALLY_UNABLE_TO_ACCESS = 7
    LINK_EXPIRED = 8
    ERROR_404_NOT_FOUND_OR_SITE_DOWN = 9
    ERROR_503_OR_CONTENT_TEMPORARILY_UNAVAILABLE = 10
    PREMIUM_ACCOUNT_NECESSARY = 11
    MISSING_PARTS_TO_OPEN_FILE = 12
    CONTENT_REMOVED_BEFORE_ASSESSMENT = 13
    ADULT_PORNOGRAPHY = 14
    NUDISM_OR_NOT_SEXUALIZED = 15
    DOES_NOT_MEET_THRESHOLD_FOR_ILLEGALITY = 16
    IMAGES_TOO_SMALL = 17
    VIRTUAL_MATERIAL = 18
    LINKING_OR_LINKLISTS_NOT_ILLEGAL = 19
    AGE_UNCLEAR_OR_NOT_ASSESSABLE = 20
    AGE_OVER_NATIONAL_THRESHOLD = 21


class IccamAge(IntEnum):
    """The age of the child; nobody looked, so exports have the first."""

    NOT_DETERMINED = 1
    INFANT = 2
    PRE_PUBESCENT = 3
    PUBESCENT = 4


class IccamGender(IntEnum):
    """The gender of the child; nobody looked, so exports have the first."""

    NOT_DETERMINED = 1
    FEMALE = 2
    MALE = 3
    BOTH = 4


@dataclass(frozen=True)
class IccamAnswer:
    """The action and reason that stand for what a check says of a file; whether it says that the file is gone."""

    action: IccamAction
    reason: IccamReason
    is_removal: bool = False


# None: a live file needs no action, a moved one gets another address and country in ICCAM (`url/hosting`,
# `assigned-country`), and what is unknown says nothing.
ANSWERS: Final[Mapping[Presence, IccamAnswer | None]] = MappingProxyType(
    {
        Presence.LIVE: None,
        Presence.MOVED: None,
        Presence.GONE: IccamAnswer(
            IccamAction.CONTENT_REMOVED, IccamReason.ERROR_404_NOT_FOUND_OR_SITE_DOWN, is_removal=True
        ),
        Presence.CHANGED: IccamAnswer(IccamAction.CONTENT_REMOVED, IccamReason.CONTENT_NOT_FOUND, is_removal=True),
        Presence.UNAVAILABLE: IccamAnswer(
            IccamAction.CONTENT_UNAVAILABLE, IccamReason.ERROR_503_OR_CONTENT_TEMPORARILY_UNAVAILABLE
        ),
        Presence.BLOCKED: IccamAnswer(IccamAction.CONTENT_UNAVAILABLE, IccamReason.UNABLE_TO_ACCESS),
        Presence.UNKNOWN: None,
    }
)
_MEDIA: Final = 1
# SCARt sends it for a site whose type nobody determined.
_WEBSITE: Final = 2
_NOT_DETERMINED: Final = 1


def report(record: ExportRecord) -> dict[str, Any]:
    """Return the report of a case as a JSON object; raises ExportRefused with the reason."""
    require_exportable(record)
    assert record.reporter is not None
    case = record.case
    word = classification.equivalent_of(record, classification.ICCAM, "ICCAM")
    referrer = None if case.referrer is None else exact_url(case.referrer)
    reference, analyst = str(case.case_id), record.reporter.organisation
    made: dict[str, Any] = {
        "reportingAnalystName": analyst,
        "hotlineReceivedDate": format_time(case.received_at or case.first_seen),
        "hotlineReference": reference,
        "memo": _memo(record),
        "sourceUrlReferrer": referrer,
        "sourceUrlSiteType": _WEBSITE,
        "sourceUrlCommerciality": _NOT_DETERMINED,
        "sourceUrlPaymentMethods": [_NOT_DETERMINED],
        "urls": [
            {
                "urlString": case.newest_url,
                "hotlineReference": reference,
                "hostingIpAddress": grounds.address(case),
                **_hosting(case),
                "isSourceUrl": True,
                "memo": one_line(f"SHA-256 {case.sha256}, SHA-1 {case.sha1}, MD5 {case.md5}, {case.size} bytes"),
                "contentType": _MEDIA,
                # Virtual, made by the child, modelling: ICCAM knows yes and no alone, so nothing is said.
                "assessment": {
                    "assessingAnalystName": analyst,
                    "classification": int(word),
                    "ageCategorization": int(IccamAge.NOT_DETERMINED),
                    "genderCategorization": int(IccamGender.NOT_DETERMINED),
                },
                "actions": _actions(record),
            }
        ],
    }
    require_no_media(made)
    return made


def _hosting(case: Case) -> dict[str, Any]:
    hosting = case.hosting
    if hosting is None:
        return {}
    provider = None if hosting.provider is None else one_line(hosting.provider)
    return {
        "hostingCountryCode": None if hosting.is_cdn else hosting.country,
        "hostingIsp": provider,
        "hostingOrganization": {
            "autonomousSystemNumber": hosting.asn,
            "organizationName": provider,
            "isContentDeliveryNetwork": hosting.is_cdn,
        },
    }


def _actions(record: ExportRecord) -> list[dict[str, Any]]:
    """Return the action of a confirmed removal; what one check says, or several that disagree, is none."""
    case = record.case
    removal = case.removal
    if case.state not in {CaseState.REMOVED, CaseState.CLOSED} or removal is None or removal.removed_at is None:
        return []
    # The checks after a removal may have found the host unavailable; the confirmations say what was confirmed.
    is_changed = (removal.confirmed_by or "").startswith(Presence.CHANGED.value)
    answer = ANSWERS[Presence.CHANGED if is_changed else Presence.GONE]
    assert answer is not None
    assert record.reporter is not None
    return [
        {
            "actionType": int(answer.action),
            "actioningAnalystName": record.reporter.organisation,
            "actionDate": format_time(removal.removed_at),
            "reasonId": int(answer.reason),
        }
    ]


def _memo(record: ExportRecord) -> str:
    case = record.case
    memo = (
        f"Found by a machine, on the list {case.verdict.list or 'without a name'}: {grounds.match_in_words(record)}; "
        f"nobody opened the file. Last seen {format_time(case.last_seen)}."
    )
    if case.final_url != case.newest_url:
        way = [*(one["url"] for one in grounds.redirects(case)[1:]), grounds.final_url(case) or "a URL that is no URI"]
        memo += f" The URL redirects to {' to '.join(way)} (the hosting is that of the last)."
    if record.elsewhere:
        memo += f" The same file was found at {record.elsewhere} other places."
    removal = case.removal
    answer = None if removal is None else ANSWERS.get(removal.presence)
    if removal is not None and case.state is CaseState.OPEN:
        memo += f" Last check {format_time(removal.checked_at)}: {removal.presence.value}."
        if answer is not None and not answer.is_removal:
            memo += f" An analyst may choose action {answer.action:d}, reason {answer.reason:d}: it is final."
    return one_line(memo)
