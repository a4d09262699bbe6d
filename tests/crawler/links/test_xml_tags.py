"""XML is cut into tags whatever it is, without the entities that it declares, in linear time."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.links.xml_tags import Tag, tags, unescaped

QUARTER_OF_A_MEGABYTE = 250_000


def start(name: str, text: str = "", **attributes: str) -> Tag:
    return Tag(name, attributes, is_end=False, text=text)


def end(name: str, text: str = "") -> Tag:
    return Tag(name, {}, is_end=True, text=text)


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<a>text</a>", [start("a", "text"), end("a")]),
        ("<a/>after", [start("a"), end("a", "after")]),
        ("<x:a y:b='1' c=\"2\">", [start("a", b="1", c="2")]),
        ("<a b='/' c='>'/>", [start("a", b="/", c=">"), end("a")]),
        ("<a b = '1'\n c='2' b='3'>", [start("a", b="1", c="2")]),
        ("<a>&lt;&amp;&#65;&#x42;&nbsp;&copy=</a>", [start("a", "<&AB&nbsp;&copy="), end("a")]),
        ("<a b='?x=1&amp;y=2&copy=3'>", [start("a", b="?x=1&y=2&copy=3")]),
        ("<a>1<!-- <b> -->2<![CDATA[<c>&amp;]]>3</a>", [start("a", "12<c>&amp;3"), end("a")]),
        ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b '<c>'>]><a>&b;</a>", [start("a", "&b;"), end("a")]),
        ("<a><b></a>", [start("a"), start("b"), end("a")]),
        ("<a", [start("a")]),
        ("<a b='", [start("a", b="")]),
        ("</", []),
        ("", []),
        ("1 < 2", []),
    ],
)
def test_tags_come_with_the_text_after_them(xml: str, expected: list[Tag]) -> None:
    assert list(tags(xml)) == expected


@pytest.mark.parametrize("escape", ["&#0;", "&#xD800;", "&#x110000;", "&#9999999;"])
def test_a_reference_to_no_character_is_replaced(escape: str) -> None:
    assert unescaped(escape) == "\ufffd"


def test_entities_of_the_document_are_not_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";"}{"&l" + str(n - 1) + ";"}">' for n in range(1, 40))
    found = list(tags(f"<!DOCTYPE a [{laughs}]><a>&l39;</a>"))
    assert found == [start("a", "&l39;"), end("a")]


@given(st.text())
def test_any_text_is_cut_without_failing(text: str) -> None:
    list(tags(text))


@given(
    st.lists(st.sampled_from([*"<>/\"'=! ?&;-[]x", "<!--", "-->", "<![CDATA[", "]]>", "<?", "&#x", "<!D"])).map("".join)
)
def test_any_mix_of_markup_is_cut_without_failing(text: str) -> None:
    list(tags(text))


@pytest.mark.parametrize(
    "part", ["<", "<a ", "<a b='", "<!--", "<![CDATA[", "<?", "<!a[", "<a/", "&#x", "a=", "/>", "<a>"]
)
def test_a_quarter_of_a_megabyte_is_cut_in_reasonable_time(part: str) -> None:
    text = part * (QUARTER_OF_A_MEGABYTE // len(part))
    with measured() as cost:
        for _ in tags(text):
            pass
    assert cost.units < LINEAR / 8  # for an eighth of the two megabytes


@pytest.mark.parametrize(
    "inside",
    [
        "a" * QUARTER_OF_A_MEGABYTE,
        " " * QUARTER_OF_A_MEGABYTE,
        "a " * (QUARTER_OF_A_MEGABYTE // 2),
        "a=" * (QUARTER_OF_A_MEGABYTE // 2),
    ],
)
def test_one_tag_of_a_quarter_of_a_megabyte_is_cut_in_reasonable_time(inside: str) -> None:
    with measured() as cost:
        assert len(list(tags(f"<a {inside}>"))) == 1
    assert cost.units < LINEAR / 8  # for an eighth of the two megabytes
