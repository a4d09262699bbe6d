"""Tells where the page at a reported URL sends its visitor on: by a refresh, by frames, or by a script.

A host moves a page with a redirect or with one of these, and a person sees no difference. So a page that does nothing
else counts for its report like a redirect. A page that shows something is a page, and its links are followed as ever.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.links.pages.attribute_values import refresh_reference, refresh_seconds
from orbweaver.crawler.links.pages.candidates import script_moves, text_references
from orbweaver.crawler.links.pages.shown import Refresh, Shown
from orbweaver.crawler.rules.spelt_urls import SpeltUrl, spell
from orbweaver.crawler.visiting.link_follower import base_of

# "You will be redirected in 5 seconds. If nothing happens, click here", and a few words more.
MOST_WORD_CHARACTERS: Final = 1_000
# Around frames, and where only a script says where the page goes.
FEW_WORD_CHARACTERS: Final = 200
MOST_LINKS: Final = 3
# A page that goes to another host later was to be seen; it is mostly an advertisement that comes then.
SOON_SECONDS: Final = 30
# A longer script does something else as well.
MOST_CODE_CHARACTERS: Final = 2_000
_SETS_COOKIE: Final = re.compile(r"document\.cookie\s*+=")
_ASKS_AGAIN: Final = re.compile(r"location\.reload\s*+\(")
_GOES: Final = re.compile(r"\blocation\b")


class SentOn(NamedTuple):
    """A move of a page, to a URL; `way` says by what.

    With `is_all` the page does nothing else. With `is_soon` it goes there before somebody has read it.
    """

    to: SpeltUrl
    way: str
    is_all: bool = True
    is_soon: bool = True


class Moves(NamedTuple):
    """The moves of one page, the surest first.

    `refused` says why a page that does nothing else goes to what is no URL to fetch. `asks_again` says that the page is
    nothing but a script that sets a cookie and asks for the page again. `may_go_to` is where the script of a page that
    shows nothing may go, which cannot be told with certainty.
    """

    sent_on: tuple[SentOn, ...] = ()
    refused: str | None = None
    asks_again: bool = False
    may_go_to: str | None = None


NO_MOVES: Final = Moves()


def moves_of(response: FetchedResponse, body: Body, shown: Shown | None) -> Moves:
    """Return the moves of a response; `shown` is None for one that is no page, of which only headers can say some."""
    page = response.asked
    header = response.headers.get("Refresh")
    declared = Refresh(refresh_reference(header), refresh_seconds(header)) if header else None
    if shown is None:
        is_empty = body.digests is not None and body.digests.is_degenerate
        target = _target(page, declared.reference) if declared is not None and is_empty else None
        return NO_MOVES if target is None else Moves((SentOn(target, "a Refresh header"),))
    shows_little = not shown.is_much and not shown.files and len(shown.links) <= MOST_LINKS
    base = base_of(page, shown.base)
    for refresh, way, relative_to in (
        (declared, "a Refresh header", page),
        (shown.refresh, "a meta refresh", base),
    ):
        if refresh is None or not refresh.reference:
            continue
        is_all = shows_little and not shown.frames and len(shown.words) <= MOST_WORD_CHARACTERS
        try:
            target = spell(relative_to, refresh.reference)
        except UrlRefused as error:
            return Moves(refused=error.reason) if is_all else NO_MOVES
        if target != page:
            return Moves((SentOn(target, way, is_all, is_soon=refresh.seconds <= SOON_SECONDS),))
    if not shows_little or len(shown.words) > FEW_WORD_CHARACTERS:
        return NO_MOVES
    if shown.frames:
        targets = dict.fromkeys(_target(base, reference) for reference in shown.frames)
        found = [target for target in targets if target not in {None, page}]
        return Moves(tuple(SentOn(target, "a frame", is_all=len(targets) == 1) for target in found if target))
    return _moves_of_script(page, base, shown)


def _moves_of_script(page: SpeltUrl, base: SpeltUrl, shown: Shown) -> Moves:
    code = shown.code
    targets = dict.fromkeys(target for one in script_moves(code) if (target := _target(base, one)) is not None)
    is_plain = not shown.script_files and len(code) <= MOST_CODE_CHARACTERS
    if _SETS_COOKIE.search(code) and (page in targets or (not targets and _ASKS_AGAIN.search(code))):
        return Moves(asks_again=True)
    targets.pop(page, None)
    if is_plain and len(targets) == 1:
        return Moves((SentOn(next(iter(targets)), "a script"),))
    if not targets and _GOES.search(code):
        absolute = (_target(base, one) for one in text_references(code) if "://" in one)
        targets = dict.fromkeys(target for target in absolute if target is not None)
    return Moves(may_go_to=next((target.url for target in targets), None))


def _target(base: SpeltUrl, reference: str) -> SpeltUrl | None:
    try:
        return spell(base, reference) if reference else None
    except UrlRefused:
        return None
