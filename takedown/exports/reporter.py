"""The reporter: the organisation in whose name notices and reports are written, as the settings give it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orbweaver.settings import Settings
from orbweaver.takedown.errors import ReporterUnknown

# Narrower than RFC 5321 and RFC 1123: what every receiver takes, and nothing that ends a header or a name early.
_IS_MAILBOX = re.compile(r"[A-Za-z0-9._+-]{1,64}@(?P<domain>[^@]{1,253})").fullmatch
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_IS_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+").fullmatch
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Reporter:
    """The name of the organisation, its mail address for questions and corrections, and its domain."""

    organisation: str
    contact: str
    domain: str


def is_mailbox(text: str) -> bool:
    """Whether a text is a plain mail address."""
    match = _IS_MAILBOX(text)
    return match is not None and is_domain(match["domain"])


def is_domain(text: str) -> bool:
    """Whether a text is a domain name of at least two labels."""
    return len(text) <= 253 and _IS_DOMAIN(text) is not None


def reporter_of(settings: Settings) -> Reporter:
    """Return the reporter of the settings; the domain is that of the contact where none is given.

    Raises ReporterUnknown when a setting is missing or cannot be used.
    """
    organisation, contact = settings.reporter_organisation, settings.reporter_contact
    if organisation is None or contact is None:
        raise ReporterUnknown(
            "a notice needs its sender: set REPORTER_ORGANISATION and REPORTER_CONTACT (docs/exports.md)"
        )
    if not organisation.strip() or not organisation.isprintable() or len(organisation) > _LONGEST_NAME:
        raise ReporterUnknown(
            f"REPORTER_ORGANISATION: write a name of at most {_LONGEST_NAME} printable characters, on one line"
        )
    if not is_mailbox(contact):
        raise ReporterUnknown("REPORTER_CONTACT is not a plain mail address: write one such as notice@hotline.example")
    domain = settings.reporter_domain or contact.partition("@")[2]
    if not is_domain(domain):
        raise ReporterUnknown("REPORTER_DOMAIN is not a domain name: write one such as hotline.example")
    return Reporter(organisation.strip(), contact, domain)
