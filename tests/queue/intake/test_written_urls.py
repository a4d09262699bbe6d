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
    "Chinese marks": f"请看{A}，{B}。",
    "Japanese marks": f"「{A}」、全角（{B}）です。",
    "Arabic marks": f"{A}، {B}؛",
    "a picture before it": f"\U0001f517{A} \u27a1{B}",
    "a forum's marks": f"[url={A}]one[/url] [IMG]{B}[/IMG]",
    "a forum's marks with a size": f'[url="{A}"][b]one[/b][/url] [img 640x480]{B}[/img]',
    "a chat's marks": f"<{A}|one> <{B}>",
    "a mail's marks": f"<URL:{A}> <URL:{B}>",
    "a film and its poster": f'<video poster="{A}" src="{B}"></video>',
    "a set of images": f'<img srcset="{A} 1x, {B} 2x">',
    "a form and a style": f"<form action={A}><p style=\"background: url('{B}')\">",
    "a document type": f'<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/x.dtd"> {A} {B}',
    "a name space": f'<html xmlns="http://www.w3.org/1999/xhtml"><a href="{A}">1</a><a href="{B}">2</a></html>',
    "Chinese text without blanks": f"《一》当当网{A}《二》亚马逊{B}",
    "numbers without blanks": f"1.{A} 2){B}",
    "numbers of what has no file's ending": "1. http://example.com/a.jpg\n2. https://example.net/b/c.html?x=1",
    "a sentence without a blank": f"Seen there.{A}, and there!{B}",
    "brackets without a blank": f"({A})[{B}]",
    "a word between": f"{A} and {B}",
    "TeX": f"\\href{{{A}}}{{text}} \\url{{{B}}}",
    "fullwidth angle brackets": f"＜{A}＞＜{B}＞",
    "marks of other scripts at the end": f"{A}۔ {B}॥",
    "the source of a page": f"&lt;{A}&gt; &lt;{B}&gt;, &quot;",
    "XML": f"<report><url>{A}</url><url>{B}</url><id>7</id></report>",
    "a line break of a page": f"{A}<br>seen by Anna<br>{B}<br>",
    "strings of JSON": '["http:\\/\\/example.com\\/a.jpg", "https:\\/\\/example.net\\/b\\/c.html?x=1"]',
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
    "h00p://example.com/a": "http://example.com/a",
    "h__ps://example.com/a": "https://example.com/a",
    "httx://example.com/a": "http://example.com/a",
    "hxp://example.com/a": "http://example.com/a",
    "[hxxps]://example[.]com/a": "https://example.com/a",
    "hxxp[s]://example[.]com/a": "https://example.com/a",
    "hxxp:// example[.]com/a": "http://example.com/a",
    # with marks of other scripts
    "http://example\u3002com/a": "http://example\u3002com/a",
    "http://例え\u3002テスト/a": "http://例え\u3002テスト/a",
    "http://example.com\u3002次の文": "http://example.com",
    "http://example.com/不動産\u3002": "http://example.com/不動産",
    "http://example.com/human\u2013animal.jpg": "http://example.com/human\u2013animal.jpg",
    # with a scheme that stands twice
    "http://http://example.com/a": "http://example.com/a",
    "http://https//example.com/a": "https://example.com/a",
    "http://http:8080/a": "http://http:8080/a",
    # with something around it
    "https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com%2Fa%3Fb%3D1&data=05": "http://example.com/a?b=1",
    "https://urldefense.com/v3/__http://example.com/a.jpg__;!!Abc!def$": A,
    "see https://urldefense.com/v3/__http://example.com/a.jpg__;!!Abc!def$ there": A,
    "https://urldefense.com/v3/__http:/example.com/a.jpg__;!!Abc!def$": A,
    "https://urldefense.proofpoint.com/v2/url?u=http-3A__example.com_a.jpg&d=Dw&c=x": A,
    "https://www.google.com/url?sa=t&url=http%3A%2F%2Fexample.com%2Fa.jpg&usg=x": A,
    "https://l.facebook.com/l.php?u=http%3A%2F%2Fexample.com%2Fa.jpg&h=x": A,
    "https://www.google.com/url?sa=t": "https://www.google.com/url?sa=t",
    "http://example.com/url?url=http%3A%2F%2Fexample.net%2F": "http://example.com/url?url=http%3A%2F%2Fexample.net%2F",
    "https://urldefense.com/v3/__http://example.com/a*b__;Kw!!x!y$": "http://example.com/a+b",
    "https://urldefense.com/v3/__http://example.com/**Bd__;YWJj!!x!y$": "http://example.com/abcd",
    "https://nam1.safelinks.protection.outlook.com/?data=05&url="
    "https%3A%2F%2Furldefense.com%2Fv3%2F__http%3A%2F%2Fexample.com%2Fa.jpg__%3B!!x!y%24": A,
    "https://secure-web.cisco.com/1aAO1Ausu/http%3A%2F%2Fexample.com%2Fa.jpg": A,
    "https://eu-west-1.protection.sophos.com/?d=example.com&u=aHR0cDovL2V4YW1wbGUuY29tL2EuanBn&i=x": A,
    "https://protect2.fireeye.com/v1/url?k=1-2&q=1&u=http%3A%2F%2Fexample.com%2Fa.jpg": A,
    "https://linklock.titanhq.com/analyse?url=http%3A%2F%2Fexample.com%2Fa.jpg&data=eJx": A,
    "https://a-1-en-ctp.trendmicro.com/wis/clicktime/v1/query?url=http%3a%2f%2fexample.com%2fa.jpg&umid=1": A,
    "https://url.avanan.click/v2/___http://example.com/a.jpg___.YXAzOm": A,
    "https://linkprotect.cudasvc.com/": "https://linkprotect.cudasvc.com/",
    # with something before or behind it that is no part of it
    "hxxps[://]www[.]example[.]com/a[.]jpg": "https://www.example.com/a.jpg",
    "see hxxps[://]www[.]example[.]com/a there": "https://www.example.com/a",
    "<https://example.com/a?x=1&amp;y=2|example.com/a>": "https://example.com/a?x=1&y=2",
    "<https://example.com/a?x=1|the page>": "https://example.com/a?x=1",
    "https&#58;//example&#46;com&#x2F;a": "https://example.com/a",
    "http://example.com/a?b=1&copy=2": "http://example.com/a?b=1&copy=2",
    "http://example.com/long<wbr>path": "http://example.com/longpath",
    "http://example.com/photo日本": "http://example.com/photo日本",
    "http://example.com/日本/a": "http://example.com/日本/a",
    "(http://example.com/a_(b)).": "http://example.com/a_(b)",
    # a URL of another kind: the one inside is not meant
    "blob:https://example.com/0f8fad5b": "blob:https://example.com/0f8fad5b",
    "magnet:?xt=urn:btih:0&tr=http://example.com/announce": "magnet:?xt=urn:btih:0&tr=http://example.com/announce",
    "mailto:a@example.com?body=http://example.com/a": "mailto:a@example.com?body=http://example.com/a",
    "data:https://example.com/a": "https://example.com/a",
    "http://example.com/gallery[1]/a": "http://example.com/gallery[1]/a",
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
        ("http://example.com/a（1）.jpg", "write %EF%BC%88"),
        ("http://example.com/不動産（新築）", "write %EF%BC%88"),
        ("http://example.com/a.jpg&http://example.com/b.jpg", "two URLs without a mark"),
        ("http://example.com/a.jpg#http://example.com/b.jpg", "two URLs without a mark"),
        ("http://example.com/a.jpg~http://example.com/b.jpg", "two URLs without a mark"),
        ("http://example.com/日本http://example.com/b.jpg", "two URLs without a mark"),
        ("http://example.com/.../a.jpg", "is left out"),
        ('"http://example.com/a.jpg,R-1,2026-01-15"', "a column with a date"),
        ("1,http://example.com/a.jpg,portal", "a , before and inside"),
        ("https://urldefense.com/v3/__http://example.com/a*b*__;Iw!!x$", "gateway's link"),
        ("https://urldefense.com/v3/__http://example.com/a**Zb__;Iw!!x$", "gateway's link"),
        ("https://protect-us.mimecast.com/s/AbCdEf123?domain=example.com", "gateway's link"),
        ("https://url.emailprotection.link/?bYWJjZGVm", "gateway's link"),
        ('hxxp:// "www.example.com"/a', "goes on behind a quote"),
        ("'http://example.com/it's.jpg'", "goes on behind a quote"),
        ("<http://example.com/a?x=1|2>", "write %7C"),
        ("http://example.com/o\ufb03ce", "write the letters ffi"),
        ("http://example.com/a\U0001f525", "behind it"),
        ("(http://example.com/a\u2190).", "behind it"),
        ("看http://example.com/abc看这里", "without a blank"),
        ("http://example.com/a를 보세요", "without a blank"),
        ("(http://example.com/a)b", "write %29"),
        ("http://example.com/al<b>bum</b>", "write %3C"),
        ("<i>http://example.com/al</i><i>bum/a</i>", "write %3C"),
    ],
)
def test_what_cannot_be_told_with_certainty_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotCertain, match=reason):
        read_urls(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{A} ftp://example.com/b", ["ftp://example.com/b"]),
        (f"{A}, hqqp://example.com/b", ["hqqp://example.com/b"]),
        (f"{A}, http:/example.com/b", ["http:/example.com/b"]),
        (f"{A}, //example.com/b", ["//example.com/b"]),
        (f"{A}, /b.jpg, /c.jpg", ["/b.jpg", "/c.jpg"]),
        (f"example.org/x {A}; example[.]org, 192.0.2.1/y", ["example.org/x", "example.org", "192.0.2.1/y"]),
        (f"[one]({A}) and magnet:?xt=urn:btih:0", ["magnet:?xt=urn:btih:0"]),
        (f"{A} seehttp://example.com/b", ["seehttp://example.com/b"]),
        (f"{A} blob:https://example.com/b", ["blob:https://example.com/b"]),
        (f"on example.org, by j.doe@example.org and/or x[at]example.org: {A}, R-1/26, photo.jpg.", []),
    ],
)
def test_a_word_beside_urls_that_may_be_meant_as_one_is_told(text: str, words: list[str]) -> None:
    assert urls(text) == [A, *words]


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
