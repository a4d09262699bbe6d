"""What one check says of a file: a table of what hosts do, and what may never count as a removal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest
from builders import NOON, STAMP, a_match, a_sighting, digests_of
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import CaseState, Hosting, HttpFacts, LeftOut, Outcome, Place, Presence, Removal
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal.judgement import Judgement
from orbweaver.takedown.removal.observation import History, Observation, UrlAnswer
from orbweaver.takedown.removal.rules import NO_SUCH_NAME, judge_removal

HOST = "http://h.test"
URL = f"{HOST}/a/known.jpg"
RANDOM = f"{HOST}/a/q7x1.jpg"
KNOWN, OTHER, THIRD = (digests_of(body).sha256 for body in (b"known", b"other", b"third"))


def a_case(*, embedded: bool = False, archive_member: str | None = None, sniffed_type: str | None = None) -> History:
    http = HttpFacts(status=200, embedded=embedded, archive_member=archive_member)
    sighting = a_sighting(url=URL).model_copy(update={"ip": "192.0.2.7", "http": http, "sniffed_type": sniffed_type})
    return History(change_by_match(sighting, a_match(), None, STAMP, Hosting(asn=64500)).after.case)


CASE = a_case()
PICTURE = a_case(sniffed_type="image/png")
SIZE = CASE.case.size


def page(words: str = "words", *, at: str = URL, to: str | None = None, says: str = "", status: int = 200) -> UrlAnswer:
    return UrlAnswer(
        at, status=status, final_url=to or at, address="192.0.2.7", is_page=True, page_print=words, says=says
    )


def no_page(words: str = "words", *, at: str = URL, to: str | None = None, says: str = "") -> UrlAnswer:
    """A page where a file was expected."""
    return replace(page(words, at=at, to=to, says=says), outcome=Outcome.ERROR_PAGE, rule="error_page")


def file(
    *digests: str, at: str = URL, to: str | None = None, address: str = "192.0.2.7", status: int = 200
) -> UrlAnswer:
    return UrlAnswer(
        at, status=status, final_url=to or at, address=address, digests=frozenset(digests), sniffed_type="image/gif"
    )


def text(digest: str, *, at: str = URL) -> UrlAnswer:
    return replace(file(digest, at=at), sniffed_type=None)


def trouble() -> UrlAnswer:
    """A text that says it, as it comes where a file was expected."""
    return replace(text(OTHER), outcome=Outcome.ERROR_PAGE, rule="error_page.unavailable", says="unavailable")


def status(code: int, *, at: str = URL, says: str = "") -> UrlAnswer:
    return UrlAnswer(
        at, Outcome.HTTP_ERROR, f"http.{code}", f"the host answered {code}", code, at, "192.0.2.7", says=says
    )


def failed(outcome: Outcome, rule: str = "", *, at: str = URL) -> UrlAnswer:
    return UrlAnswer(at, outcome, rule or f"fetch.{outcome}", "in words")


ROOT = page("front", at=f"{HOST}/")
MISSING = status(404, at=RANDOM)


PLACE = Place(url=URL, left_out={"token": LeftOut.TOKEN, "w": LeftOut.CACHE_BUSTER})
RANDOM_CASE = replace(CASE, case=CASE.case.model_copy(update={"place": Place(url=URL, left_out={"x": LeftOut.RANDOM})}))
CHANGED_CASE = replace(RANDOM_CASE, case=RANDOM_CASE.case.model_copy(update={"last_url": f"{URL}?x=2"}))
EXPIRING_CASE = replace(CASE, case=CASE.case.model_copy(update={"place": PLACE}))


class Seen(NamedTuple):
    answer: UrlAnswer | None
    rule: str
    root: UrlAnswer | None = ROOT
    random: UrlAnswer | None = MISSING
    history: History = CASE


LOGIN = failed(Outcome.GATE, "gate.login")
NO_NAME = failed(Outcome.UNRESOLVED, NO_SUCH_NAME)
SITUATIONS = {
    "the file": Seen(file(KNOWN), "live.seen"),
    "the file in an archive": Seen(file(OTHER, KNOWN), "live.seen"),
    "the file with the status of an error": Seen(file(KNOWN, status=404), "live.seen"),
    "the file behind another URL of the host": Seen(file(KNOWN, to=f"{HOST}/b.jpg"), "live.seen"),
    "the file on another address, of which nothing is known": Seen(file(KNOWN, address="198.51.100.1"), "live.seen"),
    "the file at another provider": Seen(
        file(KNOWN, address="198.51.100.1"), "moved.provider", history=replace(CASE, located=Hosting(asn=64501))
    ),
    "the file on another address of its provider": Seen(
        file(KNOWN, address="198.51.100.1"), "live.seen", history=replace(CASE, located=Hosting(asn=64500))
    ),
    "the file on another host": Seen(file(KNOWN, to="http://other.test/b.jpg"), "moved.host"),
    "the file while the front page is down": Seen(
        file(KNOWN), "live.seen", root=failed(Outcome.TIMEOUT, at=f"{HOST}/")
    ),
    "404": Seen(status(404), "gone.http-404"),
    "410": Seen(status(410), "gone.http-410"),
    "404, and the control hangs": Seen(status(404), "unavailable.in-trouble", random=failed(Outcome.TIMEOUT)),
    "404, and the control gives 503": Seen(status(404), "unavailable.in-trouble", random=status(503)),
    "404, and the control gives 403": Seen(status(404), "unavailable.in-trouble", random=status(403)),
    "404, and the control was not made": Seen(status(404), "unavailable.in-trouble", random=None),
    "404, for the front page, too": Seen(status(404), "gone.whole-host", root=status(404, at=f"{HOST}/")),
    "404, and the front page is busy": Seen(status(404), "unavailable.in-trouble", root=status(503, at=f"{HOST}/")),
    "404, and the front page hangs": Seen(
        status(404), "unavailable.in-trouble", root=failed(Outcome.TIMEOUT, at=f"{HOST}/")
    ),
    "404, and nobody is shown the front page": Seen(status(404), "gone.http-404", root=status(403, at=f"{HOST}/")),
    "404, and the front page is not in scope": Seen(status(404), "gone.http-404", root=None),
    "the front page without its file, which is given for all": Seen(
        page("front", at=f"{HOST}/"),
        "changed.page",
        random=page("front", at=RANDOM),
        history=a_case(embedded=True),
    ),
    "the front page itself says gone": Seen(
        page("bye", at=f"{HOST}/", says="gone"), "gone.page-gone", root=page("bye", at=f"{HOST}/")
    ),
    "404 with the words of a network in trouble": Seen(status(404, says="unavailable"), "unavailable.http-404"),
    "404, and the control was cut short by us": Seen(
        status(404), "unavailable.in-trouble", random=failed(Outcome.INTERRUPTED)
    ),
    "a viewer of the file, as for all": Seen(
        no_page("viewer", says="viewer"), "unknown.viewer", random=no_page("viewer", at=RANDOM, says="viewer")
    ),
    "404 with a viewer of the file": Seen(status(404, says="viewer"), "unknown.viewer"),
    "404 of a link with a random part that has not changed": Seen(status(404), "gone.http-404", history=RANDOM_CASE),
    "404 of a link with a random part that changes": Seen(
        replace(status(404), url=f"{URL}?x=2"), "unknown.link-changes", history=CHANGED_CASE
    ),
    "404 that sends its visitor on": Seen(status(404, says="sends-on"), "unknown.sends-on"),
    "404 that sends its visitor on, as for all": Seen(
        status(404, says="sends-on"), "gone.http-404", random=status(404, at=RANDOM, says="sends-on")
    ),
    "a page of scripts alone, as for all but the front page": Seen(
        no_page("shell", says="script"), "unknown.script", random=no_page("shell", at=RANDOM, says="script")
    ),
    "a page of scripts alone where a file was embedded": Seen(
        page("shell", says="script"), "unknown.script", history=a_case(embedded=True)
    ),
    "the front page of scripts alone, as for all": Seen(
        no_page("front", to=f"{HOST}/", says="script"),
        "gone.front-page",
        root=page("front", at=f"{HOST}/", says="script"),
        random=no_page("front", at=RANDOM, to=f"{HOST}/", says="script"),
    ),
    "404 of a link that expires": Seen(status(404), "unknown.link-changes", history=EXPIRING_CASE),
    "another file at a link that expires": Seen(file(OTHER), "unknown.link-changes", history=EXPIRING_CASE),
    "the file at a link that expires": Seen(file(KNOWN), "live.seen", history=EXPIRING_CASE),
    "a closed account with links that expire": Seen(
        no_page(says="suspended"), "gone.page-suspended", history=EXPIRING_CASE
    ),
    "401": Seen(status(401), "blocked.http-401"),
    "403": Seen(status(403), "blocked.http-403"),
    "403 for all, as buckets do": Seen(status(403), "blocked.http-403", random=status(403)),
    "429": Seen(status(429), "blocked.http-429"),
    "451": Seen(status(451), "blocked.http-451"),
    "511": Seen(status(511), "blocked.http-511"),
    "500": Seen(status(500), "unavailable.http-500"),
    "503": Seen(status(503), "unavailable.http-503"),
    "522 of a network": Seen(status(522), "unavailable.http-522"),
    "418": Seen(status(418), "unknown.http-418"),
    "a login": Seen(LOGIN, "blocked.gate.login"),
    "a challenge": Seen(failed(Outcome.GATE, "gate.challenge"), "blocked.gate.challenge"),
    "robots.txt": Seen(failed(Outcome.ROBOTS), "blocked.robots"),
    "a page that is not for this country": Seen(no_page(says="elsewhere"), "blocked.elsewhere"),
    "a page to which all are sent for a login": Seen(
        no_page(to=f"{HOST}/login?to=a"), "blocked.login", random=no_page(at=RANDOM, to=f"{HOST}/login?to=q")
    ),
    "a hang": Seen(failed(Outcome.TIMEOUT), "unavailable.timeout"),
    "a body that is cut": Seen(failed(Outcome.INCOMPLETE), "unavailable.incomplete"),
    "a refused connection": Seen(failed(Outcome.UNREACHABLE), "unavailable.unreachable"),
    "a name server that fails": Seen(failed(Outcome.UNRESOLVED), "unavailable.unresolved"),
    "a name in a hole": Seen(failed(Outcome.REFUSED_ADDRESS), "unavailable.refused_address"),
    "a name that does not exist": Seen(NO_NAME, "gone.no-such-name", root=NO_NAME, random=NO_NAME),
    "a name that does not exist now and then": Seen(NO_NAME, "unavailable.name"),
    "a name that nobody asked about again": Seen(NO_NAME, "unavailable.name", root=None, random=None),
    "a redirect out": Seen(failed(Outcome.OUT_OF_SCOPE, "scope.host"), "unknown.leads-out"),
    "a limit of ours": Seen(failed(Outcome.LIMIT), "unknown.limit"),
    "an interruption": Seen(failed(Outcome.INTERRUPTED), "unknown.interrupted"),
    "an empty file": Seen(failed(Outcome.EMPTY), "unknown.empty"),
    "no visit": Seen(None, "unknown.not-asked"),
    "a page that says gone": Seen(no_page(says="gone"), "gone.page-gone"),
    "an account that was closed": Seen(no_page(says="suspended"), "gone.page-suspended"),
    "every page says gone": Seen(no_page("same", says="gone"), "unknown.same-page", root=page("same", at=f"{HOST}/")),
    "a page that says that the host is in trouble": Seen(no_page(says="unavailable"), "unavailable.page"),
    "a parked name": Seen(no_page(says="parked"), "gone.parked", root=page("sale", at=f"{HOST}/", says="parked")),
    "a parking page in one place": Seen(no_page(says="parked"), "unknown.parked"),
    "a soft 404": Seen(no_page("soft"), "gone.soft-404", random=no_page("soft", at=RANDOM)),
    "a soft 404 to which all are sent": Seen(
        no_page("soft", to=f"{HOST}/404.html"),
        "gone.soft-404",
        random=no_page("soft", at=RANDOM, to=f"{HOST}/404.html"),
    ),
    "a soft 404, and no front page": Seen(
        no_page("soft"),
        "unknown.no-front-page",
        root=failed(Outcome.TIMEOUT, at=f"{HOST}/"),
        random=no_page("soft", at=RANDOM),
    ),
    "the same page for all": Seen(
        no_page("wall"), "unknown.same-page", root=page("wall", at=f"{HOST}/"), random=no_page("wall", at=RANDOM)
    ),
    "a page of its own": Seen(no_page("viewer"), "unknown.page", random=no_page("soft", at=RANDOM)),
    "a redirect to a page of its own": Seen(no_page("viewer", to=f"{HOST}/view"), "unknown.redirected"),
    "the front page, as for all": Seen(
        no_page("front", to=f"{HOST}/"), "gone.front-page", random=no_page("front", at=RANDOM, to=f"{HOST}/")
    ),
    "the front page, for this one": Seen(no_page("front", to=f"{HOST}/"), "unknown.front-page"),
    "a portal instead of the front page": Seen(
        no_page("portal", to=f"{HOST}/portal"),
        "unknown.front-page",
        root=page("portal", at=f"{HOST}/", to=f"{HOST}/portal"),
        random=no_page("portal", at=RANDOM, to=f"{HOST}/portal"),
    ),
    "another file": Seen(file(OTHER), "changed.file"),
    "another file, as for all": Seen(file(OTHER), "gone.placeholder", random=file(OTHER, at=RANDOM)),
    "another file, as for all and for the front page": Seen(
        file(OTHER), "unknown.same-file", root=file(OTHER, at=f"{HOST}/"), random=file(OTHER, at=RANDOM)
    ),
    "another file, as for the front page": Seen(file(OTHER), "unknown.same-file", root=file(OTHER, at=f"{HOST}/")),
    "another file, as for all, while the front page is down": Seen(
        file(OTHER), "unavailable.in-trouble", root=status(503, at=f"{HOST}/"), random=file(OTHER, at=RANDOM)
    ),
    "a text for all that the host is in trouble": Seen(
        trouble(), "unavailable.page", random=replace(trouble(), url=RANDOM)
    ),
    "a text in place of a picture": Seen(text(OTHER), "unknown.no-type", history=PICTURE),
    "a text in place of a picture, as for all": Seen(
        text(OTHER), "gone.placeholder", random=text(OTHER, at=RANDOM), history=PICTURE
    ),
    "a text in place of an archive": Seen(text(OTHER), "unknown.no-type", history=a_case(archive_member="a.jpg")),
    "a text in place of a text": Seen(text(OTHER), "changed.file"),
    "the beginning of a file whose end nothing tells": Seen(
        replace(file(OTHER), size=SIZE - 1, is_end_told=False), "unknown.perhaps-cut"
    ),
    "a shorter file": Seen(replace(file(OTHER), size=SIZE - 1), "changed.file"),
    "another file of the same length whose end nothing tells": Seen(
        replace(file(OTHER), size=SIZE, is_end_told=False), "changed.file"
    ),
    "another file that a list knows": Seen(file(OTHER), "changed.known", history=replace(CASE, is_other_known=True)),
    "another file without an answer": Seen(
        file(OTHER), "changed.unanswered", history=replace(CASE, is_other_known=None)
    ),
    "an archive that was not read whole": Seen(replace(file(OTHER), is_unread=True), "unknown.not-read"),
    "a page without its file": Seen(page("gallery"), "changed.page", history=a_case(embedded=True)),
    "a page with its file": Seen(
        replace(page(), digests=frozenset({KNOWN})), "live.seen", history=a_case(embedded=True)
    ),
    "a page of a file, as for all": Seen(
        page("soft"), "gone.soft-404", random=page("soft", at=RANDOM), history=a_case(embedded=True)
    ),
}


@pytest.mark.parametrize("seen", SITUATIONS.values(), ids=SITUATIONS)
def test_each_situation_has_its_rule(seen: Seen) -> None:
    judgement = judge(seen)

    assert judgement.rule == seen.rule
    assert judgement.presence == seen.rule.partition(".")[0]
    assert judgement.reason


def judge(seen: Seen) -> Judgement:
    return judge_removal(Observation(NOON, seen.answer, seen.root, seen.random), seen.history)


NEVER_AN_ABSENCE = [
    *(failed(outcome) for outcome in Outcome if outcome not in {Outcome.ERROR_PAGE, Outcome.HTTP_ERROR}),
    *(status(code) for code in range(100, 600) if not (200 <= code < 300 or code in {404, 410})),
]
ANYTHING = st.sampled_from(
    [None, *(one for seen in SITUATIONS.values() for one in (seen.answer, seen.root, seen.random)), *NEVER_AN_ABSENCE]
)


@given(answer=st.sampled_from(NEVER_AN_ABSENCE), root=ANYTHING, random=ANYTHING)
def test_no_failure_and_no_refusal_is_an_absence_whatever_the_controls_gave(
    answer: UrlAnswer, root: UrlAnswer | None, random: UrlAnswer | None
) -> None:
    judgement = judge_removal(Observation(NOON, answer, root, random), CASE)

    assert judgement.presence in {Presence.UNAVAILABLE, Presence.BLOCKED, Presence.UNKNOWN}
    assert judgement.confirms is None


@given(answer=ANYTHING, root=ANYTHING, random=ANYTHING)
def test_a_file_that_was_seen_is_never_absent_and_everything_has_a_judgement(
    answer: UrlAnswer | None, root: UrlAnswer | None, random: UrlAnswer | None
) -> None:
    judgement = judge_removal(Observation(NOON + timedelta(days=1), answer, root, random), CASE)

    assert (answer is not None and KNOWN in answer.digests) == judgement.is_seen


@pytest.mark.parametrize("rule", ["changed.known", "changed.unanswered"])
def test_another_file_that_may_be_known_confirms_no_removal(rule: str) -> None:
    assert Judgement(Presence.CHANGED, rule, "").confirms is None
    assert Judgement(Presence.CHANGED, "changed.file", "").confirms == "changed"


def test_another_file_counts_as_long_as_it_stays_the_same_one() -> None:
    """A picture that its host encodes anew, or marks, at each request is another one each time, and is there."""
    first = judge(Seen(file(OTHER), "changed.file"))
    assert first.confirms is not None
    removal = Removal(
        presence=first.presence,
        rule=first.rule,
        reason=first.reason,
        since=NOON,
        checked_at=NOON,
        confirmations=1,
        confirmed_by=first.confirms,
        confirmed_at=NOON,
    )
    case = CASE.case.model_copy(update={"removal": removal, "state": CaseState.OPEN})
    checked = replace(CASE, case=case)
    assert judge(Seen(file(OTHER), "changed.file", history=checked)).confirms == first.confirms
    varies = judge(Seen(file(THIRD), "unknown.varies", history=checked))
    assert (varies.rule, varies.confirms) == ("unknown.varies", None)
    # The other files of a page or an archive may change at any time.
    inside = case.model_copy(update={"http": case.http.model_copy(update={"archive_member": "a.jpg"})})
    assert judge(Seen(file(OTHER), "changed.file", history=replace(CASE, case=inside))).confirms == "changed"
    # After the removal its place is anybody's.
    removed = replace(CASE, case=case.model_copy(update={"state": CaseState.REMOVED}))
    assert judge(Seen(file(THIRD), "changed.file", history=removed)).rule == "changed.file"
