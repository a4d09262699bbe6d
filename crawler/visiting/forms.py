"""Reads the forms and menus of a page that are links in another shape, and buttons behind which a file is.

A form that is sent by GET and asks for nothing is a link: its hidden fields are the query. With one list of choices it
is many links, such as the pages of a list. Forms that ask for more are searches and the like, and are left out. A form
that is sent by POST acts on the host, and is never sent; a button of such a form that says "download" is noted, because
a file is behind it that nobody sees. Gates are read apart (gates/gate_pages.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import quote_plus

from orbweaver.crawler.links.encodings import decode
from orbweaver.crawler.links.pages.markup import read_attributes
from orbweaver.crawler.links.pages.shown import TOKEN
from orbweaver.crawler.rules import gate_words
from orbweaver.crawler.rules.gate_words import WordKind

MOST_FORMS: Final = 50
MOST_FORM_CHARACTERS: Final = 2**16
MOST_FIELDS: Final = 50
# Of one page.
MOST_REFERENCES: Final = 200

_FORM: Final = re.compile(r"<form(?=[\s/>])", re.IGNORECASE)
_FORM_END: Final = re.compile(r"</?form(?=[\s/>])", re.IGNORECASE)
_READ: Final = frozenset({"action", "alt", "formaction", "formmethod", "method", "name", "title", "type", "value"})
_ELEMENTS: Final = frozenset({"button", "form", "input", "option", "select"})
_BY_GET: Final = frozenset({"", "get"})
_BUTTONS: Final = frozenset({"image", "submit"})
_NO_QUESTIONS: Final = frozenset({"button", "hidden", "reset"})
_QUOTED: Final = re.compile(r"\"[^\"]*+\"?|'[^']*+'?")
_CHECKED: Final = re.compile(r"\bchecked\b", re.IGNORECASE)
# Lists whose choices show the same in another order, number or language.
_SHAPES: Final = re.compile(
    r"sort|order|view|lang|curren|per_?page|limit|theme|style|size|\bpp?p\b|\bdir", re.IGNORECASE
)
# Choices of a menu, in a form or outside, whose script goes to the one that is chosen.
_CHOSEN_PATH: Final = re.compile(
    r"<option\b[^>]{0,500}?\bvalue\s{0,9}=\s{0,9}[\"']?((?:\.{0,2}/|https?://)[^\s/\"'>][^\s\"'>]{0,2000}+)",
    re.IGNORECASE,
)
_HAS_VALUE: Final = re.compile(r"\bvalue\s*+=", re.IGNORECASE)


class PageForms(NamedTuple):
    """The `references` to which the forms of a page lead, and whether it has a download button that sends by POST."""

    references: tuple[str, ...] = ()
    has_unsent_download: bool = False


@dataclass
class _Button:
    words: str
    own_field: tuple[str, str] | None
    action: str | None
    method: str | None


@dataclass
class _ReadForm:
    """A form, as far as it is read; `lists` are its lists of choices, each with a name and values."""

    action: str = ""
    method: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    lists: list[tuple[str, list[str]]] = field(default_factory=list)
    buttons: list[_Button] = field(default_factory=list)
    asks: bool = False
    has_password: bool = False


def forms_of(document: bytes, content_type: str | None) -> PageForms:
    """Read the forms of a page, in time that is linear in its length."""
    decoded = decode(document, content_type)
    text, position = decoded.text, 0
    chosen = (unescape(match[1]) for match in islice(_CHOSEN_PATH.finditer(text), MOST_REFERENCES))
    references = dict.fromkeys(chosen)
    has_unsent_download = False
    for _ in range(MOST_FORMS):
        begin = _FORM.search(text, position)
        if begin is None:
            break
        end = _FORM_END.search(text, begin.end())
        position = end.start() if end else len(text)
        form = _read(text[begin.start() : min(position, begin.start() + MOST_FORM_CHARACTERS)])
        has_unsent_download |= _has_unsent_download(form)
        references |= dict.fromkeys(_references(form, decoded.query_codec or "utf-8"))
    return PageForms(tuple(references)[:MOST_REFERENCES], has_unsent_download)


def _read(text: str) -> _ReadForm:
    """Read one form, up to its end tag."""
    form = _ReadForm()
    open_button: _Button | None = None
    choices: list[str] | None = None  # of the list that is open
    is_choice_open = False  # one that has no value but its text
    position = 0
    while (token := TOKEN.search(text, position)) is not None:
        between = unescape(text[position : token.start()].strip())
        position = token.end()
        if between and is_choice_open and choices is not None:
            choices.append(between)
        is_choice_open = False
        if between and open_button is not None:
            open_button.words += f" {between}"
        if token["name"] is None:
            continue
        name, inside = token["name"].lower(), token["inside"]
        if token["end"]:
            choices = None if name == "select" else choices
            open_button = None if name == "button" else open_button
            continue
        form.asks |= name == "textarea"
        if name not in _ELEMENTS:
            continue
        attributes = read_attributes(inside, _READ)
        if name == "form":
            form.action, form.method = attributes.get("action", "").strip(), attributes.get("method", "")
        elif name == "select":
            choices = []
            form.lists.append((attributes.get("name", ""), choices))
        elif name == "option" and choices is not None:
            is_choice_open = "value" not in attributes and not _HAS_VALUE.search(inside)
            if "value" in attributes:
                choices.append(attributes["value"])
        elif name in {"button", "input"}:
            open_button = _add_field(form, name, attributes, is_checked=bool(_CHECKED.search(_QUOTED.sub("", inside))))
    return form


def _add_field(form: _ReadForm, element: str, attributes: dict[str, str], *, is_checked: bool) -> _Button | None:
    """Add a field to its form; return a button whose words follow."""
    kind = attributes.get("type", "submit" if element == "button" else "text").strip().lower()
    name, value = attributes.get("name", ""), attributes.get("value", "")
    if kind in _BUTTONS:
        words = " ".join(filter(None, (value if element == "input" else "", attributes.get("alt"))))
        own_field = (name, value) if name and kind == "submit" else None
        button = _Button(words, own_field, attributes.get("formaction"), attributes.get("formmethod"))
        if len(form.buttons) < MOST_FIELDS:
            form.buttons.append(button)
        return button if element == "button" else None
    form.has_password |= kind == "password"
    if kind in {"checkbox", "radio"}:
        is_first = kind == "radio" and all(name != known for known, _ in form.fields)
        is_sent, value = is_checked or is_first, value or "on"
    else:
        is_sent = kind == "hidden"
        form.asks |= kind not in _NO_QUESTIONS
    if is_sent and name and len(form.fields) < MOST_FIELDS:
        form.fields.append((name, value))
    return None


def _references(form: _ReadForm, codec: str) -> Iterator[str]:
    """Yield where a form leads that is sent by GET and asks for nothing, or only for one of a list of choices."""
    lists = [(name, values) for name, values in form.lists if name]
    if form.asks or len(lists) > 1 or any(_SHAPES.search(name) for name, _ in lists):
        return
    for button in form.buttons or [_Button("", None, None, None)]:
        method = button.method if button.method is not None else form.method
        if method.strip().lower() not in _BY_GET:
            continue
        own = [button.own_field] if button.own_field else []
        action = (form.action if button.action is None else button.action.strip()).partition("#")[0].partition("?")[0]
        for chosen in [[(lists[0][0], value)] for value in lists[0][1]] if lists else [[]]:
            # https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#form-submission-algorithm: by GET
            # the fields replace the query of the action.
            query = "&".join(
                f"{_quoted(name, codec)}={_quoted(value, codec)}" for name, value in form.fields + chosen + own
            )
            if action or query:
                yield f"{action}?{query}" if query else action


def _quoted(text: str, codec: str) -> str:
    return quote_plus(text, safe="*", encoding=codec, errors="xmlcharrefreplace")


def _has_unsent_download(form: _ReadForm) -> bool:
    """Whether a button of a form that is sent by POST says that a file is behind it."""
    if form.has_password:
        return False
    posting = [one for one in form.buttons if (one.method or form.method).strip().lower() == "post"]
    return any(gate_words.find(WordKind.DOWNLOAD, gate_words.plain(button.words)) for button in posting)
