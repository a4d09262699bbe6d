"""Candidates are found wherever they stand in a page, and text that only looks like one is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.found_links import Link, PageLinks
from orbweaver.crawler.links.pages import candidates
from orbweaver.crawler.links.pages.html import extract

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
SCRIPT, ATTRIBUTE = LinkSource.SCRIPT, LinkSource.ATTRIBUTE


def look(html: str) -> PageLinks:
    return extract(html.encode("utf-8", "replace"), content_type="text/html; charset=utf-8", base_url="http://h.test/p")


def found(html: str) -> list[str]:
    return [link.reference for link in look(html).candidates]


ONE_CANDIDATE = [
    # attributes that only scripts read, on any element
    ("<div data-full=/a.jpg>", "/a.jpg", FILE, ATTRIBUTE),
    ("<a href=x data-orig-file='http://h/a.jpg?w=1'>", "http://h/a.jpg?w=1", FILE, ATTRIBUTE),
    ("<li data-href='http://h/view/1'>", "http://h/view/1", PAGE, ATTRIBUTE),
    ("<P DATA-POSTER=A.JPG>", "A.JPG", FILE, ATTRIBUTE),
    ("<div data-src='a.jpg'>", "a.jpg", FILE, ATTRIBUTE),
    ("<a href=x data-lightbox-url='//cdn.test/a.webp'>", "//cdn.test/a.webp", FILE, ATTRIBUTE),
    ("<div data-background-image=\"url('a.jpg')\">", "a.jpg", FILE, ATTRIBUTE),
    ("<i data-style='background: url(a.jpg)'>", "a.jpg", FILE, ATTRIBUTE),
    ("<div data-file='my photo (1).jpg'>", "my photo (1).jpg", FILE, ATTRIBUTE),
    ('<div data-file="Bob\'s photo.jpg">', "Bob's photo.jpg", FILE, ATTRIBUTE),
    ("<div data-video='film.mp4#t=3'>", "film.mp4#t=3", FILE, ATTRIBUTE),
    ('<div data-images=\'[{"src":"a.jpg"}]\'>', "a.jpg", FILE, ATTRIBUTE),
    ('<div data-images="[{&quot;src&quot;:&quot;\\/a.jpg&quot;}]">', "/a.jpg", FILE, ATTRIBUTE),
    ('<div data-x="{&#34;u&#34;:&#34;https:\\/\\/h\\/view&#34;}">', "https://h/view", PAGE, ATTRIBUTE),
    ("<div data-u='https:&#x2F;&#x2F;h&#x2F;view'>", "https://h/view", PAGE, ATTRIBUTE),
    ("<img src='' lowsrc=a.jpg>", "a.jpg", FILE, ATTRIBUTE),
    ("<param name=movie value=a.swf>", "a.swf", FILE, ATTRIBUTE),
    ("<input value='http://h/a.jpg'>", "http://h/a.jpg", FILE, ATTRIBUTE),
    ("<option value=a.jpg>", "a.jpg", FILE, ATTRIBUTE),
    ("<my-player file=a.mp4></my-player>", "a.mp4", FILE, ATTRIBUTE),
    ("<rect filter='url(a.svg#f)'/>", "a.svg#f", FILE, ATTRIBUTE),
    ("<meta name=cover content=/a.jpg>", "/a.jpg", FILE, ATTRIBUTE),
    ("<link rel=canonical href=https://h/x>", "https://h/x", PAGE, ATTRIBUTE),
    ("<a href=x data-u='/a.jpg/revision/latest?cb=1'>", "/a.jpg/revision/latest?cb=1", PAGE, ATTRIBUTE),
    ("<a href=x data-u='?file=a.jpg'>", "?file=a.jpg", PAGE, ATTRIBUTE),
    ('<img data-lazy="/i?id=5">', "/i?id=5", FILE, ATTRIBUTE),
    ('<img src="" file="forum.php?mod=attachment&amp;aid=MTIz">', "forum.php?mod=attachment&aid=MTIz", FILE, ATTRIBUTE),
    ('<a href=x data-full="../photo/5">', "../photo/5", FILE, ATTRIBUTE),
    ('<script>go(atob("aHR0cDovL2gvYS5wbmc="))</script>', "http://h/a.png", FILE, SCRIPT),
    ("<script>go(atob('aHR0cHM6Ly9oL3ZpZXc_YQ'))</script>", "https://h/view?a", PAGE, SCRIPT),
    ('<a href=x data-src="/big/5">', "/big/5", FILE, ATTRIBUTE),
    ("<script>go('https%3A%2F%2Fh%2Fa%2520b.jpg')</script>", "https://h/a%20b.jpg", FILE, SCRIPT),
    ("<div data-feed=/list.json>", "/list.json", FILE, ATTRIBUTE),
    ("<meta name=msapplication-config content=/tiles.xml>", "/tiles.xml", FILE, ATTRIBUTE),
    ("<a href=x title='<img src=a.jpg>'>", "a.jpg", FILE, ATTRIBUTE),
    # event handlers and javascript:
    ("<p onclick=\"show('a.jpg')\">", "a.jpg", FILE, SCRIPT),
    ("<p onclick=\"window.open('view.php?id=5')\">", "view.php?id=5", PAGE, SCRIPT),
    ("<p onmouseover='swap(&quot;b/a.gif&quot;)'>", "b/a.gif", FILE, SCRIPT),
    ("<button onclick=\"location.href='/gallery/2'\">", "/gallery/2", PAGE, SCRIPT),
    # scripts
    ("<script>x = {src: 'a.jpg'}</script>", "a.jpg", FILE, SCRIPT),
    ("<script>x = `a.jpg`</script>", "a.jpg", FILE, SCRIPT),
    ('<script>{"src":"https:\\/\\/h\\/a.jpg"}</script>', "https://h/a.jpg", FILE, SCRIPT),
    ('<script>{"src":"https:\\u002F\\u002Fh\\u002fa.jpg"}</script>', "https://h/a.jpg", FILE, SCRIPT),
    ("<script>u='https:\\x2F\\x2Fh\\x2Fa.jpg?a=1\\x26b=2'</script>", "https://h/a.jpg?a=1&b=2", FILE, SCRIPT),
    ('<script>s="{\\"src\\":\\"\\\\/a.jpg\\"}"</script>', "/a.jpg", FILE, SCRIPT),
    ("<script>s='\\u0022\\/a.jpg\\u0022'</script>", "/a.jpg", FILE, SCRIPT),
    ('<script id=__NEXT_DATA__ type="application/json">{"u":"/a.jpg"}</script>', "/a.jpg", FILE, SCRIPT),
    ("<script>u = 'https://h/a%20b'</script>", "https://h/a%20b", PAGE, SCRIPT),
    ("<script>s = '<img src=a.jpg>'</script>", "a.jpg", FILE, SCRIPT),
    ("<script>s = '<img src=\"a.jpg\">'</script>", "a.jpg", FILE, SCRIPT),
    ("<script>s = '\\u00e9.jpg'</script>", "\u00e9.jpg", FILE, SCRIPT),
    ("<script>s = '\\ud83d\\ude00.jpg'</script>", "\U0001f600.jpg", FILE, SCRIPT),
    ("<script>location = 'next.html'</script>", "next.html", PAGE, SCRIPT),
    ("<script>window.location.replace('/next')</script>", "/next", PAGE, SCRIPT),
    ("<script>// http://h/old.jpg\n</script>", "http://h/old.jpg", FILE, SCRIPT),
    ("<script type=text/template><img src='a.jpg'></script>", "a.jpg", FILE, SCRIPT),
    ("<script>document.write(unescape('%3Cimg%20src%3D%22a.jpg%22%3E'))</script>", "a.jpg", FILE, SCRIPT),
    ('<script>document.write(unescape("%3ca href%3d/v%3e")+"%3Cimg src=a.jpg%3E")</script>', "a.jpg", FILE, SCRIPT),
    ('<script type=speculationrules>{"prefetch":[{"urls":["/view/1"]}]}</script>', "/view/1", PAGE, SCRIPT),
    ("<script>gallery('pictures.xml')</script>", "pictures.xml", FILE, SCRIPT),
    # JSON-LD: whatever the ending is
    ('<script type="application/ld+json">{"contentUrl": "/media/1"}</script>', "/media/1", FILE, SCRIPT),
    ('<script type="application/ld+json">{"thumbnailUrl":["/t/1"]}</script>', "/t/1", FILE, SCRIPT),
    ('<script type="application/ld+json">{"embedUrl":"\\/embed\\/1"}</script>', "/embed/1", PAGE, SCRIPT),
    # elsewhere in the bytes
    ("<!-- <img src=a.jpg> -->", "a.jpg", FILE, SCRIPT),
    ("<!-- <a href='http://h/old'> -->", "http://h/old", PAGE, SCRIPT),
    ("<!--[if IE]><img src='a.jpg'><![endif]-->", "a.jpg", FILE, SCRIPT),
    ("<!-- p { background: url(a.jpg) } -->", "a.jpg", FILE, SCRIPT),
    ("<textarea>&lt;img src=&quot;a.jpg&quot;&gt;</textarea>", "a.jpg", FILE, SCRIPT),
    ("<textarea>[img]http://h/a.jpg[/img]</textarea>", "http://h/a.jpg", FILE, SCRIPT),
    ("<xmp><img src='a.jpg'></xmp>", "a.jpg", FILE, SCRIPT),
    ("<p>See http://h/view/1.</p>", "http://h/view/1", PAGE, SCRIPT),
    ("<p>(see http://h/a.jpg)</p>", "http://h/a.jpg", FILE, SCRIPT),
    ('<p>the file "a.jpg"</p>', "a.jpg", FILE, SCRIPT),
    ("<svg><script>x='a.jpg'</script></svg>", "a.jpg", FILE, SCRIPT),
    ("<p x='http://h/a.jpg", "http://h/a.jpg", FILE, SCRIPT),
]


@pytest.mark.parametrize(
    ("html", "reference", "kind", "source"), ONE_CANDIDATE, ids=[row[0][:70] for row in ONE_CANDIDATE]
)
def test_what_may_be_a_reference_is_a_candidate(html: str, reference: str, kind: LinkKind, source: LinkSource) -> None:
    assert look(html).candidates == (Link(reference, kind, source),)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<div data-set='a.jpg 1x, b.jpg 2x'>", ["a.jpg", "b.jpg"]),
        ("<div data-set='http://h/a.jpg 300w,http://h/b.jpg 600w'>", ["http://h/a.jpg", "http://h/b.jpg"]),
        ("<div data-images='a.jpg|b.jpg'>", ["a.jpg", "b.jpg"]),
        ("<param name=flashvars value='file=%2Fa.mp4&amp;x=1&amp;image=http://h/p.jpg'>", ["/a.mp4", "http://h/p.jpg"]),
        ("<div data-images='a.jpg, b.jpg'>", ["a.jpg", "b.jpg"]),
        ("<div data-images='http://h/a.jpg;http://h/b'>", ["http://h/a.jpg", "http://h/b"]),
        ("<div data-u='/w_100,h_50/a.jpg'>", ["/w_100,h_50/a.jpg"]),
        ("<script>x = ['a.jpg', \"b.png\", `c.gif`]</script>", ["a.jpg", "b.png", "c.gif"]),
        ('<script>x = {"a": 1, "b": \'c.gif\'}</script>', ["c.gif"]),
        ('<script type="application/ld+json">{"image":["/i/1", "/i/2"]}</script>', ["/i/1", "/i/2"]),
    ],
)
def test_each_reference_of_a_list_is_a_candidate(html: str, expected: list[str]) -> None:
    assert found(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        # texts for people
        "<img src=x alt='a.jpg' title='b.jpg'>",
        "<title>a.jpg</title>",
        "<p>a.jpg and b.png</p>",
        "<p aria-label='a.jpg'>",
        "<script>alert('Not a picture, use photo.jpg')</script>",
        # code, and what a script puts together
        "<script>x = a.mov + b.gif; y = f.png('z')</script>",
        "<script>'a' + b.mov + 'c'</script>",
        "<script>n + '.jpg'</script>",
        "<script>x = /\\.jpg$/</script>",
        "<script>'*.jpg'</script>",
        "<script>'a.jpgx a.j pg .jpg /.png'</script>",
        "<script>'https://'</script>",
        "<script>location == 'next.html'</script>",
        # what a template fills in
        "<div data-src='{{ image }}.jpg'>",
        "<script>`${folder}/a.jpg`</script>",
        "<script>'/img/%s.jpg'</script>",
        "<script>'/img/%d.jpg'</script>",
        "<script type=text/template><img src='<%= name %>.jpg'></script>",
        "<script>'https://h/{id}/a.jpg'</script>",
        "<script>'/a/#{id}.jpg'</script>",
        # parts of a page, forms and other schemes
        "<script src=http://h/a.js></script>",
        "<link rel=preload as=font href=https://h/a.woff2>",
        "<form action=http://h/send><button formaction=http://h/x>",
        "<a href=x ping=http://h/ping>",
        "<html xmlns='http://www.w3.org/1999/xhtml'>",
        "<div itemscope itemtype='https://schema.org/Thing'>",
        "<script>'ftp://h/a.jpg blob:a.jpg'</script>",
        "<div data-a='mailto:a@b.jpg'>",
        # the page itself
        "<script>'http://h.test/p#top'</script>",
    ],
)
def test_what_only_looks_like_a_reference_is_none(html: str) -> None:
    assert found(html) == []


def test_a_link_is_not_a_candidate_as_well() -> None:
    page = look("<script>'a.jpg'</script><img src=a.jpg data-full=a.jpg><a href='http://h/x'>http://h/x</a>")
    assert (page.links, page.candidates) == ((Link("a.jpg", FILE), Link("http://h/x", PAGE)), ())


def test_a_file_in_a_script_or_in_any_attribute_is_a_file() -> None:
    page = look(
        "<script>x = 'data:image/png;base64,AA\\/A'</script><div data-x='data:image/gif,x'>"
        '<script>{"a":"data:image\\/webp;base64,AA\\/A","b":"data:video\\u002Fmp4,x"}</script>'
    )
    assert [uri.media_type for uri in page.data_uris] == ["image/png", "image/gif", "image/webp", "video/mp4"]


def test_candidates_over_the_limit_are_left_out_and_counted() -> None:
    page = look("<img src=last.jpg><script>" + " ".join(f"'{number}.jpg'" for number in range(2_005)) + "</script>")
    assert (len(page.candidates), page.candidates_left_out, page.is_truncated) == (2_000, 5, False)
    assert page.links == (Link("last.jpg", FILE),)


def test_a_javascript_link_leads_where_its_quoted_url_does() -> None:
    assert found("<a href=\" JavaScript:popup('view.php?id=3','a.jpg')\">") == ["a.jpg", "view.php?id=3"]


PIECES = [
    *"\"'`<>\\/:;,|()[]{}=&%?# \n",
    "a",
    ".jpg",
    "https:",
    "//",
    "\\/",
    "\\u002F",
    "data:image/",
    "url(",
    "&quot;",
]
PIECES += [
    "location=",
    "src=",
    " 1x",
    "\\u0022",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<p data-a=",
    '"image":',
    "\ud800",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_is_searched_without_failing(text: str) -> None:
    look(text)
    for reference in candidates.text_references(text):
        assert reference.strip()


@given(st.lists(st.from_regex(r"[a-z0-9_/-]{0,8}[a-z0-9]\.(jpg|mp4)", fullmatch=True), max_size=5, unique=True))
def test_every_path_in_json_is_found_however_it_is_escaped(paths: list[str]) -> None:
    once = json.dumps({"files": paths})
    for text in (once, once.replace("/", "\\/"), json.dumps(once), once.replace("/", "\\u002F")):
        assert sorted(candidates.text_references(text)) == sorted(paths)


class CountedText(str):  # noqa: SLOT000 - it counts for all of its kind
    """A text that counts how many characters its searches pass over."""

    steps = 0

    def find(self, *arguments: object) -> int:  # type: ignore[override]
        return self._counted(str.find(self, *arguments), *arguments)  # type: ignore[arg-type]

    def rfind(self, *arguments: object) -> int:  # type: ignore[override]
        return self._counted(str.rfind(self, *arguments), *arguments)  # type: ignore[arg-type]

    def _counted(self, answer: int, *arguments: object) -> int:
        start = int(arguments[1]) if len(arguments) > 1 else 0  # type: ignore[call-overload]
        end = int(arguments[2]) if len(arguments) > 2 else len(self)  # type: ignore[call-overload]
        CountedText.steps += max(0, min(end, len(self)) - start) if answer < 0 else abs(answer - start)
        return answer


@pytest.mark.parametrize(
    "piece",
    [".jpg", "'.jpg", "'a.jpg", '"data:image/', "'https://", "https://", "'a.jpg\n", "a.jpg\"'`", "=a.jpg", "\\.jpg"],
)
def test_the_work_on_a_text_grows_with_its_length_and_no_faster(piece: str) -> None:
    def steps(times: int) -> int:
        CountedText.steps = 0
        list(candidates.text_references(CountedText(piece * times)))
        return CountedText.steps

    few, many = steps(1_000), steps(8_000)
    assert many <= 10 * few + 20 * 2_048
