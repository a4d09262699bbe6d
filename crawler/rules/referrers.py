"""Decides what a request says about the page that led to it, as browsers do: `Referer`, and `Sec-Fetch-Site`."""

from __future__ import annotations

from collections.abc import Iterable

from orbweaver.crawler.asked_as import ReferrerPolicy
from orbweaver.crawler.rules.scope import site_of
from orbweaver.crawler.rules.urls import hostname_of

DEFAULT_POLICY = ReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN
# https://www.w3.org/TR/referrer-policy/#determine-requests-referrer: of a longer URL the origin is said.
MOST_CHARACTERS = 4_096
_NONE_BEFORE_HTTP = frozenset(
    {
        ReferrerPolicy.NO_REFERRER_WHEN_DOWNGRADE,
        ReferrerPolicy.STRICT_ORIGIN,
        ReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
    }
)
_ORIGIN_ALONE = frozenset({ReferrerPolicy.ORIGIN, ReferrerPolicy.STRICT_ORIGIN})
_ORIGIN_FOR_OTHERS = frozenset(
    {ReferrerPolicy.ORIGIN_WHEN_CROSS_ORIGIN, ReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN}
)
# Of another site nobody may learn by these more than the origin: a page's URL may hold a session, and Firefox since 87
# ignores them there, too (MDN, "Referrer-Policy").
_LESS_RESTRICTED = frozenset(
    {ReferrerPolicy.UNSAFE_URL, ReferrerPolicy.NO_REFERRER_WHEN_DOWNGRADE, ReferrerPolicy.ORIGIN_WHEN_CROSS_ORIGIN}
)


def policy_of_header(values: Iterable[str]) -> ReferrerPolicy | None:
    """Return the policy in `Referrer-Policy` headers, None without one: the last word that is known counts."""
    known = [word for value in values for word in map(_named, value.split(",")) if word is not None]
    return known[-1] if known else None


def _named(text: str) -> ReferrerPolicy | None:
    try:
        return ReferrerPolicy(text.strip().lower())
    except ValueError:
        return None


def origin_of(url: str) -> str:
    """Return scheme and host of a canonical URL, with its port when that is not the default, and a slash."""
    return url[: url.index("/", len("http://") + 1) + 1]


def is_trustworthy(url: str) -> bool:
    """Whether a canonical URL is https, or leads to this machine itself.

    https://www.w3.org/TR/secure-contexts/#is-url-trustworthy
    """
    if url.startswith("https:"):
        return True
    hostname = hostname_of(url)
    return hostname.startswith("127.") or hostname in {"localhost", "[::1]"} or hostname.endswith(".localhost")


def referrer_for(page: str, url: str, policy: ReferrerPolicy) -> str | None:
    """Return the `Referer` of a request for `url` that the page at `page` makes (both canonical), None for none.

    >>> referrer_for("https://a.example/x?y", "https://b.example/z.png", DEFAULT_POLICY)
    'https://a.example/'
    """
    is_same_origin = url.startswith(origin_of(page))
    if policy in _LESS_RESTRICTED and not is_same_origin and site_of(hostname_of(page)) != site_of(hostname_of(url)):
        policy = DEFAULT_POLICY
    if policy is ReferrerPolicy.NO_REFERRER or (policy is ReferrerPolicy.SAME_ORIGIN and not is_same_origin):
        return None
    if policy in _NONE_BEFORE_HTTP and page.startswith("https:") and not url.startswith("https:"):
        return None
    is_origin = policy in _ORIGIN_ALONE or (policy in _ORIGIN_FOR_OTHERS and not is_same_origin)
    return origin_of(page) if is_origin or len(page) > MOST_CHARACTERS else page


def policy_after(page: str, url: str, policy: ReferrerPolicy, declared: ReferrerPolicy | None) -> ReferrerPolicy:
    """Return the policy after a redirect at `url`, which may declare another one.

    What was left out of the `Referer` once does not come back, also when the redirect leads back to the page's host.
    """
    sent = referrer_for(page, url, policy)
    if sent is None:
        return ReferrerPolicy.NO_REFERRER
    policy = declared or policy
    is_reduced = sent != page and policy not in {ReferrerPolicy.NO_REFERRER, ReferrerPolicy.SAME_ORIGIN}
    return ReferrerPolicy.STRICT_ORIGIN if is_reduced else policy


def site_relation(page: str | None, url: str) -> str:
    """Return `Sec-Fetch-Site`: how the page that makes a request is related to its URL; without a page `none`.

    >>> site_relation("https://www.a.com/", "https://cdn.a.com/b.png")
    'same-site'
    """
    if page is None:
        return "none"
    if url.startswith(origin_of(page)):
        return "same-origin"
    is_same_scheme = page.startswith("https:") is url.startswith("https:")
    return "same-site" if is_same_scheme and site_of(hostname_of(page)) == site_of(hostname_of(url)) else "cross-site"
