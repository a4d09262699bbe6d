"""Judges one check: is the file of a case still there? A table of rules; the first that does not abstain decides.

Only what says itself that the file is not there counts as gone. A host that does not answer, that refuses, or that
gives every visitor the same page has said nothing about the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from orbweaver.model import CaseState, Outcome, Presence
from orbweaver.takedown.hosting.moves import move_of
from orbweaver.takedown.removal.expiring_links import may_have_expired
from orbweaver.takedown.removal.judgement import VARIES, Judgement, is_of_yet_another
from orbweaver.takedown.removal.observation import History, Observation, UrlAnswer

GONE_STATUSES: Final = frozenset({404, 410})
# "Not you": RFC 9110; 451 is RFC 7725, 511 a captive portal (RFC 6585).
REFUSING_STATUSES: Final = frozenset({401, 402, 403, 407, 423, 425, 429, 451, 511})
TOO_MANY: Final = frozenset({425, 429})
# "Not now".
BUSY_STATUSES: Final = frozenset({408, 421})
# The host did not answer, or its answer did not come whole.
UNAVAILABLE: Final = frozenset(
    {
        Outcome.UNRESOLVED,
        Outcome.UNREACHABLE,
        Outcome.TIMEOUT,
        Outcome.TOO_SLOW,
        Outcome.BAD_RESPONSE,
        Outcome.INCOMPLETE,
        Outcome.PARTIAL,
        Outcome.REFUSED_ADDRESS,
    }
)
# A control URL with one of these was answered, or is not asked for by choice: the host is in no trouble.
ANSWERED: Final = frozenset(
    {
        None,
        Outcome.EMPTY,
        Outcome.ERROR_PAGE,
        Outcome.HTTP_ERROR,
        Outcome.METHOD_REFUSED,
        Outcome.OUT_OF_SCOPE,
        Outcome.REDIRECT_LOOP,
        Outcome.ROBOTS,
    }
)
# What the rule of a visit is whose name does not exist (NXDOMAIN), told from a name server that fails.
NO_SUCH_NAME: Final = "fetch.no-such-name"
# These are said of more than a link.
OF_THE_WHOLE_HOST: Final = frozenset({"gone.no-such-name", "gone.parked", "gone.page-suspended", "gone.whole-host"})
_REDIRECTED_TO_NOTHING: Final = ("404", "notfound", "not-found", "not_found", "removed", "deleted")
_REDIRECTED_TO_LOGIN: Final = ("login", "log-in", "signin", "sign-in", "auth", "account", "register", "sso", "captcha")


def judge_removal(observation: Observation, history: History) -> Judgement:
    """Return what one check says of the file of a case. Pure."""
    for rule in RULES:
        judgement = rule(observation, history)
        if judgement is not None:
            return _believed(judgement, history, observation.at)
    raise AssertionError("the last rule takes every observation")


def _believed(judgement: Judgement, history: History, at: datetime) -> Judgement:
    """Return a judgement; unknown in place of an absence that only says that a link has expired."""
    if not judgement.is_absent or judgement.rule in OF_THE_WHOLE_HOST or not may_have_expired(history.case, at):
        return judgement
    reason = f"its link works for a while only, so perhaps only the link has expired: {judgement.reason}"
    return Judgement(Presence.UNKNOWN, "unknown.link-changes", reason)


def _not_asked(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    if observation.answer is not None:
        return None
    return Judgement(Presence.UNKNOWN, "unknown.not-asked", observation.why_not or "its visit did not come to its end")


def _seen(observation: Observation, history: History) -> Judgement | None:
    answer = _answer(observation)
    if history.case.sha256 not in answer.digests:
        return None
    moved = _moved(answer, history, observation.at)
    if moved is not None:
        return moved
    return Judgement(Presence.LIVE, "live.seen", "the file is there")


def _moved(answer: UrlAnswer, history: History, at: datetime) -> Judgement | None:
    case = history.case
    if answer.final_url is not None and _host(answer.final_url) != _host(case.final_url):
        reason = f"the file is there, and comes from another host: {_host(answer.final_url)}"
        return Judgement(Presence.MOVED, "moved.host", reason)
    kind = None if history.located is None else move_of(case, answer.address, history.located, at)
    if kind is None:
        return None
    return Judgement(Presence.MOVED, f"moved.{kind}", f"the file is there, at another {kind}: {answer.address}")


def _gate(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer = _answer(observation)
    if answer.outcome is Outcome.GATE:
        return Judgement(Presence.BLOCKED, f"blocked.{answer.rule}", answer.reason)
    if answer.outcome is Outcome.ROBOTS:
        return Judgement(Presence.BLOCKED, "blocked.robots", answer.reason)
    if answer.says == "elsewhere":
        return Judgement(
            Presence.BLOCKED, "blocked.elsewhere", "a page that says that it is not shown here, or not to us"
        )
    return None


def _name(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer = _answer(observation)
    if answer.outcome is not Outcome.UNRESOLVED or answer.rule != NO_SUCH_NAME:
        return None
    others = [one for one in (observation.root, observation.random) if one is not None]
    if not others or any(one.rule != NO_SUCH_NAME for one in others):
        return Judgement(Presence.UNAVAILABLE, "unavailable.name", "the name of the host resolves only now and then")
    return Judgement(Presence.GONE, "gone.no-such-name", "the name of the host does not exist any more")


def _transport(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer = _answer(observation)
    if answer.outcome not in UNAVAILABLE:
        return None
    return Judgement(Presence.UNAVAILABLE, f"unavailable.{answer.outcome}", answer.reason)


def _status(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer = _answer(observation)
    status = answer.status
    if status is None or 200 <= status < 300:
        return None
    said = f"the host answered {status}"
    if status in REFUSING_STATUSES:
        return Judgement(Presence.BLOCKED, f"blocked.http-{status}", said)
    if status >= 500 or status in BUSY_STATUSES or answer.says == "unavailable":
        return Judgement(Presence.UNAVAILABLE, f"unavailable.http-{status}", said)
    if status not in GONE_STATUSES:
        return Judgement(Presence.UNKNOWN, f"unknown.http-{status}", said)
    if answer.says == "viewer":
        return Judgement(Presence.UNKNOWN, "unknown.viewer", f"{said}, with a page that shows a file of that name")
    if answer.says == "sends-on" and (observation.random is None or observation.random.says != "sends-on"):
        return Judgement(Presence.UNKNOWN, "unknown.sends-on", f"{said}, with a page that sends on to another URL")
    trouble = _trouble(observation.random, refusing=REFUSING_STATUSES)
    if trouble is not None:
        reason = f"{said}, but for a URL that nobody has made it gave this: {trouble}"
        return Judgement(Presence.UNAVAILABLE, "unavailable.in-trouble", reason)
    root = _other_root(observation)
    # Many hosts show nobody their front page: a refusal there says nothing.
    trouble = None if root is None else _trouble(root, refusing=TOO_MANY)
    if trouble is not None:
        reason = f"{said}, but for its front page it gave this: {trouble}"
        return Judgement(Presence.UNAVAILABLE, "unavailable.in-trouble", reason)
    if root is not None and root.status in GONE_STATUSES:
        return Judgement(Presence.GONE, "gone.whole-host", f"{said}, for its front page, too")
    return Judgement(Presence.GONE, f"gone.http-{status}", said)


def _ours(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    """Abstain from an answer that came, or that is a page which says that nothing is there; all else is unknown."""
    answer = _answer(observation)
    if answer.outcome is None or answer.outcome is Outcome.ERROR_PAGE:
        return None
    if answer.outcome is Outcome.OUT_OF_SCOPE:
        return Judgement(Presence.UNKNOWN, "unknown.leads-out", answer.reason)
    return Judgement(Presence.UNKNOWN, f"unknown.{answer.outcome}", answer.reason)


def _same_file(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer, random, root = _answer(observation), observation.random, _other_root(observation)
    if root is not None and root.has_come and answer.digests & root.digests:
        reason = "the host gives the same other file for its front page: a wall, a portal or a closed site"
        return Judgement(Presence.UNKNOWN, "unknown.same-file", reason)
    # A text that came as a file may say that the host is in trouble.
    if random is None or not random.has_come or answer.says == "unavailable" or not answer.digests & random.digests:
        return None
    trouble = None if root is None else _trouble(root, refusing=TOO_MANY)
    if trouble is not None:
        reason = f"the host gives the same other file for a URL that does not exist, but for its front page: {trouble}"
        return Judgement(Presence.UNAVAILABLE, "unavailable.in-trouble", reason)
    return Judgement(
        Presence.GONE, "gone.placeholder", "the host gives the same other file for a URL that does not exist"
    )


def _changed(observation: Observation, history: History) -> Judgement | None:
    answer = _answer(observation)
    if not answer.digests or answer.is_page or answer.outcome is not None:
        return None
    case = history.case
    is_inside = case.http.archive_member is not None
    if answer.sniffed_type is None and (is_inside or case.sniffed_type is not None):
        reason = "a text, or what is of no known type, came in place of the file, and does not say that it is gone"
        return Judgement(Presence.UNKNOWN, "unknown.no-type", reason)
    if not answer.is_end_told and not is_inside and answer.size is not None and answer.size < case.size:
        reason = "less came than the file has, and nothing says that this is all of it: perhaps it was cut"
        return Judgement(Presence.UNKNOWN, "unknown.perhaps-cut", reason)
    judgement = _other_files(answer, history, "file", "another file is there")
    if judgement.rule != "changed.file" or is_inside:
        return judgement  # an archive may be made at each request, and the file be gone from it all the same
    other = hashlib.sha256("\n".join(sorted(answer.digests)).encode()).hexdigest()[:16]
    before = None if case.removal is None else case.removal.confirmed_by
    if is_of_yet_another(before, other) and case.state is CaseState.OPEN:
        reason = "another file is there, and not that of the check before: perhaps it is made anew at each request"
        return Judgement(Presence.UNKNOWN, VARIES, reason, other)
    return judgement._replace(other=other)


def _other_files(answer: UrlAnswer, history: History, rule: str, said: str) -> Judgement:
    if answer.is_unread:
        return Judgement(Presence.UNKNOWN, "unknown.not-read", "not everything that came could be looked into")
    if history.is_other_known is None:
        return Judgement(Presence.CHANGED, "changed.unanswered", f"{said}, and whether a list knows it is not answered")
    if history.is_other_known:
        return Judgement(Presence.CHANGED, "changed.known", f"{said}, and a list knows it: it has a case of its own")
    return Judgement(Presence.CHANGED, f"changed.{rule}", said)


def _page_says(observation: Observation, history: History) -> Judgement | None:
    answer = _answer(observation)
    if answer.says == "viewer" and not history.case.http.embedded:
        return Judgement(Presence.UNKNOWN, "unknown.viewer", "a page that shows a file of that name")
    if answer.says == "unavailable":
        return Judgement(Presence.UNAVAILABLE, "unavailable.page", "a page that says that the host cannot answer now")
    if answer.says == "parked":
        is_whole_host = observation.root is not None and observation.root.says == "parked"
        if is_whole_host:
            return Judgement(Presence.GONE, "gone.parked", "the whole host is a page of a name without a site")
        return Judgement(
            Presence.UNKNOWN, "unknown.parked", "a page of a name without a site, and the front page is another"
        )
    if answer.says == "gone" and _is_alike(answer, _other_root(observation)):
        reason = "the host says of every URL, and of its front page, that nothing is there: perhaps to us alone"
        return Judgement(Presence.UNKNOWN, "unknown.same-page", reason)
    if answer.says in {"gone", "suspended", "empty-index"}:
        reasons = {
            "gone": "a page that says that the file is gone",
            "suspended": "a page that says that the account or the site was closed",
            "empty-index": "the list of a folder without files",
        }
        return Judgement(Presence.GONE, f"gone.page-{answer.says}", reasons[answer.says])
    return None


def _front_page(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer, root, random = _answer(observation), observation.root, observation.random
    if not answer.is_redirected or root is None or answer.final_url not in {root.url, root.final_url}:
        return None
    is_so_for_all = random is not None and random.has_come and random.final_url == answer.final_url
    if is_so_for_all and root.has_come and root.is_page and not root.is_redirected and root.says in {"", "script"}:
        reason = "the host sends on to its front page, as for a URL that does not exist"
        return Judgement(Presence.GONE, "gone.front-page", reason)
    return Judgement(
        Presence.UNKNOWN, "unknown.front-page", "the host sends on to its front page, but not from every URL"
    )


def _redirected(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer = _answer(observation)
    if not answer.is_redirected or not answer.is_page or answer.final_url is None:
        return None
    path = _path(answer.final_url).lower()
    if any(word in path for word in _REDIRECTED_TO_LOGIN):
        return Judgement(Presence.BLOCKED, "blocked.login", "the host sends on to a page for a login")
    if any(word in path for word in _REDIRECTED_TO_NOTHING) and _is_alike(answer, observation.random):
        reason = "the host sends on to a page for what does not exist, as for a URL that does not"
        return Judgement(Presence.GONE, "gone.soft-404", reason)
    return Judgement(Presence.UNKNOWN, "unknown.redirected", "the host sends on to a page, and no file is there")


def _shell(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    if _answer(observation).says != "script":
        return None
    return Judgement(
        Presence.UNKNOWN, "unknown.script", "a page that shows nothing but by its scripts, which nobody runs"
    )


def _like_random(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    answer, root = _answer(observation), observation.root
    if not answer.is_page or not _is_alike(answer, observation.random):
        return None
    if root is not None and root.url == answer.url:
        return None  # some hosts give their front page for whatever does not exist
    if root is None or _trouble(root, refusing=REFUSING_STATUSES) is not None:
        return Judgement(
            Presence.UNKNOWN, "unknown.no-front-page", "what the front page of the host is could not be seen"
        )
    if _is_alike(answer, root):
        reason = "the host gives the same page for every URL: a wall, a portal or a closed site"
        return Judgement(Presence.UNKNOWN, "unknown.same-page", reason)
    return Judgement(Presence.GONE, "gone.soft-404", "the host gives the same page for a URL that does not exist")


def _embedded(observation: Observation, history: History) -> Judgement | None:
    answer = _answer(observation)
    if not history.case.http.embedded or not answer.is_page or not answer.has_come:
        return None
    return _other_files(answer, history, "page", "the page is there without the file")


def _rest(observation: Observation, history: History) -> Judgement | None:  # noqa: ARG001
    if _answer(observation).is_page or _answer(observation).outcome is Outcome.ERROR_PAGE:
        return Judgement(
            Presence.UNKNOWN, "unknown.page", "a page came in place of the file, and nothing says what it is"
        )
    return Judgement(Presence.UNKNOWN, "unknown.nothing", "neither a file nor a page came")


Rule = Callable[[Observation, History], Judgement | None]
RULES: Final[tuple[Rule, ...]] = (
    _not_asked,
    _seen,
    _gate,
    _name,
    _transport,
    _status,
    _ours,
    _same_file,
    _page_says,
    _changed,
    _front_page,
    _redirected,
    _shell,
    _like_random,
    _embedded,
    _rest,
)


def _answer(observation: Observation) -> UrlAnswer:
    assert observation.answer is not None, "the first rule has taken it"
    return observation.answer


def _other_root(observation: Observation) -> UrlAnswer | None:
    """Return what the front page gave; None where it is the URL of the case."""
    root = observation.root
    return None if root is None or root.url == _answer(observation).url else root


def _trouble(answer: UrlAnswer | None, *, refusing: Collection[int]) -> str | None:
    """Return in which trouble a host is by the answer for a control URL, None when it is in none.

    The statuses `refusing` count as trouble.
    """
    if answer is None:
        return "no answer"
    if answer.outcome not in ANSWERED or answer.says == "unavailable":
        return answer.reason or str(answer.outcome or answer.says)
    if answer.status is not None and (answer.status >= 500 or answer.status in {*refusing, *BUSY_STATUSES}):
        return f"the host answered {answer.status}"
    return None


def _is_alike(answer: UrlAnswer, other: UrlAnswer | None) -> bool:
    """Whether two pages have the same words."""
    return other is not None and answer.page_print is not None and answer.page_print == other.page_print


def _host(url: str) -> str:
    """Return host and port of a canonical URL."""
    return url.partition("://")[2].partition("/")[0]


def _path(url: str) -> str:
    return url.partition("://")[2].partition("/")[2].partition("?")[0]
