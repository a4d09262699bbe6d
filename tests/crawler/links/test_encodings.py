"""Pages are decoded as browsers decode them, whatever they call their encoding and wherever they say it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.links.encodings import codec_of, decode, encode_query
from orbweaver.crawler.links.pages.html import extract
from orbweaver.crawler.rules.urls import canonicalise, join

ZHE = "\u0436"
IN_1251 = ZHE.encode("cp1251")


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("latin1", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        (" us-ascii\n", "cp1252"),
        ("utf8", "utf-8"),
        ("x-sjis", "cp932"),
        ("unicode", "utf-16-le"),
        ("utf-16", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("gb2312", "gbk"),
        ("ks_c_5601-1987", "cp949"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        ("iso-8859-9", "cp1254"),
        ("tis-620", "cp874"),
        ("hz-gb-2312", "utf-8"),
        # what Python knows and browsers do not
        ("utf-7", None),
        ("punycode", None),
        ("zlib", None),
        ("utf-32", None),
        ("", None),
    ],
)
def test_a_label_has_the_meaning_that_browsers_give_it(label: str, codec: str | None) -> None:
    assert codec_of(label) == codec


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (IN_1251, "text/html; charset=windows-1251"),
        (IN_1251, 'text/html; Charset="cp1251"; x=y'),
        (IN_1251, "text/html; charset='x-cp1251'"),
        (b"<meta charset=windows-1251>" + IN_1251, "text/html; charset=nonsense"),
        (b"<meta charset=windows-1251>" + IN_1251, None),
        (b"<META HTTP-EQUIV=Content-Type CONTENT='text/html; CHARSET = windows-1251'>" + IN_1251, None),
        (b"<meta content='text/html; charset=windows-1251' http-equiv=content-type>" + IN_1251, None),
        (b"<meta charset=nonsense><meta charset=windows-1251><meta charset=utf-8>" + IN_1251, None),
        (b"<!-- <meta charset=utf-8> --><meta charset=windows-1251>" + IN_1251, None),
        (b"<title>'<meta charset=utf-8>'</title><meta charset=windows-1251>" + IN_1251, None),
        (b"<meta name=x content='charset=utf-8'><meta charset=windows-1251>" + IN_1251, None),
        (b"<meta charset=windows-1251" + b" " * 2_000 + b">" + IN_1251, None),
        (b"<?xml version='1.0' encoding='windows-1251'?>" + IN_1251, None),
        (b"\xef\xbb\xbf" + ZHE.encode(), "text/html; charset=windows-1251"),
        (b"<meta charset=utf-16>" + ZHE.encode(), None),
        (ZHE.encode("utf-16-le"), "text/html; charset=utf-16"),
        (ZHE.encode("utf-16-be"), "text/html; charset=utf-16be"),
        (ZHE.encode(), None),
    ],
)
def test_the_encoding_is_found_where_browsers_find_it(body: bytes, content_type: str | None) -> None:
    assert decode(body, content_type).text.endswith(ZHE)


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        (b"\x80\x81\x9d", "latin1", "\u20ac\x81\x9d"),
        (b"\x83\x5c<", "shift_jis", "\u30bd<"),
        # a lead byte without its trail byte swallows no markup
        (b"\x83<a>", "shift_jis", "\ufffd<a>"),
        (b"\x81<a>", "gbk", "\ufffd<a>"),
        (b"\x81<a>", "big5", "\ufffd<a>"),
        (b"\x8e<a>", "euc-jp", "\ufffd<a>"),
    ],
)
def test_bytes_that_are_wrong_hide_nothing(body: bytes, charset: str, text: str) -> None:
    assert decode(body, f"text/html; charset={charset}").text == text


@pytest.mark.parametrize(
    ("charset", "reference", "url"),
    [
        ("latin1", "/\u00e9?q=\u00e9#\u00e9", "http://h.test/%C3%A9?q=%E9"),
        ("windows-1251", "?\u0436=\u00e9", "http://h.test/p?%E6=%26%23233%3B"),
        ("shift_jis", "?q=\u8868", "http://h.test/p?q=%95%5C"),
        ("gb2312", "//h.test/?q=\u4e2d", "http://h.test/?q=%D6%D0"),
        ("euc-kr", "https://h.test/?q=\uac00", "https://h.test/?q=%B0%A1"),
        ("utf-8", "?q=\u00e9", "http://h.test/p?q=%C3%A9"),
        ("utf-16", "?q=\u00e9", "http://h.test/p?q=%C3%A9"),
    ],
)
def test_the_query_of_a_link_is_in_the_encoding_of_its_page(charset: str, reference: str, url: str) -> None:
    codec = codec_of(charset)
    assert codec is not None
    body = f"<a href='{reference}'>".encode(codec, "xmlcharrefreplace")
    page = extract(body, content_type=f"text/html; charset={charset}", base_url="http://h.test/p")
    assert join("http://h.test/p", page.links[0].reference) == url


@given(st.binary(), st.none() | st.sampled_from(["x", "utf-16", "big5", "gbk", "euc-jp", "iso-2022-jp", "koi8-u"]))
def test_any_bytes_are_decoded(body: bytes, charset: str | None) -> None:
    decode(body, charset and f"text/html; charset={charset}")


@given(st.text(), st.sampled_from(["cp1252", "gbk", "cp932", "iso2022_jp", "big5hkscs"]))
def test_a_link_in_any_encoding_is_canonical_or_refused(reference: str, codec: str) -> None:
    try:
        url = join("http://h.test/p", encode_query(reference, codec))
    except UrlRefused:
        return
    assert canonicalise(url) == url
