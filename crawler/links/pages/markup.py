"""Cuts markup into start tags with their attributes, in linear time on any text, as the WHATWG tokenizer does.

No tree is built: tree construction is not linear (lexbor takes 3 s for 250 KB of nested `<div>`, and makes a million
nodes, 360 MB, of 18 KB of unclosed `<b>` and `<p>`), and references need no tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from html import unescape as unescape_text
from html.entities import html5

from orbweaver.crawler.bodies.repetition import end_of_run
from orbweaver.crawler.links.pages.hints import Hints, is_hinted

Attributes = dict[str, str]
# No name of an element or attribute has such characters.
TEXT = "<text>"
SCRIPT = "<script>"
INSIDE = "<inside>"

# Inside these elements a "<" is text until their own end tag, except in svg and math. In browsers noembed and noframes
# are such, too: what they hold was written for browsers that show it, and is read as theirs.
_RAW = ("iframe", "script", "style", "textarea", "title", "xmp")
_FOREIGN = ("svg", "math")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.ASCII | re.IGNORECASE) for name in _RAW}
# https://html.spec.whatwg.org/multipage/parsing.html#tokenization, comments, tags and attributes. An unclosed construct
# runs to the end of input, and nothing that follows a repetition can fail, so each character is consumed once.
_ATTRIBUTE = r"""[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s>]*+)|)"""
_ATTRIBUTES = re.compile(rf"(?:[\s/]++|{_ATTRIBUTE}){{1,64}}", re.ASCII)
_TOKEN = re.compile(
    rf"""
    <
    # For speed: tags without references, because they have no attributes or only the two that most tags have. They have
    # no "<" inside, so the search goes on after them.
    (?!
      /(?!svg|math)[a-z][a-z0-9]*+>
    | (?!{"|".join((*_RAW, *_FOREIGN))})[a-z][a-z0-9]*+(?:\s++(?:class|id)="[^"<]*+"){{0,8}}>
    )
    (?:
      !--(?:-?>|.*?(?:--!?>|\Z))
    | (?P<end>/?)(?P<name>[a-z][^\s/>]*+)[\s/]*+(?:{_ATTRIBUTE}[\s/]*+){{0,64}}
    | [!?/][^>]*+>?
    )
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ONE_ATTRIBUTE = re.compile(r"""([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"?|'([^']*+)'?|([^\s>]*+))|)""", re.ASCII)
# A tag of 5 MB may have millions of attributes: longer ones are read one by one.
_LONG_TAG = 4_096
# So many attributes of one tag are kept although nobody asked for them by name.
_MOST_HINTED = 1_000
_REFERENCE = re.compile(r"&(?:\#(?:[0-9]++|[xX][0-9A-Fa-f]++);?|(?P<name>[A-Za-z][A-Za-z0-9]*+)(?P<after>[;=]?))")


def start_tags(
    text: str,
    *,
    elements: Container[str],
    attributes: Container[str],
    anywhere: Callable[[str], bool],
    is_xml: bool = False,
) -> Iterator[tuple[str, Attributes]]:
    """Yield lower-case name and attributes, escapes undone, of start tags in document order, and pieces of text.

    Only tags come that are named in `elements`, whose attributes as written `anywhere` wants, or which have a mark
    (hints.py); and only those of their attributes that are in `attributes`, which must not have `class` or `id`, or in
    whose value a mark is. The content of a `<style>` comes as the attribute `style` of a second tag of that
    name, and that of a `<script>` as its `SCRIPT`, with what the tag has inside as its `INSIDE`. Other text and
    comments come as the `TEXT` of a tag of that name, where a mark is. In XML, and inside svg and math,
    `<title><img>` is an image and not a title.
    """
    text = text.replace("\0", "\ufffd")
    length = len(text)
    hints = Hints(text)
    hinted = hints.start_from(0)
    position = css_end = 0
    foreign_depth = least_depth = int(is_xml)
    while token := _TOKEN.search(text, position):
        if hinted < token.start():
            yield TEXT, {TEXT: text[position : token.start()]}
            hinted = hints.start_from(token.start())
        position = token.end()
        end, name = token.groups()
        if name is None:
            if hinted < position:
                yield TEXT, {TEXT: token[0]}
                hinted = hints.start_from(position)
            continue
        if not text.startswith(">", position):
            position = end_of_run(_ATTRIBUTES, text, position)
            if not text.startswith(">", position):
                position = token.start()  # the end of input: no tag
                break
        inside = text[token.end("name") : position]
        position += 1
        has_hint = hinted < position
        if has_hint:
            hinted = hints.start_from(position)
        name = name.lower()
        if is_xml:
            name = name.rpartition(":")[2]
        if name in _FOREIGN and not inside.rstrip().endswith("/"):
            foreign_depth = max(least_depth, foreign_depth + (-1 if end else 1))
        if end:
            continue
        # Inside svg and math `<base>` is an element of theirs, which says nothing about the page.
        if inside and name == "base" and foreign_depth > least_depth:
            continue
        if inside and (has_hint or name in elements or anywhere(inside)):
            yield name, read_attributes(inside, attributes, with_hinted=has_hint)
        if name in _RAW_END and (not foreign_depth or (name == "style" and position >= css_end)):
            raw_end_tag = _RAW_END[name].search(text, position)
            raw_end = raw_end_tag.start() if raw_end_tag else length
            if name == "style":
                css_end = raw_end
                yield name, {"style": text[position:raw_end]}
            elif name == "script":
                yield name, {SCRIPT: text[position:raw_end], INSIDE: inside}
            elif name != "title" and hinted < raw_end:
                yield TEXT, {TEXT: text[position:raw_end]}
            if not foreign_depth:
                position = raw_end
                if hinted < position:
                    hinted = hints.start_from(position)
    if hinted < length:
        yield TEXT, {TEXT: text[position:]}


def read_attributes(text: str, names: Container[str], *, with_hinted: bool = False) -> Attributes:
    """Return the attributes of a tag that have a value, by lower-case name; of two with one name the first counts.

    With `with_hinted` those come as well, whatever their name is, whose value has a mark (hints.py).
    """
    values: Attributes = {}
    matches: Iterable[tuple[str, str, str, str]]
    if len(text) < _LONG_TAG:
        matches = _ONE_ATTRIBUTE.findall(text)
    else:
        matches = (match.groups("") for match in _ONE_ATTRIBUTE.finditer(text))  # type: ignore[misc]
    hinted = 0
    for name, double, single, bare in matches:
        key = name.lower()
        if key in values:
            continue
        value = double or single or bare
        if key not in names:
            if not with_hinted or hinted >= _MOST_HINTED or not is_hinted(value):
                continue
            hinted += 1
        values[key] = unescape(value) if "&" in value else value
    return {name: value for name, value in values.items() if value}


def unescape(value: str) -> str:
    """Undo character references as in an attribute, where `&copy=1` and `&copyright` are text.

    https://html.spec.whatwg.org/multipage/parsing.html#named-character-reference-state
    """
    return _REFERENCE.sub(_one_character, value)


def _one_character(reference: re.Match[str]) -> str:
    name = reference["name"]
    if name is None:
        return unescape_text(reference[0])
    after = reference["after"]
    if after == ";":
        return html5.get(name + ";", reference[0])
    return reference[0] if after else html5.get(name, reference[0])
