"""Start tags and their attributes are read as lexbor, a parser of HTML that follows the standard, reads them."""

from __future__ import annotations

import tracemalloc

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.links.pages.markup import SCRIPT, read_attributes, start_tags
from selectolax.lexbor import LexborHTMLParser

NAMES = frozenset({"href", "src", "x", "style", "a"})


def is_styled(inside: str) -> bool:
    return "style" in inside


def tags(text: str, *, is_xml: bool = False) -> list[tuple[str, dict[str, str]]]:
    found = start_tags(text, elements={"img", "a"}, attributes=NAMES, anywhere=is_styled, is_xml=is_xml)
    return [(name, attributes) for name, attributes in found if SCRIPT not in attributes]


PIECES = [
    "href",
    "src",
    "=",
    '"',
    "'",
    " ",
    "a",
    "&amp;",
    "&amp",
    "&copy",
    "&copy=",
    "&copy;",
    "&#65;",
    "&#65",
    "&#x41;",
]
PIECES += [
    "&#0;",
    "&notit;",
    "&not",
    "/",
    "\n",
    "\xe9",
    "x=1",
    "&&",
    "&;",
    "&#;",
    "&ampx;",
    "&#x110000;",
    "HREF",
    "\t",
    "&#x80;",
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=10))
def test_attributes_are_read_as_a_parser_of_html_reads_them(pieces: list[str]) -> None:
    inside = "".join(pieces)
    node = next(LexborHTMLParser(f"<x-any {inside}></x-any>").body.iter(), None)  # type: ignore[union-attr]
    if node is None:
        return  # the tag has no end: nobody reads it
    expected = {name: value for name, value in node.attributes.items() if value and name in NAMES}
    found = list(start_tags(f"<x-any {inside}></x-any>", elements={"x-any"}, attributes=NAMES, anywhere=is_styled))
    assert found == [("x-any", expected)]


# What most tags have, which is passed over quickly, and what ends that.
COMMON = ['class="x"', ' class="x"', '\nID=""', " class='x'", " id=x", ' class ="x"', ' class="', ' href="u"', " src=v"]
COMMON += ["href=w", " ", "/", ">", "<", '"', '<img class="', "<p id=", "</p>"]


@given(pieces=st.lists(st.sampled_from(COMMON), max_size=8))
def test_tags_with_a_class_or_an_id_are_read_as_all_others(pieces: list[str]) -> None:
    text = f'<img class="a"{"".join(pieces)}><img id="b" src="c">'
    read = [node.attributes for node in LexborHTMLParser(text).css("img")]
    expected = [{name: value for name, value in one.items() if value and name in NAMES} for one in read]
    assert [found for _, found in tags(text) if found] == [one for one in expected if one]


@pytest.mark.parametrize("piece", ['<p class="', '<p class="a" ', '<p class=""', '<p class="a"id="b"', '<p id="">'])
def test_what_only_begins_like_a_common_tag_takes_linear_time(piece: str) -> None:
    with measured() as cost:
        assert tags(piece * (2_000_000 // len(piece))) == []
    assert cost.units < LINEAR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<IMG SRC=a.png>", [("img", {"src": "a.png"})]),
        ("<p style='x'>", [("p", {"style": "x"})]),
        ("<p class=b>", []),
        ("<a class='b' id='c'>", [("a", {})]),
        ('<a class="b" id="c">', []),
        ('<svg class="b"><title><img src=a></title></svg>', [("img", {"src": "a"})]),
        ('<title class="b"><img src=a></title>', []),
        ("<!-- <img src=a> --><img src=b>", [("img", {"src": "b"})]),
        ("<script><img src=a></script><img src=b>", [("img", {"src": "b"})]),
        ("<title><img src=a></title>", []),
        ("<svg><title><img src=a></title></svg>", [("img", {"src": "a"})]),
        ("<style>a{b}</style>", [("style", {"style": "a{b}"})]),
        ("<img src=a", []),
        ("<img src=a src=b>", [("img", {"src": "a"})]),
    ],
)
def test_which_tags_come(text: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert tags(text) == expected


def test_in_xml_nothing_is_raw_text_and_prefixes_go() -> None:
    assert tags("<title><h:img src='a'/></title>", is_xml=True) == [("img", {"src": "a"})]


def test_a_tag_of_many_attributes_is_read_in_linear_time_and_little_memory() -> None:
    text = " ".join(f"a{number}=b" for number in range(100_000)) + " src=c"
    with measured() as cost:
        tracemalloc.start()
        assert read_attributes(text, NAMES) == {"src": "c"}
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert cost.units < LINEAR / 2  # for half of the two megabytes
    assert peak < 700_000
