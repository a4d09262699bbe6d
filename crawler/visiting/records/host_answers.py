"""Counts how each host answered for its files and pages, and judges when it refused so many that it was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from orbweaver.model import AnswerCounts, HostAnswers
from pydantic import StringConstraints

# Answers that say there is nothing: RFC 9110, 15.5.5 and 15.5.11.
GONE_STATUSES: Final = frozenset({404, 410})
GIVEN: Final = "given"
# A page came, where a page shows a file or a link to a file was redirected.
A_PAGE: Final = "page"
EMPTY: Final = "empty"
# A page that asks to be let through before the host shows something.
A_GATE: Final = "gate"
_GONE: Final = frozenset(f"http.{status}" for status in GONE_STATUSES)
# Of so many hosts the counts are handed on, those with the most answers.
HOSTS_HANDED_ON: Final = 1_000
# An operator's terminal shows these as they are.
HostName = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9._:\[\]-]{1,300}\z")]


class Tolerance(NamedTuple):
    """The most that a host may refuse and still count as checked: `floor` answers, or `share` of those not gone.

    A host that gave nothing at all and refused something was not checked, however little it was.
    """

    share: float
    floor: int


# The files that matter are fewer than a site's buttons and style sheets, which nobody refuses.
FILES_TOLERATED: Final = Tolerance(share=0.1, floor=3)
# Profiles, administration and forms are forbidden on honest sites, too.
PAGES_TOLERATED: Final = Tolerance(share=0.5, floor=3)


class HostRefusal(NamedTuple):
    """A host refused too much: an example URL, `files` or `pages`, and the counts in words."""

    url: str
    what: str
    reason: str


def refusal_reason(what: str, counts: Mapping[str, int], tolerance: Tolerance) -> str | None:
    """Return in words that a host refused more than is tolerated, None when it did not.

    >>> refusal_reason("files", {"given": 5, "http.403": 20, "http.404": 2}, FILES_TOLERATED)
    'the host refused 20 of 25 files: 20 answered 403; 2 more are gone'
    """
    given = counts.get(GIVEN, 0)
    refused = {answer: count for answer, count in counts.items() if answer != GIVEN and answer not in _GONE}
    total = sum(refused.values())
    is_much = total >= tolerance.floor and total > tolerance.share * (given + total)
    if not total or (given and not is_much):
        return None
    each = ", ".join(_in_words(answer, count) for answer, count in Counter(refused).most_common())
    gone = sum(counts.get(answer, 0) for answer in _GONE)
    more = f"; {gone} more {'is' if gone == 1 else 'are'} gone" if gone else ""
    noun = what.removesuffix("s") if given + total == 1 else what
    return f"the host refused {total} of {given + total} {noun}: {each}{more}"


def _in_words(answer: str, count: int) -> str:
    if answer == A_PAGE:
        return f"{count} answered with a page"
    if answer == A_GATE:
        return f"{count} answered with a gate"
    if answer == EMPTY:
        return f"{count} with 0 bytes"
    return f"{count} answered {answer.removeprefix('http.')}"


class AnswersSoFar(NamedTuple):
    """The answers of all hosts, and an example of what each refused: (`files` or `pages`, host, URL)."""

    files: dict[HostName, AnswerCounts]
    pages: dict[HostName, AnswerCounts]
    examples: tuple[tuple[str, str, str], ...]


class AnswerCounter:
    """The answers of every host of one recrawl."""

    def __init__(self) -> None:
        self._files: dict[str, Counter[str]] = {}
        self._pages: dict[str, Counter[str]] = {}
        self._examples: dict[tuple[str, str], str] = {}

    @property
    def so_far(self) -> AnswersSoFar:
        """The counts so far."""
        examples = tuple((what, host, url) for (what, host), url in self._examples.items())
        return AnswersSoFar(dict(self._files), dict(self._pages), examples)

    def restore(self, counted: AnswersSoFar) -> None:
        """Go on with what another process counted."""
        self._files = {host: Counter(counts) for host, counts in counted.files.items()}
        self._pages = {host: Counter(counts) for host, counts in counted.pages.items()}
        self._examples = {(what, host): url for what, host, url in counted.examples}

    def note(self, url: str, host: str, *, is_file: bool, answer: str, is_failure: bool = False) -> None:
        """Count one answer; `is_failure` says that the host failed, and that this is recorded by itself already."""
        what, counters = ("files", self._files) if is_file else ("pages", self._pages)
        counters.setdefault(host, Counter())[answer] += 1
        if answer != GIVEN and answer not in _GONE and not is_failure:
            self._examples.setdefault((what, host), url)

    def refusals(self) -> list[HostRefusal]:
        """Return the hosts that refused more than is tolerated, files before pages.

        Where every refusal is recorded as a failure already, there is nothing to add.
        """
        refusals = []
        for what, counters, tolerance in (
            ("files", self._files, FILES_TOLERATED),
            ("pages", self._pages, PAGES_TOLERATED),
        ):
            for host, counts in counters.items():
                example = self._examples.get((what, host))
                # Where the only page is forbidden, but files were given, the host was seen.
                is_seen = what == "pages" and not counts.get(GIVEN) and self._gave_files(host)
                reason = None if example is None or is_seen else refusal_reason(what, counts, tolerance)
                if example is not None and reason is not None:
                    refusals.append(HostRefusal(example, what, reason))
        return refusals

    def by_host(self) -> dict[str, HostAnswers]:
        """Return the counts of the hosts with the most answers."""
        total: Counter[str] = Counter()
        for counters in (self._files, self._pages):
            for host, counts in counters.items():
                total[host] += counts.total()
        nothing: Counter[str] = Counter()
        return {
            host: HostAnswers(files=dict(self._files.get(host, nothing)), pages=dict(self._pages.get(host, nothing)))
            for host, _ in total.most_common(HOSTS_HANDED_ON)
        }

    def _gave_files(self, host: str) -> bool:
        return host in self._files and self._files[host][GIVEN] > 0
