"""Makes the order of a re-check: the URLs of the cases of a host as they were reported, and its control URLs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules.urls import host_of
from orbweaver.model import Case, Embeds, Limits, Report, Scope, ScopeKind
from orbweaver.queue.intake.orders import Order, RecheckPlan
from orbweaver.queue.removal.recheck_terms import RecheckTerms
from orbweaver.takedown.cases.places import may_name_a_file, names_a_file

# A re-check is short; a host that is slower than this is asked again at the next one.
MOST_SECONDS: Final = 1_800.0
# Each folder of a host, and each kind of name in it, may have its own way to say that nothing is there.
MOST_RANDOMS: Final = 10
MOST_REPORTS_OF_A_URL: Final = 5
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,5}\Z")


def order_of(host: str, cases: Sequence[Case], terms: RecheckTerms | None, token: int) -> Order:
    """Return the order that looks for the files of cases of one host; `token` makes URLs that nobody has made."""
    by_url: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda one: one.newest_url):
        by_url.setdefault(case.newest_url, []).append(case)
    first = next(iter(by_url))
    scope = _scope(first, terms)
    randoms: dict[str, str] = {}
    for url, (case, *_) in by_url.items():
        made = random_url(url, token)
        if len(set(randoms.values())) >= MOST_RANDOMS and made not in randoms.values():
            made = next(iter(randoms.values()))
        if _may_be_asked(scope, made, case.referrer):
            randoms[url] = made
    root = _root(first) if scopes.refusal_of(scope, _root(first)) is None else None
    asked = {url: list(_reports(of_url, terms, scope)) for url, of_url in by_url.items()}
    # Control URLs are asked for in the same way, or what they give could not be compared.
    controls = [_control(asked[url][0], made) for url, made in randoms.items()]
    if root is not None and root not in by_url:
        controls.append(_control(asked[first][0], root).model_copy(update={"referrer": None}))
    plan = RecheckPlan(
        host=host,
        cases={str(case.case_id): url for url, of_url in by_url.items() for case in of_url},
        digests={url: tuple(case.sha256 for case in of_url) for url, of_url in by_url.items()},
        root=root,
        randoms=randoms,
    )
    return Order(
        scope=scope,
        reports=(
            *(report for reports in asked.values() for report in reports),
            *{one.url: one for one in controls}.values(),
        ),
        recheck=plan,
    )


def random_url(url: str, token: int) -> str:
    """Return a URL like a canonical one that nobody has made: another name in its folder, or another value.

    >>> random_url("https://h.test/a/one.jpg", 0x1234567890)
    'https://h.test/a/q1234567890.jpg'
    >>> random_url("https://h.test/view.php?album=3&id=17", 0x1234567890)
    'https://h.test/view.php?album=3&id=78187493520'
    >>> random_url("https://h.test/a/one.jpg?size=large", 0x1234567890)
    'https://h.test/a/q1234567890.jpg?size=large'
    """
    path, question, query = url.partition("?")
    if question and "=" in query and not names_a_file(path):
        parts = query.split("&")
        chosen = max(range(len(parts)), key=lambda number: (_tells(parts[number]), number))
        name, _, value = parts[chosen].partition("=")
        parts[chosen] = f"{name}={token if value.isdecimal() else f'q{token:x}'}"
        return f"{path}?{'&'.join(parts)}"
    folder, _, last = path.rpartition("/")
    ending = _ENDING.search(last)
    return f"{folder}/q{token:x}{ending[0] if ending else ''}{question}{query}"


def _tells(parameter: str) -> tuple[bool, int]:
    """Return how surely a parameter says which file it is: by its name, else the longest value does."""
    name, _, value = parameter.partition("=")
    return may_name_a_file(name.lower()) and value != "", len(value)


def _root(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def _scope(url: str, terms: RecheckTerms | None) -> Scope:
    scope = scopes.scope_for(ScopeKind.HOST, url, Limits()) if terms is None else terms.scope
    limits = scope.limits.model_copy(update={"max_seconds": min(scope.limits.max_seconds, MOST_SECONDS)})
    return scope.model_copy(update={"limits": limits, "follows_links": False})


def _may_be_asked(scope: Scope, url: str, referrer: str | None) -> bool:
    if scopes.refusal_of(scope, url) is None:
        return True
    return scope.embeds is not Embeds.OFF and scopes.embed_refusal_of(scope, url, referrer) is None


def _control(asked: Report, url: str) -> Report:
    return asked.model_copy(update={"url": url, "spelling": None, "report_id": None})


def _may_have_cookies(reported: str, url: str, scope: Scope) -> bool:
    """Whether the cookies of a reported URL may go with another: on its host or site, and never from https to http."""
    is_downgrade = reported.startswith("https:") and url.startswith("http:")
    is_there = host_of(reported) == host_of(url)
    if scope.kind is ScopeKind.SITE:
        is_there |= scopes.refusal_of(scope, reported) is None and scopes.refusal_of(scope, url) is None
    return is_there and not is_downgrade


def _reports(cases: Sequence[Case], terms: RecheckTerms | None, scope: Scope) -> Iterable[Report]:
    """Return the reports by which one URL is asked for: as it was reported, or as what led to it was."""
    case = cases[0]
    ids = sorted({one for case in cases for one in case.report_ids})[:MOST_REPORTS_OF_A_URL]
    known = () if terms is None else terms.reports
    of_url = [one for one in known if one.url == case.newest_url]
    for report_id in (*ids,) or (None,):
        of_report = [one for one in known if report_id is not None and one.report_id == report_id]
        manner = next((one for one in (*of_report, *of_url)), None)
        yield Report(
            url=case.newest_url,
            spelling=case.http.spelling or (of_url[0].spelling if of_url else None),
            report_id=report_id,
            referrer=case.referrer,
            user_agent=None if manner is None else manner.user_agent,
            accept_language=None if manner is None else manner.accept_language,
            cookies=manner.cookies if manner and _may_have_cookies(manner.url, case.newest_url, scope) else None,
        )
