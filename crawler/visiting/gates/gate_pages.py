"""Tells whether a page is a gate in front of other pages and files, and which one click leads through it.

A gate has little on it but the question: a page with pictures or many links is none, whatever stands in its header, its
footer or a box over it, because what is behind that box is in its bytes. What can be clicked is a link, or a form that
is sent by GET and asks for nothing; other forms act on the host, and scripts are not run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from html import unescape
from typing import Final, NamedTuple
from urllib.parse import quote_plus

from orbweaver.crawler.links.pages.attribute_values import trim
from orbweaver.crawler.links.pages.markup import read_attributes
from orbweaver.crawler.links.pages.shown import TEXT_END, TEXT_ONLY, TOKEN
from orbweaver.crawler.rules import gate_words
from orbweaver.crawler.rules.gate_words import WordKind

# Longer pages show something.
MOST_CHARACTERS: Final = 2**18
MOST_LINKS: Final = 25
MOST_SHOWN_FILES: Final = 3
MOST_TEXT_CHARACTERS: Final = 4_000
MOST_LOGIN_CHARACTERS: Final = 1_500
MOST_LOGIN_LINKS: Final = 8
MOST_THANKS_LINKS: Final = 3
MOST_CONTROLS: Final = 100
MOST_FIELDS: Final = 50
# What is said of a button: its words, and no more of the page.
MOST_WORDS_SAID: Final = 60

# The tokens of shown.py, and elements whose content is no text. For speed: it is cheaper than to read them one by one.
_NO_TEXT: Final = re.compile(
    rf"<(?:!--.*?(?:-->|\Z)|(?P<raw>{'|'.join(sorted(TEXT_ONLY))})(?=[\s/>]).*?(?:</(?P=raw)(?=[\s/>])|\Z)"
    r"|/?[a-z][^>\"']*+(?:\"[^\"]*+\"?[^>\"']*+|'[^']*+'?[^>\"']*+)*>?)",
    re.DOTALL | re.IGNORECASE | re.ASCII,
)
_SHOW_FILES: Final = frozenset({"img", "video", "audio", "source", "embed", "object", "iframe", "frame"})
_READ: Final = frozenset(
    {"action", "alt", "formaction", "formmethod", "href", "method", "name", "onclick", "title", "type", "value"}
)
_WITH_ATTRIBUTES: Final = frozenset({"a", "area", "base", "button", "form", "img", "input", "select", "textarea"})
_READ_TAGS: Final = _WITH_ATTRIBUTES | _SHOW_FILES | TEXT_ONLY
_QUOTED: Final = re.compile(r"\"[^\"]*+\"?|'[^']*+'?")
_TICKED: Final = re.compile(r"\b(?:checked|required)\b", re.IGNORECASE)
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")
_BUTTONS: Final = frozenset({"submit", "button", "image"})
_NOT_BY_GET: Final = frozenset({"post", "dialog"})
# Fields that ask for nothing, unless there are several boxes to choose from.
_ASK_NOTHING: Final = frozenset({"hidden", "checkbox", "radio", *_BUTTONS, "reset"})
_SCRIPT: Final = re.compile(r"\s*+(?:javascript:|#|\Z)", re.IGNORECASE)


class GateKind(StrEnum):
    """How a gate opens; the names are in rules, as `gate.KIND`."""

    CLICK = "click"
    FORM = "form"
    SCRIPT = "script"
    LOGIN = "login"
    CHALLENGE = "challenge"
    HOTLINK = "hotlink"


class Gate(NamedTuple):
    """A gate: the `words` of its button, or of the page where it has none, and the `reference` that one click asks for.

    Only a gate of the kind `click` has a reference. It is relative to the page's `base`, which is None for its URL.
    """

    kind: GateKind
    words: str
    reference: str | None = None
    base: str | None = None


@dataclass
class _Form:
    action: str
    is_get: bool
    fields: list[tuple[str, str]] = field(default_factory=list)
    boxes: int = 0
    unticked: int = 0
    asks: bool = False
    has_password: bool = False


@dataclass
class _Control:
    words: str
    reference: str | None  # of a link
    form: _Form | None
    is_scripted: bool
    own_field: tuple[str, str] | None = None
    sends_otherwise: bool = False  # than its form says


@dataclass
class _Page:
    words: str = ""
    base: str | None = None
    links: int = 0
    shown_files: int = 0
    has_password: bool = False
    controls: list[_Control] = field(default_factory=list)

    @cached_property
    def asks_for_age(self) -> bool:
        """Whether its words say that it is for adults."""
        return gate_words.find(WordKind.PAGE, self.words) is not None


def gate_of(text: str, *, is_refused: bool) -> Gate | None:
    """Return the gate that a page is, None for every other page; `is_refused` says that its status is an error."""
    # For speed: nearly every page has so many, and most scripts of gates have none. Links are counted fastest.
    if len(text) > MOST_CHARACTERS or text.count("<a ") > 2 * MOST_LINKS or _has_long_text(text):
        return None
    page = _read(text)
    if page is None:
        return None
    ways = [(control, strength) for control in _asked(page) if (strength := _strength(control, page))]
    ways.sort(key=lambda way: -way[1])  # the clearest words first, then as on the page
    gates = [_gate_behind(control) for control, _ in ways]
    passable = next((gate for gate in gates if gate.kind is GateKind.CLICK), None)
    if passable is not None:
        return passable._replace(base=page.base)
    if gates:
        return gates[0]
    for word_kind, kind in ((WordKind.CHALLENGE, GateKind.CHALLENGE), (WordKind.HOTLINK, GateKind.HOTLINK)):
        if words := gate_words.find(word_kind, page.words):
            return Gate(kind, said(words))
    if len(page.words) > MOST_LOGIN_CHARACTERS or page.shown_files > 1:
        return None
    if words := gate_words.find(WordKind.LOGIN, page.words):
        return Gate(GateKind.LOGIN, said(words))
    if page.has_password and (is_refused or (not page.shown_files and page.links <= MOST_LOGIN_LINKS)):
        return Gate(GateKind.LOGIN, _password_words(page))
    return None


def shows_something(text: str) -> bool:
    """Whether a page has more on it than a gate, or than the thanks for passing one."""
    page = _read(text)
    return page is None or bool(page.shown_files) or page.links > MOST_THANKS_LINKS


def said(words: str) -> str:
    """Return the words of a button as they may stand in a record: one line, and not long."""
    words = " ".join(gate_words.seen(words).split())
    return words if len(words) <= MOST_WORDS_SAID else words[: MOST_WORDS_SAID - 1] + "…"


def _has_long_text(text: str) -> bool:
    """Whether the beginning of a page has more visible characters, blanks not counted, than a gate may have."""
    if len(text) <= MOST_TEXT_CHARACTERS:
        return False
    visible = _NO_TEXT.sub("", text[: 2 * MOST_TEXT_CHARACTERS])
    return len(visible) - sum(map(visible.count, " \t\r\n")) > MOST_TEXT_CHARACTERS


def _asked(page: _Page) -> list[_Control]:
    """Return the controls that may lead through a gate: for speed none where the whole page says that none does.

    One that does not confirm by its own words leads through a gate only on a page that asks for the age.
    """
    all_words = gate_words.plain("\n".join(control.words for control in page.controls))
    says_so = gate_words.may_say(WordKind.CONFIRM, all_words) or gate_words.may_say(WordKind.PAGE, page.words)
    return page.controls if says_so else []


def _strength(control: _Control, page: _Page) -> int:
    """Return how clearly a control says that it leads through a gate: 0 not at all, 2 by its own words."""
    words = gate_words.plain(control.words)
    address = control.reference or (control.form.action if control.form else "")
    # For speed: nearly every control says neither, and then nothing else is asked.
    is_clear = gate_words.find(WordKind.CONFIRM, words) is not None
    if not is_clear:
        leads_in = gate_words.find(WordKind.ADDRESS, address.lower()) is not None
        if not (leads_in or gate_words.find(WordKind.ENTER, words) is not None) or not page.asks_for_age:
            return 0
        is_clear = leads_in
    if gate_words.is_never_a_way_in(words) or (control.form is not None and control.form.has_password):
        return 0
    return 2 if is_clear else 1


def _gate_behind(control: _Control) -> Gate:
    words = said(control.words)
    form = control.form
    if form is None or (control.reference is not None and not control.is_scripted):
        if control.is_scripted or control.reference is None:
            return Gate(GateKind.SCRIPT, words)
        return Gate(GateKind.CLICK, words, control.reference)
    if control.is_scripted:
        return Gate(GateKind.SCRIPT, words)
    is_choice = form.boxes > 1 and form.unticked > 0
    if not form.is_get or form.asks or is_choice or control.sends_otherwise or len(form.fields) > MOST_FIELDS:
        return Gate(GateKind.FORM, words)
    # https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#form-submission-algorithm: by GET the
    # fields replace the query of the action.
    sent = [*form.fields, *([control.own_field] if control.own_field else [])]
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in sent)
    path = form.action.partition("#")[0].partition("?")[0]
    return Gate(GateKind.CLICK, words, f"{path}?{query}")


def _password_words(page: _Page) -> str:
    buttons = [control.words for control in page.controls if control.form is not None and control.form.has_password]
    return said(next((words for words in buttons if words.strip()), "a password"))


def _read(text: str) -> _Page | None:
    """Read controls and visible words; None as soon as there are too many for a gate. Linear in the text's length."""
    page = _Page()
    words: list[str] = []
    length = position = 0
    form: _Form | None = None
    open_control: tuple[str, _Control, int] | None = None  # its element, and where its words begin
    tokens = TOKEN.finditer(text)
    while True:
        token = next(tokens, None)
        # Whatever is between the tags counts, so that a long text ends the reading.
        between = text[position : len(text) if token is None else token.start()].strip()
        if between:
            words.append(unescape(between))
            length += len(between) + 1
            if length > MOST_TEXT_CHARACTERS:
                return None
        if token is None:
            break
        position = token.end()
        name = (token["name"] or "").lower()
        # For speed: most tags only shape the page.
        if name not in _READ_TAGS:
            continue
        is_end = bool(token["end"])
        if open_control is not None and (name == open_control[0] or (name == "form" and is_end)):
            _, control, begin = open_control
            control.words = " ".join([*words[begin:], control.words]).strip() or control.words
            open_control = None
        if is_end:
            form = None if name == "form" else form
            continue
        attributes = read_attributes(token["inside"], _READ) if name in _WITH_ATTRIBUTES else {}
        page.shown_files += name in _SHOW_FILES
        if name == "base" and page.base is None:
            page.base = attributes.get("href")
        elif name == "form":
            form = _Form(attributes.get("action", ""), attributes.get("method", "").strip().lower() not in _NOT_BY_GET)
        elif name == "img" and open_control is not None:
            # The title of the control counts, too: it may say what the picture does not.
            open_control[1].words = " ".join(filter(None, (open_control[1].words, attributes.get("alt"))))
        elif name in {"a", "area"}:
            page.links += "href" in attributes
            link = _link(attributes)
            if link is not None and len(page.controls) < MOST_CONTROLS:
                page.controls.append(link)
                open_control = (name, link, len(words)) if name == "a" else open_control
        elif name in {"button", "input", "select", "textarea"}:
            is_ticked = _TICKED.search(_QUOTED.sub("", token["inside"])) is not None
            button = _field(page, form, name, attributes, is_ticked=is_ticked)
            if button is not None and len(page.controls) < MOST_CONTROLS:
                page.controls.append(button)
                open_control = (name, button, len(words)) if name == "button" else open_control
        if page.links > MOST_LINKS or page.shown_files > MOST_SHOWN_FILES:
            return None
        if name in TEXT_ONLY:
            end = TEXT_END[name].search(text, position)
            position = end.start() if end else len(text)
            tokens = TOKEN.finditer(text, position)
    page.words = gate_words.plain(" ".join(words))
    return page


def _link(attributes: dict[str, str]) -> _Control | None:
    reference = attributes.get("href")
    is_scripted = reference is None or _SCRIPT.match(reference) is not None
    if is_scripted and reference is None and "onclick" not in attributes:
        return None
    return _Control(attributes.get("title", ""), None if reference is None else trim(reference), None, is_scripted)


def _field(
    page: _Page, form: _Form | None, element: str, attributes: dict[str, str], *, is_ticked: bool
) -> _Control | None:
    """Add a field to its form; return it as a control when it is a button.

    A box that stands alone is ticked, because that is what its button waits for; none whose name says that it acts.
    """
    kind = attributes.get("type", "submit" if element == "button" else "text").strip().lower()
    name, value = attributes.get("name", ""), attributes.get("value", "")
    if element in {"button", "input"} and kind in _BUTTONS:
        words = value if element == "input" else ""
        words = words or attributes.get("alt", "") or attributes.get("title", "")
        is_scripted = form is None or kind == "button"
        own_field = (name, value) if name and kind == "submit" else None
        sends_otherwise = "formaction" in attributes or "formmethod" in attributes
        return _Control(words, None, form, is_scripted, own_field, sends_otherwise)
    if kind == "password":
        page.has_password = True
    if form is None:
        return None
    form.has_password |= kind == "password"
    if element in {"select", "textarea"} or (element == "input" and kind not in _ASK_NOTHING):
        form.asks = True
    elif kind == "checkbox" and name and len(form.fields) <= MOST_FIELDS:
        form.boxes += 1
        form.unticked += not is_ticked
        if is_ticked or not gate_words.is_never_a_way_in(gate_words.plain(_BETWEEN_WORDS.sub(" ", name))):
            form.fields.append((name, value or "on"))
    elif kind == "hidden" and name and len(form.fields) <= MOST_FIELDS:
        form.fields.append((name, value))
    elif element == "input" and kind == "radio" and name and all(name != known for known, _ in form.fields):
        form.fields.append((name, value or "on"))  # the first choice
    return None
