"""Every way a page can refer to a page or a file, and that no page can break or stall the search."""

from __future__ import annotations

import base64

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import Link, PageLinks
from orbweaver.crawler.links.pages.attribute_values import DataUri
from orbweaver.crawler.links.pages.html import DOCUMENTS_DEEP, extract

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
HALF_A_MEBIBYTE = 2**19


def look(html: str | bytes, *, content_type: str | None = "text/html", max_links: int = 10_000) -> PageLinks:
    body = html if isinstance(html, bytes) else html.encode()
    return extract(body, content_type=content_type, base_url="http://host.test/page", max_links=max_links)


def references(html: str | bytes, content_type: str | None = "text/html") -> list[str]:
    return [link.reference for link in look(html, content_type=content_type).links]


ONE_LINK = [
    # pages
    ('<a href="next.html">n</a>', "next.html", PAGE),
    ("<A HREF=next.html>", "next.html", PAGE),
    ("<map><area href='next.html'></map>", "next.html", PAGE),
    ("<iframe src=inner.html></iframe>", "inner.html", PAGE),
    ("<iframe data-src=inner.html></iframe>", "inner.html", PAGE),
    ("<frameset><frame src=inner.html></frameset>", "inner.html", PAGE),
    ("<link rel=next href=2.html>", "2.html", PAGE),
    ("<link rel='PREV' href=2.html>", "2.html", PAGE),
    ("<link rel=alternate hreflang=de href=de.html>", "de.html", PAGE),
    ("<img longdesc=about>", "about", PAGE),
    ("<blockquote cite=source>", "source", PAGE),
    ("<meta property=og:url content=http://h/x>", "http://h/x", PAGE),
    ("<meta name=twitter:player content=http://h/x>", "http://h/x", PAGE),
    ("<meta http-equiv=refresh content='5; url=next.html'>", "next.html", PAGE),
    ("<meta http-equiv=Refresh content=\"0;URL='next.html'\">", "next.html", PAGE),
    ("<meta http-equiv=refresh content='1.5 , url = \"a b\" x'>", "a b", PAGE),
    ("<meta http-equiv=refresh content='3 next.html'>", "next.html", PAGE),
    # media
    ("<img src=a.jpg>", "a.jpg", FILE),
    ("<image src=a.jpg>", "a.jpg", FILE),
    ("<img data-src=a.jpg>", "a.jpg", FILE),
    ("<img data-original=a.jpg>", "a.jpg", FILE),
    ("<img data-srcset='a.jpg 2x'>", "a.jpg", FILE),
    ("<picture><source srcset='a.webp 1x'></picture>", "a.webp", FILE),
    ("<video src=a.mp4></video>", "a.mp4", FILE),
    ("<video poster=a.jpg></video>", "a.jpg", FILE),
    ("<video data-src=a.mp4></video>", "a.mp4", FILE),
    ("<video><source src=a.mp4></video>", "a.mp4", FILE),
    ("<audio src=a.ogg></audio>", "a.ogg", FILE),
    ("<embed src=a.svg>", "a.svg", FILE),
    ("<object data=a.svg></object>", "a.svg", FILE),
    ("<input type=IMAGE src=a.png>", "a.png", FILE),
    ("<link rel='shortcut icon' href=a.ico>", "a.ico", FILE),
    ("<link rel=apple-touch-icon href=a.png>", "a.png", FILE),
    ("<link rel=image_src href=a.png>", "a.png", FILE),
    ("<meta property='og:image' content='a.png'>", "a.png", FILE),
    ("<meta name='og:image:secure_url' content='a.png'>", "a.png", FILE),
    ("<meta property='og:video:url' content='a.mp4'>", "a.mp4", FILE),
    ("<meta property='og:audio' content='a.mp3'>", "a.mp3", FILE),
    ("<meta name='twitter:image:src' content='a.png'>", "a.png", FILE),
    ("<meta name='twitter:player:stream' content='a.mp4'>", "a.mp4", FILE),
    ("<svg><image xlink:href=a.png /></svg>", "a.png", FILE),
    ("<svg><image href=a.png /></svg>", "a.png", FILE),
    ("<td background=a.gif>", "a.gif", FILE),
    # css
    ("<p style='background: url(a.png)'>", "a.png", FILE),
    ('<p style="background: url( &quot;a b.png&quot; )">', "a b.png", FILE),
    ("<p style=\"background: url('a(1).png')\">", "a(1).png", FILE),
    (r"<p style='background: url(a\29 b.png)'>", "a)b.png", FILE),
    (r"<p style='background: url(a\(b.png)'>", "a(b.png", FILE),
    ("<p style='background: URL(a.png'>", "a.png", FILE),
    ("<style>p { background: url(a.png?b&amp;c) }</style>", "a.png?b&amp;c", FILE),
    ('<style>@import "a.css";</style>', "a.css", FILE),
    ("<style>@import url(a.css);</style>", "a.css", FILE),
    ("<style>p::after { content: '<b' } i { background: url(a.png) }", "a.png", FILE),
    ("<style>p { background: image-set('a.avif' type('image/avif') 1x) }</style>", "a.avif", FILE),
    ("<style>p { background: -webkit-image-set(url(a.png) 1x) }</style>", "a.png", FILE),
    ("<link rel=stylesheet href=a.css>", "a.css", FILE),
    ("<link rel='alternate stylesheet' href=a.css>", "a.css", FILE),
    ("<link rel=preload as=image href=a.png>", "a.png", FILE),
    ("<link rel=preload as=image imagesrcset='a.png 2x'>", "a.png", FILE),
    ("<link rel=sitemap href=map.xml>", "map.xml", PAGE),
    # where scripts look for what they will show
    ("<div data-bg=a.png>", "a.png", FILE),
    ("<div data-bg='url(\"a.png\")'>", "a.png", FILE),
    ("<section data-background=a.png>", "a.png", FILE),
    ("<img data-lazy-src=a.png>", "a.png", FILE),
    ("<img data-lazy-srcset='a.png 2x'>", "a.png", FILE),
    ("<iframe data-lazy-src=inner.html></iframe>", "inner.html", PAGE),
    # svg
    ("<svg><use xlink:href='shapes.svg#a'></svg>", "shapes.svg#a", FILE),
    ("<svg><use href='shapes.svg#a'></svg>", "shapes.svg#a", FILE),
    ("<svg><filter><feImage href=a.png /></filter></svg>", "a.png", FILE),
    ("<svg><a xlink:href=next.html>", "next.html", PAGE),
    # where a reference may hide
    ("<template><img src=a.jpg></template>", "a.jpg", FILE),
    ("<frameset><noframes><body><a href=plain></noframes></frameset>", "plain", PAGE),
    ("<embed><noembed><img src=a.jpg></noembed>", "a.jpg", FILE),
    ("<noscript><img src=a.jpg></noscript>", "a.jpg", FILE),
    ("<svg><title><img src=a.jpg></title></svg>", "a.jpg", FILE),
    ("<svg><style><img src=a.jpg></style></svg>", "a.jpg", FILE),
    ("<iframe srcdoc='<img src=&quot;a.jpg&quot;>'></iframe>", "a.jpg", FILE),
    ("<p title='<a b=\"'><img src=a.jpg><p title='\">'>", "a.jpg", FILE),
    ("<!-- <a b=' --><img src=a.jpg><!-- ' -->", "a.jpg", FILE),
    ("<!--> <img src=a.jpg> -->", "a.jpg", FILE),
    ("<!x <a b=\"> <img src=a.jpg> <p c=''>", "a.jpg", FILE),
    ("</a b='>'><img src=a.jpg>", "a.jpg", FILE),
    ("<img/src=a.jpg/alt=x>", "a.jpg/alt=x", FILE),
    ("<img alt = '>'\nsrc\n=\n'a.jpg'/>", "a.jpg", FILE),
    ("<script>if (a<b) c = '<!-- ';</script><img src=a.jpg>", "a.jpg", FILE),
    ("<img src=a.jpg src=b.jpg>", "a.jpg", FILE),
    ("<img " + " ".join(f"x{n}" for n in range(5_000)) + " SRC='a.jpg'>", "a.jpg", FILE),
    # entities: in attributes, one without its semicolon before "=" is not one
    ("<a href='?a=1&copy=2&amp;b=3&#x41;'>", "?a=1&copy=2&b=3A", PAGE),
    ("<a href=' spaced '>", " spaced ", PAGE),
]


@pytest.mark.parametrize(("html", "reference", "kind"), ONE_LINK, ids=[row[0][:60] for row in ONE_LINK])
def test_a_reference_is_found(html: str, reference: str, kind: LinkKind) -> None:
    assert look(html).links == (Link(reference, kind),)


@pytest.mark.parametrize(
    "html",
    [
        "<a href=''>",
        "<a href=' '>",
        "<a href>",
        "<a href='#top'>",
        "<a href='http://host.test/page#top'>",
        "<a name=x>",
        "<img srcset=' , ,'>",
        "<link rel=preload as=script href=a.js>",
        "<link rel=preload as=font href=a.woff2>",
        "<form action=/search method=get><input name=q></form>",
        "<svg><use href='#shape'></svg>",
        "<p data-bg=''>",
        "<p style='background: image-set(type(\"image/png\") 1x)'>",
        "<meta http-equiv=refresh content=5>",
        "<meta name=description content=words>",
        "<!-- <img src=a> -->",
        "<script>'<img src=' + name + '>'</script>",
        "<title><img src=a.jpg></title>",
        "<p style='color: red'>",
        "plain words",
        "",
    ],
)
def test_what_refers_to_nothing_else_is_left_out(html: str) -> None:
    assert look(html) == PageLinks(links=(), base=None, data_uris=(), bad_data_uris=0, is_truncated=False)


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("a.jpg, b.jpg 2x", ["a.jpg", "b.jpg"]),
        ("a.jpg 1x,b.jpg 2x", ["a.jpg", "b.jpg"]),
        ("a.jpg,b.jpg", ["a.jpg,b.jpg"]),
        ("/w_100,h_50/a.jpg 100w, /w_200,h_90/a.jpg 200w", ["/w_100,h_50/a.jpg", "/w_200,h_90/a.jpg"]),
        (", a.jpg,, b.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg (x, y) 1x, b.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg (x, b.jpg", ["a.jpg"]),
        ("a.jpg 1x (2, 3) 4w,b.jpg", ["a.jpg", "b.jpg"]),
        ("a,b.jpg 1x, c.jpg?d=1,2 2x", ["a,b.jpg", "c.jpg?d=1,2"]),
        ("a.jpg,,, b.jpg", ["a.jpg", "b.jpg"]),
        ("\ta.jpg\n100w\f,\r\nb.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg\v1x, b.jpg", ["a.jpg\v1x", "b.jpg"]),
        ("https://h/f_auto,w_1/a.jpg 100w, /b.jpg", ["https://h/f_auto,w_1/a.jpg", "/b.jpg"]),
    ],
)
def test_a_srcset_is_split_where_browsers_split_it(srcset: str, expected: list[str]) -> None:
    assert references(f"<img srcset='{srcset}'>") == expected


def test_references_are_in_document_order_once_per_kind() -> None:
    html = "<img src=b><a href=a><style>p{background:url(c)}</style><img src=b srcset='d 2x'><a href=b>"
    assert look(html).links == (
        Link("b", FILE),
        Link("a", PAGE),
        Link("c", FILE),
        Link("d", FILE),
        Link("b", PAGE),
    )


def test_the_base_of_a_document_inside_the_page_is_its_own() -> None:
    page = look("<iframe srcdoc='<base href=/in/><img src=a.jpg><img src=data:,x>'></iframe><img src=b.jpg>")
    assert page.base is None
    assert page.links == (Link("b.jpg", FILE), Link("/in/a.jpg", FILE))
    assert len(page.data_uris) == 1


def test_a_long_base_of_a_document_inside_the_page_makes_no_reference_longer() -> None:
    inside = f"<base href=/{'a' * 5_000}/>" + "".join(f"<img src={number}>" for number in range(100))
    assert sum(len(link.reference) for link in look(f"<iframe srcdoc='{inside}'>").links) < 1_000


def test_an_xml_base_counts_for_nobody_as_in_browsers() -> None:
    page = look("<svg xml:base='http://other.test/'><image href=a.jpg /></svg>")
    assert (page.base, page.links, page.candidates) == (None, (Link("a.jpg", FILE),), ())


def test_the_first_base_counts_and_is_no_link() -> None:
    page = look("<base target=x><base href=' /pics/ '><base href=/other/><img src=a.jpg>")
    assert page.base == "/pics/"
    assert page.links == (Link("a.jpg", FILE),)


def test_a_file_that_is_shown_before_the_base_is_not_relative_to_it() -> None:
    page = look("<a href=p><img src=a.jpg><base href=/pics/><img src=a.jpg>")
    assert page.base == "/pics/"
    assert page.files_before_base == (Link("a.jpg", FILE),)
    assert page.links == (Link("p", PAGE), Link("a.jpg", FILE))


def test_a_base_inside_svg_is_none() -> None:
    assert look("<svg><base href=/x/></svg><img src=a.jpg>").base is None
    assert look("<svg></svg><base href=/x/><img src=a.jpg>").base == "/x/"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<a href='\u0436.html'>".encode("cp1251"), "text/html; charset=windows-1251"),
        (b"<meta charset=windows-1251>" + "<a href='\u0436.html'>".encode("cp1251"), None),
        ("\ufeff<a href='\u0436.html'>".encode("utf-16-le"), "text/html; charset=windows-1251"),
        ("<a href='\u0436.html'>".encode(), None),
        ("<meta charset=utf-16><a href='\u0436.html'>".encode(), None),
        ("<a href='\u0436.html'>".encode(), "text/html; charset=zlib"),
        ("<a href='\u0436.html'>".encode(), "text/html; charset=punycode"),
        ("<a href='\u0436.html'>".encode(), "text/html; charset=nonsense"),
    ],
)
def test_text_is_decoded_as_browsers_do(body: bytes, content_type: str | None) -> None:
    assert references(body, content_type) == ["\u0436.html"]


def test_undeclared_bytes_that_are_not_utf8_are_windows_1252() -> None:
    assert references(b"<a href='\xe9.html'>", None) == ["\u00e9.html"]


def test_all_of_an_image_set_is_found() -> None:
    css = "image-set(url('a.png') 1x, \"b.png\" 2x type('image/png'), 'c\\29 .png' 3x) image-set('d.png' 1x"
    assert references(f"<style>p {{ background: {css}</style>") == ["a.png", "b.png", "c).png", "d.png"]


@pytest.mark.parametrize("media_type", ["text/html", "application/xhtml+xml", "image/svg+xml"])
def test_a_document_inside_the_page_is_a_file_and_searched_too(media_type: str) -> None:
    page = look(f"<iframe src='data:{media_type},%3Cimage href=a.jpg%3E'></iframe>")
    assert page.links == (Link("a.jpg", FILE),)
    assert [embedded.media_type for embedded in page.data_uris] == [media_type]


def test_a_style_sheet_inside_the_page_names_files_by_absolute_urls_alone() -> None:
    page = look("<link rel=stylesheet href='data:text/css,p{background:url(http://h/a.png)}i{background:url(b.png)}'>")
    assert page.links == (Link("http://h/a.png", FILE),)
    assert [one.media_type for one in page.data_uris] == ["text/css"]


def test_documents_inside_documents_end_at_a_depth_and_say_so() -> None:
    def nested(levels: int) -> str:
        html = "<img src=deepest.jpg>"
        for _ in range(levels):
            html = "<iframe src='data:text/html;base64," + base64.b64encode(html.encode()).decode() + "'></iframe>"
        return html + "<img src=last.jpg>"

    within = look(nested(DOCUMENTS_DEEP))
    assert (within.is_truncated, Link("deepest.jpg", FILE) in within.links) == (False, True)
    beyond = look(nested(DOCUMENTS_DEEP + 1))
    assert beyond.is_truncated
    assert beyond.links == (Link("last.jpg", FILE),)


BYTES = bytes(range(40))
BASE64 = base64.b64encode(BYTES).decode()


@pytest.mark.parametrize(
    ("uri", "media_type", "data"),
    [
        (f"data:image/png;base64,{BASE64}", "image/png", BYTES),
        (f"DATA:IMAGE/PNG;x=y; BASE64,{BASE64}", "image/png", BYTES),
        (f" data:image/png;base64,{BASE64[:9]}\n {BASE64[9:]} ", "image/png", BYTES),
        (f"data:image/png;base64,{BASE64.rstrip('=')}", "image/png", BYTES),
        (f"data:image/png;base64,{BASE64.replace('=', '%3D')}", "image/png", BYTES),
        ("data:image/svg+xml,%3Csvg%3E a,b%zz", "image/svg+xml", b"<svg> a,b%zz"),
        ("data:,x", "text/plain", b"x"),
        ("data:image/gif,x#fragment", "image/gif", b"x"),
        ("data:;charset=utf-8,\u00e9", "text/plain", "\u00e9".encode()),
        ("da\nta:image/gif,x", "image/gif", b"x"),
    ],
)
def test_a_file_inside_the_page_is_decoded(uri: str, media_type: str, data: bytes) -> None:
    page = look(f'<meta charset=utf-8><img src="{uri}">')
    assert page.data_uris == (DataUri(media_type, data),)
    assert page.links == ()
    assert page.bad_data_uris == 0


@pytest.mark.parametrize(
    "html",
    [
        "<img src='{}'>",
        "<img srcset='{} 2x, other.jpg'>",
        "<video poster='{}'>",
        "<object data='{}'>",
        "<p style='background: url({})'>",
        "<style>p {{ background: url({}) }}</style>",
        "<link rel=icon href='{}'>",
        "<a href='{}'>",
    ],
)
def test_a_file_inside_the_page_is_found_wherever_a_reference_may_stand(html: str) -> None:
    assert look(html.format(f"data:image/png;base64,{BASE64}")).data_uris == (DataUri("image/png", BYTES),)


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64",
        "data:",
        "data:;base64,A",
        "data:;base64,AA*A",
        "data:;base64,A=AA",
        "data:;base64,AAA=A",
    ],
)
def test_a_malformed_file_inside_the_page_is_counted(uri: str) -> None:
    page = look(f"<img src='{uri}'>")
    assert (page.data_uris, page.links, page.bad_data_uris) == ((), (), 1)


def test_an_empty_file_inside_the_page_is_ignored() -> None:
    page = look("<img src='data:image/png;base64,'><img src='data:,'>")
    assert (page.data_uris, page.bad_data_uris) == ((), 0)


def test_the_bytes_of_a_file_inside_the_page_are_in_no_repr() -> None:
    assert "secret" not in repr(look("<img src='data:,secret'>"))


def test_more_links_than_the_limit_are_cut_and_said() -> None:
    html = "".join(f"<a href={number}>" for number in range(11))
    assert not look(html, max_links=11).is_truncated
    cut = look(html, max_links=10)
    assert cut.is_truncated
    assert len(cut.links) == 10


MARKUP = """
< > </ <!-- --> <!x <a <img <div> </div> <b> <p> <table> <svg> <style> </style> <title> <script> <template>
<base <frameset> <![CDATA[ ]]> href= src= srcset= style= ' " url( )
@import data: ;base64, , \\ # % & &amp; &#xD800;
"""
fragments = st.sampled_from([*MARKUP.split(), " ", "\n", "\0", "<iframe srcdoc="])
NESTING = "a b i div p table tr td ul li svg math select form object"


@given(st.binary(), st.none() | st.text(max_size=60))
def test_any_bytes_are_searched_without_failing(body: bytes, content_type: str | None) -> None:
    look(body, content_type=content_type)


@given(st.lists(fragments | st.text(max_size=3), max_size=60).map("".join))
def test_any_mix_of_markup_is_searched_without_failing(html: str) -> None:
    look(html.encode("utf-8", "replace"))


@given(st.lists(st.sampled_from(NESTING.split()), max_size=40))
def test_an_image_is_found_below_any_nesting(names: list[str]) -> None:
    html = "".join(f"<{name}>" for name in names) + "<img src=a.jpg>" + "".join(f"</{name}>" for name in names[::-1])
    assert references(html) == ["a.jpg"]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("<img src=a.jpg>" * 87_500, id="images"),
        pytest.param("<div>" * 47_500 + "</div>" * 47_500, id="nested blocks"),
        pytest.param("<div style=''>" * 87_500, id="nested blocks with attributes"),
        pytest.param(
            "<p>" + "".join(f"<b id={number}>" for number in range(15_000)) + "</p><p>x" * 125_000,
            id="formatting elements to reconstruct",
        ),
        pytest.param("<img " + "".join(f" a{number}" for number in range(175_000)) + ">", id="attributes of one tag"),
        pytest.param("<svg><style>" * 112_500, id="foreign raw text"),
        pytest.param("<!--" * 325_000, id="unclosed comments"),
        pytest.param("<a b='\"" * 175_000, id="unclosed quotes"),
        pytest.param("<style>" + "url('\"" * 200_000, id="unclosed css strings"),
        pytest.param("<img srcset='" + "a,( " * 325_000 + "'>", id="one srcset"),
        pytest.param("<meta http-equiv=refresh content='" + " " * HALF_A_MEBIBYTE + "'>", id="white space"),
        pytest.param("<img src='data:," + "%41a" * 325_000 + "'>", id="one data: URI"),
        pytest.param("<style>" + "image-set(" * 125_000, id="unclosed image sets"),
        pytest.param("<style>" + "image-set('a' type(" * 75_000, id="unclosed types in image sets"),
        pytest.param("<style>image-set(" + "a" * HALF_A_MEBIBYTE, id="one type in an image set"),
        pytest.param("<style>image-set('" + "\\'" * 250_000 + "\n", id="quotes in a cut string of an image set"),
        pytest.param("<style>" + "url('\\'\n" * 75_000, id="cut css strings"),
        pytest.param("<style>url(" + "\\abcdef " * 62_500 + "(", id="escapes in a url that is none"),
        pytest.param("<iframe/src=data:text/html," * 50_000 + ">" * 9, id="documents in documents"),
        pytest.param("<p data-bg='" + "url(" * 325_000 + "'>", id="a lazy background"),
        pytest.param("<iframe srcdoc='" + "<a href=x>" * 125_000 + "'>", id="a document in a document"),
    ],
)
def test_half_a_mebibyte_is_searched_in_reasonable_time(page: str) -> None:
    body = page.encode()[:HALF_A_MEBIBYTE]
    with measured() as cost:
        look(body)
    assert cost.units < LINEAR / 4  # for a quarter of the two megabytes


def test_a_self_closing_svg_hides_nothing_after_it() -> None:
    html = b"<svg width=1 /><script><!-- x</script><img src=/x.jpg>"
    assert [link.reference for link in extract(html, content_type="text/html", base_url="http://h.test/").links] == [
        "/x.jpg"
    ]
