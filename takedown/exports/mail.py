"""A notice as a mail that is ready to be sent: text for a person, and each case as an attached XARF report.

It has no `To`: whom it goes to is decided by who sends it. `X-Unsent: 1` lets mail programs open it as a draft.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final
from uuid import UUID

from orbweaver.takedown.exports import xarf
from orbweaver.takedown.exports.checks import one_line
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.notice import Notice, ShowUrl, require_in_notice, text_of

_LONGEST_SUBJECT: Final = 300


def attachment(record: ExportRecord) -> dict[str, Any]:
    """Return the XARF report of a case in a mail; raises ExportRefused also where the text cannot have the case."""
    require_in_notice(record)
    return xarf.report(record)


def message(
    notice: Notice, reports: Mapping[UUID, dict[str, Any]], language: str, made_at: datetime, show_url: ShowUrl
) -> bytes:
    """Return a notice as a mail, its URLs in the text as `show_url` shows them to people.

    `reports` has the attachment of each case by its id. The same notice, language and time give the same bytes.
    """
    text = text_of(notice, language, show_url)
    reporter = notice.reporter
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(_in_header(reporter.organisation), addr_spec=reporter.contact)
    mail["Subject"] = _in_header(text.subject)[:_LONGEST_SUBJECT]
    mail["Date"] = made_at
    # Mail systems drop a second mail with the id of the first one, so a notice that says something else has another.
    said = hashlib.sha256(json.dumps([text.body, [reports[one.case.case_id] for one in notice.records]]).encode())
    mail["Message-ID"] = f"<{notice.reference}.{language}.{said.hexdigest()[:12]}@{reporter.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Unsent"] = "1"
    mail.set_content(text.body, cte="quoted-printable")
    for record in notice.records:
        case_id = record.case.case_id
        report = json.dumps(reports[case_id], indent=2).encode()
        mail.add_attachment(report, maintype="application", subtype="json", filename=f"{case_id}.xarf.json")
    mail["Content-Language"] = language
    # The library would draw one: then the same mail would never be the same.
    mail.set_boundary(f"=={hashlib.sha256(notice.reference.encode()).hexdigest()[:32]}==")
    return bytes(mail)


def _in_header(text: str) -> str:
    """Return a text as one line that a header has as it is.

    The library decodes encoded words (RFC 2047) in what it is given, also a line end in one: `=?utf-8?q?=0ABcc:_x?=`
    in the name of a provider would be a header. Before Python 3.12.5 it wrote that (CVE-2024-6923); later it fails.
    """
    return one_line(text).replace("=?", "=\N{REPLACEMENT CHARACTER}")
