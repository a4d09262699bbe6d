"""A report: a URL that a hotline received, and how its reporter saw it."""

from __future__ import annotations

from orbweaver.model.nouns import Noun
from orbweaver.model.times import Moment


class Report(Noun):
    """A URL that a hotline received; `url` is canonical (crawler.rules.urls).

    `referrer`, `user_agent`, `accept_language` and `cookies` (a Cookie header's value) say how the reporter saw it.
    `line` is its line in the file that it was read from, counted from 1. `spelling` is path and query of the URL as a
    browser sends them, None where they are as in `url` (crawler.rules.spelt_urls).
    """

    url: str
    spelling: str | None = None
    line: int | None = None
    report_id: str | None = None
    received_at: Moment | None = None
    source: str | None = None
    referrer: str | None = None
    classification: str | None = None
    user_agent: str | None = None
    accept_language: str | None = None
    cookies: str | None = None
