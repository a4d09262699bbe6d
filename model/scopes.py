"""A scope: the URLs that one recrawl may fetch, its limits, and how its hosts are asked."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from orbweaver.model.nouns import Noun
from orbweaver.model.times import Moment
from pydantic import Field, model_validator


class Limits(Noun):
    """The limits of one recrawl: pages, files, link depth, bytes received and seconds.

    `max_host_cost` limits each of its hosts: a request costs 1, or more when its page is probably endless or it failed
    (crawler.rules.url_rules).
    """

    max_pages: int = Field(default=2_000, ge=1)
    max_files: int = Field(default=20_000, ge=1)
    max_depth: int = Field(default=20, ge=0)
    max_bytes: int = Field(default=50 * 2**30, ge=1)
    max_seconds: float = Field(default=3_600, gt=0, le=30 * 24 * 3600)
    max_host_cost: int = Field(default=25_000, ge=1)


class ScopeKind(StrEnum):
    """How far from a reported URL a recrawl may go."""

    HOST = "host"
    SITE = "site"
    PATH = "path"


class Embeds(StrEnum):
    """The files on other hosts that may be fetched because a page in scope shows them."""

    OFF = "off"
    SAME_SITE = "same-site"
    ANY = "any"


class RobotsControl(StrEnum):
    """Whether a recrawl obeys robots.txt, or only records what it says."""

    OBEY = "obey"
    RECORD = "record"


class CookieControl(StrEnum):
    """Whether the cookies that a host sets are sent back to it while a recrawl lasts."""

    KEEP = "keep"
    NONE = "none"


class ReferrerControl(StrEnum):
    """Whether a request says which page led to it; the referrer that a report gives is always sent."""

    PAGE = "page"
    NONE = "none"


class AccessProfile(Noun):
    """How the hosts of a scope are asked: under which name, by which way, and how fast.

    `user_agent` and `accept_language` replace those of the settings; those of a report replace these. `proxy` is an
    http://, https:// or socks5:// URL. `delay_seconds` pass between two requests to a host. Values with the former key
    `keeps_cookies` are read: a store may hold them.
    """

    user_agent: str | None = None
    accept_language: str | None = None
    cookies: CookieControl = CookieControl.KEEP
    referrer: ReferrerControl = ReferrerControl.PAGE
    proxy: str | None = Field(default=None, repr=False)
    robots: RobotsControl = RobotsControl.OBEY
    delay_seconds: float = Field(default=0, ge=0, le=3_600)

    @model_validator(mode="before")
    @classmethod
    def _read_former_key(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("keeps_cookies"), bool):
            return values
        given = dict(values)
        cookies = CookieControl.KEEP if given.pop("keeps_cookies") else CookieControl.NONE
        if given.setdefault("cookies", cookies) != cookies:
            raise ValueError("keeps_cookies is the former name of cookies, and here it says the opposite: remove it")
        return given


class Scope(Noun):
    """The URLs that one recrawl may fetch, on which terms.

    `name` is the host (with its port when not the default) or, for a site, the registrable domain.
    `prefixes` are canonical URLs without query; only a `path` scope has them.
    `ports` are the TCP ports that the reported URLs use.
    `authority` says who allowed it, `expires_at` until when. Without an authority, robots.txt is obeyed.
    Without `follows_links` only the reported URLs are asked for, as in a re-check of cases, and the way there.
    """

    kind: ScopeKind
    name: str
    prefixes: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    limits: Limits = Limits()
    embeds: Embeds = Embeds.OFF
    authority: str | None = None
    expires_at: Moment | None = None
    access: AccessProfile = AccessProfile()
    follows_links: bool = True

    @model_validator(mode="after")
    def _name_who_overrides_robots(self) -> Self:
        if self.access.robots is RobotsControl.RECORD and not (self.authority or "").strip():
            raise ValueError("robots.txt may only be recorded, not obeyed, under a named authority")
        return self
