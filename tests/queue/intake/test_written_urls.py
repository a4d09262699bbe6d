"""Pasted text is read as a careful reader would, or refused; it is never fetched as one odd URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules.urls import canonicalise, defang
from orbweaver.queue.errors import NotCertain
from orbweaver.queue.intake.written_urls import read_urls

A = "http://example.com/a.jpg"
B = "https://example.net/b/c.html?x=1"


def urls(text: str) -> list[str]:
    return [written.url for written in read_urls(text)]


SEVERAL = {
    "a blank": f"{A} {B}",
    "a semicolon": f"{A};{B}",
    "a semicolon and blanks": f"{A} ; {B}",
    "a bar": f"{A}|{B}",
    "a comma": f"{A},{B}",
    "a comma and a blank": f"{A}, {B}",
    "a line break": f"{A}\n{B}",
    "Windows' line break": f"{A}\r\n{B}\r\n",
    "running text": f"The pictures are at {A}, and the page ({B}).",
    "angle brackets": f"<{A}> <{B}>",
    "a list": f"1. {A}\n2. {B}",
    "a list with dashes": f"- {A}\n- {B}",
    "Markdown": f'see [one]({A}) and ![two]({B} "title")',
    "HTML": f'<p><a class="x" href="{A}">here</a> <img src=\'{B}\'></p>',
    "HTML without quotes": f"<a href={A}>1</a><a href={B}>2</a>",
    "HTML whose text is the URL": f'<a href="{A}">{A}</a> <a href="{B}">https://example.net/b...</a>',
    "straight quotes": f'"{A}" "{B}"',
    "single quotes": f"'{A}', '{B}'",
    "German quotes": f"\u201e{A}\u201c und \u201e{B}\u201c",
    "French quotes": f"\u00ab {A} \u00bb, \u00ab {B} \u00bb",
    "a no-break space": f"{A}\u00a0{B}",
    "an ideographic space": f"{A}\u3000{B}",
    "zero-width blanks": f"\u200bhttp://exam\u200bple.com/a.jpg \ufeff{B}\u200e",
    "a direction mark": f"\u202a{A}\u202c {B}",
    "emphasis": f"**{A}** and _{B}_",
    "a mark at the end": f"{A}; {B};",
    "each twice": f"{A} {B} {A}",
    "the name of its column before it": f"URL: {A} Referrer: {B}",
    "defanged": f"{defang(A)} {defang(B)}",
}


@pytest.mark.parametrize("text", SEVERAL.values(), ids=SEVERAL)
def test_every_url_of_a_text_is_read(text: str) -> None:
    assert urls(text) == [A, B]


ONE = {
    "http://example.com/a,b;c": "http://example.com/a,b;c",
    "http://example.com/wiki/A_(b)": "http://example.com/wiki/A_(b)",
    "(http://example.com/wiki/A_(b))": "http://example.com/wiki/A_(b)",
    "http://example.com/?u=http://example.net/b": "http://example.com/?u=http://example.net/b",
    "https://archive.example/2020/http://example.net/b": "https://archive.example/2020/http://example.net/b",
    "http://example.com/a?x=1&amp;y=2": "http://example.com/a?x=1&y=2",
    '<a href="http://example.com/?x=1&amp;y=2">': "http://example.com/?x=1&y=2",
    "http://example.com/fonts?family=A|B": "http://example.com/fonts?family=A|B",
    "http://example.com/a.jpg reported by phone": A,
    "http://example.com/a.": "http://example.com/a.",
    "See http://example.com/a.": "http://example.com/a",
    "http://[2001:db8::1]/a": "http://[2001:db8::1]/a",
    "www.example.com/a": "http://www.example.com/a",
    "http: //example.com/a": "http://example.com/a",
    "http : //example.com/a": "http://example.com/a",
    "http:\\\\example.com/a": "http://example.com/a",
    # defanged, as tools write it
    "hxxp[:]//example.com/": "http://example.com/",
    "http[:]//example.com/": "http://example.com/",
    "h**p://example.com/": "http://example.com/",
    "hxxp[://]example[.com/": "http://example.com/",
    "http://www\\.example\\.com/a": "http://www.example.com/a",
    "http://example dot com/a": "http://example.com/a",
    "hxxp://www [dot] example [dot] com/a": "http://www.example.com/a",
    "http://example(dot)com/a": "http://example.com/a",
    "http://example{.}com/": "http://example.com/",
    "http://user[@]example.com/": "http://user@example.com/",
    "meows://example.com/a": "https://example.com/a",
    # without a URL, or with one that may not be fetched: the caller says why
    "fxp://example.com/": "ftp://example.com/",
    "example.com/a": "example.com/a",
    "not a url": "not a url",
    "javascript:alert(1)": "javascript:alert(1)",
}


@pytest.mark.parametrize(("text", "url"), ONE.items())
def test_one_url_is_read_as_it_was_meant(text: str, url: str) -> None:
    assert urls(text) == [url]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://example.com/a.jpghttp://example.com/b.jpg", "two URLs without a mark"),
        ("http://example.com/photos/123...", "cut off"),
        ("see http://example.com/photos/123\u2026 there", "cut off"),
        ('<a href="http://example.com/lo...">x</a>', "cut off"),
        ("http://example.com/a|b", "write %7C"),
        ("http://example.com/my photo.jpg", "write %20"),
        ("http://example.com/my dir/photo", "write %20"),
        ("http://example.com/a b", "write %20"),
        ('http://example.com/a"b.jpg', "write %22"),
        ("http://example.com/a<b.jpg", "write %3C"),
        ("see http://example.com/a>b.jpg there", "write %3E"),
        ("http://example.com/a`b.jpg", "write %60"),
        ("http://example.com/a\u201db.jpg", "write %E2%80%9D"),
    ],
)
def test_what_cannot_be_told_with_certainty_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotCertain, match=reason):
        read_urls(text)


def test_how_a_url_was_read_is_noted() -> None:
    assert [written.notes for written in read_urls("www.example.com/?a\u200b=1&amp;b")] == [
        (
            "url: invisible characters left out",
            "url: &amp; read as &",
            "url: without http:// or https://, taken as http://",
        )
    ]


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_uncertainty(text: str) -> None:
    try:
        found = read_urls(text)
    except NotCertain:
        return
    assert len({written.url for written in found}) == len(found)


CANONICAL = st.builds(
    "http://{}.example/{}".format,
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.from_regex(r"[a-z0-9/_-]{0,20}(\?[a-z]=[a-z0-9]{1,5})?", fullmatch=True),
).map(canonicalise)


@given(st.lists(CANONICAL, min_size=1, max_size=5, unique=True), st.sampled_from([" ", "\n", "; ", " | ", ", ", ";"]))
def test_urls_with_a_mark_between_them_are_all_read(written: list[str], mark: str) -> None:
    assert [canonicalise(url) for url in urls(mark.join(written))] == written
    assert [canonicalise(url) for url in urls(mark.join(map(defang, written)))] == written
