"""Fixed documents that have each kind of link once, and bodies whose digests are known.

A link is called page-N or file-N, by its kind and numbered without a gap in each document; a text that only looks like
a link is called none-N. So each document says itself which links must be found in it.
"""

from __future__ import annotations

from typing import NamedTuple

from orbweaver.crawler.bodies.document_kinds import DocumentKind


class FixedDocument(NamedTuple):
    """A document, the type that its server declares, and the number of pages and files that it refers to."""

    kind: DocumentKind
    declared: str | None
    body: bytes
    pages: int
    files: int


# More attributes than are read in one go.
_MANY_ATTRIBUTES = " ".join(f'data-{number}="{number}"' for number in range(150))

HTML = f"""<!DOCTYPE html>
<html><head><base href="/base/"><title>a <a href=none-1></title>
<meta property="og:url" content="page-1"><meta http-equiv=refresh content="5; url='page-2'">
<meta name=twitter:image content='file-1'><meta property=og:video:url content=file-2>
<link rel=next href=page-3><link rel="alternate nofollow" href="page-4"><link rel=canonical href=none-2>
<link rel=stylesheet href=file-3><link rel=icon href="file-4">
<link rel=preload as=image imagesrcset="file-5 1x, file-6">
<style>@import "file-7"; a {{ background: url(file-8) }} b {{ background: url( "file\\2d 9" ) }}
  i {{ background: image-set("file-10" 1x type("none-3"), 'file-11' 2x) }}</style>
<!-- <a href="none-4"> --><script>"<a href=none-5>"</script><noscript><a href="page-5"></noscript>
</head><body class="a" id="b" background=file-12>
<a class="a" href="page-6">1</a> <A HREF = 'page-7'>2</A> <a title="a > b" href=page-8>3</a> <a href="page&#45;9">4</a>
<a href="page-6">again</a> <a href="#top">here</a> <a name=none-6>no reference</a> <p class="a"><p id="b" class="c">
<a {_MANY_ATTRIBUTES} href="page-10">5</a> <textarea><a href=none-7></textarea>
<xmp><a href=none-10></xmp> <map><area href=page-11></map>
<iframe src=page-12 srcdoc="&lt;a href=page-13&gt;&lt;img src=file-13&gt;"></iframe><iframe data-src=page-14></iframe>
<svg><title><image href=file-14 /></title><a xlink:href="page-15"><use xlink:href=file-15 /></a></svg>
<img src="file-16" srcset="file-17 1x, file-18 2x,file-19 (a, b)">
<img data-src=file-20 data-srcset="file-21, file-22 3w">
<picture><source srcset="file-23"><img src='file-24'></picture> <input type=image src=file-25> <input src=none-8>
<video src="file-26" poster="file-27"><source src=file-28></video> <audio src=file-29></audio> <embed src=file-30>
<object data=file-31></object> <p style="background: url(&quot;file-32&quot;)"> <div data-bg=file-33>
<img src="data:image/png;base64,AAEC"><img src="data:,%00%01"><img/src="file-34"/><a href=page-16
>6</a><img src="none-9"""
BASE_OF_HTML = "/base/"
FILES_INSIDE_HTML = (("image/png", b"\0\1\2"), ("text/plain", b"\0\1"))

_XHTML = """<?xml version="1.0"?><?xml-stylesheet href="file-1"?><!DOCTYPE html [<!ENTITY a "<b>">]>
<html xmlns="http://www.w3.org/1999/xhtml"><title/><script src="none-1"/><a href="page-1"/>
<h:img src='file-2'/></html>"""
_SVG = """<svg xmlns:x="http://www.w3.org/1999/xlink"><style>a { fill: url("file-1") }</style>
<image xlink:href="file-2"/><a xlink:href="page-1"/></svg>"""
_STYLE_SHEET = """@import 'file-1' screen; /**/ a { b: url(file-2) } c { d: URL( "file-3" ), url('file-4') }
@import url(file-5);"""
_SITEMAP = f"""<?xml version="1.0"?><!-- <loc>none-1</loc> -->
<!DOCTYPE urlset [<!ENTITY a "<loc>none-2</loc>">]><s:urlset xmlns:s="s"><s:url><s:loc>page-1</s:loc>
<xhtml:link rel="alternate" href="page-2"/><image:image {_MANY_ATTRIBUTES}/>
<image:image><image:loc>file-1</image:loc></image:image></s:url>
<s:url><s:loc><![CDATA[page-3]]></s:loc></s:url></s:urlset>"""
_RSS = """<rss><channel><link>page-1</link><image><url>file-1</url></image><item><guid>none-1</guid>
<enclosure url="file-2"/><media:content url='file-3'/><description>&lt;a href="page-2"&gt;</description></item>
</channel></rss>"""
_ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><link rel="alternate" href="page-1"/>
<link rel="edit" href="none-1"/>
<entry><link rel="enclosure" href="file-1"/><content type="xhtml"><img src="file-2"/></content></entry></feed>"""
_PLAYLIST = """#EXTM3U
#EXT-X-DEFINE:NAME="n",VALUE="file"
#EXT-X-MAP:URI="file-1"
#EXTINF:9,none-1
file-2
{$n}-3
"""
_MANIFEST = """<MPD mediaPresentationDuration="PT4S"><Period><AdaptationSet>
<SegmentTemplate media="file-$Number$" duration="2"/>
<Representation id="a"/></AdaptationSet></Period></MPD>"""
_SMOOTH_STREAMS = """<SmoothStreamingMedia><StreamIndex Url="file-{start time}"><QualityLevel Bitrate="9"/>
<c t="1" d="1" r="2"/></StreamIndex></SmoothStreamingMedia>"""
_CUES = """WEBVTT none-1.jpg

00:00.000 --> 00:01.000
http://fixed.example/file-1

00:01.000 --> 00:02.000
file-2#xywh=0,0,1,1
none-2 is a word.
"""
_JSON_FEED = """{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "none-1", "url": "page-1",
"content_html": "<img src=\\"file-1\\">", "attachments": [{"url": "file-2"}]}]}"""
_APP_MANIFEST = """{"short_name": "none-1", "start_url": "page-1", "icons": [{"src": "file-1"}]}"""
_URL_LIST = "http://fixed.example/page-1\nhttp://fixed.example/page-2\r\n"

DOCUMENTS = (
    FixedDocument(DocumentKind.HTML, "text/html", HTML.encode(), pages=16, files=34),
    FixedDocument(DocumentKind.HTML, None, b"\xef\xbb\xbf <!doctype html><a href=page-1>", pages=1, files=0),
    FixedDocument(DocumentKind.XHTML, "application/xhtml+xml", _XHTML.encode(), pages=1, files=2),
    FixedDocument(DocumentKind.SVG, "image/svg+xml", _SVG.encode(), pages=1, files=2),
    FixedDocument(DocumentKind.STYLE_SHEET, "text/css", _STYLE_SHEET.encode(), pages=0, files=5),
    FixedDocument(DocumentKind.SITEMAP, "application/xml", _SITEMAP.encode(), pages=3, files=1),
    FixedDocument(DocumentKind.URL_LIST, "text/plain", _URL_LIST.encode(), pages=2, files=0),
    FixedDocument(DocumentKind.FEED, "application/rss+xml", _RSS.encode(), pages=2, files=3),
    FixedDocument(DocumentKind.FEED, None, _ATOM.encode(), pages=1, files=2),
    FixedDocument(DocumentKind.PLAYLIST, None, _PLAYLIST.encode(), pages=0, files=3),
    FixedDocument(DocumentKind.MANIFEST, "application/dash+xml", _MANIFEST.encode(), pages=0, files=2),
    FixedDocument(DocumentKind.SMOOTH_STREAMS, "text/xml", _SMOOTH_STREAMS.encode("utf-16"), pages=0, files=2),
    FixedDocument(DocumentKind.CUES, "text/vtt", _CUES.encode(), pages=0, files=2),
    FixedDocument(DocumentKind.JSON_FEED, "application/json", _JSON_FEED.encode(), pages=1, files=2),
    FixedDocument(DocumentKind.APP_MANIFEST, "application/json", _APP_MANIFEST.encode(), pages=1, files=1),
)

# A page in an encoding that must be known to be read: ASCII letters are two bytes, or stand inside other characters.
IN_OTHER_ENCODINGS = (
    ("text/html", b"\xff\xfe" + b"".join(bytes((byte, 0)) for byte in b"<p><a href=page-1>")),
    ("text/html; charset=shift_jis", b"<p title='\x83\x5c'><a href=page-1>"),
    ("text/html; charset=windows-1251", b"<p>\xef\xf0\xe8<a href=page-1>"),
)

# FIPS 180-4's messages of one block and of two, and RFC 1321's digest of the first.
ONE_BLOCK = b"abc"
TWO_BLOCKS = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
DIGESTS = {
    ONE_BLOCK: (
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    TWO_BLOCKS: (
        "8215ef0796a20bcaaae116d3876c664a",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
}

# TWO_BLOCKS three times, in every Content-Encoding that is asked for.
ENCODED_BODY = TWO_BLOCKS * 3
ENCODED = {
    "gzip": (
        "1f8b0800000000000203"
        "bdcbc90d80200000b0594101957bff0f9dc2a4df8678dd24328587978f4aa333982c76f8f91d64aca835a8000000"
    ),
    "deflate": "789cbdcbc90d80200000b0594101957bff0f9dc2a4df8678dd24328587978f4aa333982c76f8f91d950c44e9",
    "br": "1ba700f8e5b1b1b136d59a0984925811704480c408655c48a58d75deea07",
    "zstd": (
        "28b52ffd20a805020084036162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e6c"
        "6d6e6f6d6e6f706e6f70710100d876aaa0"
    ),
}

# A ZIP archive of ONE_BLOCK, stored as "a", and ENCODED_BODY, deflated as "b".
ARCHIVE = (
    "P)h>@6aWAK00000AppWbBsBv70009300031003cOVq;KC0|XQR000O8001EXWUQz)CIA2cr~m)}0RR91V!g}B4S*m30I*p>0hN3I51qoK--dYIBr=7E"
    "myb%LGng!P`1u`BO928D0~7!N0000003iUvK_oQ;000030000100000000000001h0RR910AWx|0Rj{Q6aWAK2mk;8Apm5os5K@4005`}00031000000"
    "0000004jiA^-pYVo*y31^@s600IC40A2t90A~OI0000"
)
ARCHIVE_MEMBERS = (("a", ONE_BLOCK), ("b", ENCODED_BODY))
# A TAR archive of the same members, packed in each way that is read.
PACKED_TAR = {
    "gzip": (
        "ABzY8000000t4;SOA3Q96h`5@lrAB$G5bmS^jX{5{rBjo)Tss`_wYeP5HtCMY@Z?T+<emiNyne(>Aknc%E2VKn|$75c=1cgvk*_B<y+jr{)^"
        "Hq_wRN8iS~cS1y|f~M}-;<T6E~~z<_7!?{uk}rfKW;1wH+=ga8Zx00"
    ),
    "xz": (
        "{Wp48S^xk9=GL@E0stWa3;+NCkC;K6;0yl%YFz*@fHP1SXo-UDr+{ht+HOfe2HliHi1m}U!b{?#dmNF_c6I`$p+7_ciV%JFF=g;c&6#yB5z("
        "Z09s*V(t2L8X%Ln?V0WZJN)gON5VB@Dy4FVRQb-D;d%V5c-<GegwOa=%R&;M5_VgLXD46*L*h>%8j00D*pfEWM(TTZaavBYQl0ssI200dcD"
    ),
    "bzip2": (
        "LRx4!F+o`-Q(2uy&SU@pP1}IYfIt9$001EW|Na077$5+M5{irf82|tPBB<J+F%23q01Z7)TG&JRN~Z4uB#hu;7&0lvAQ2P=C_fER2^0ccQYA"
        "#1i+9#Y;hE64ezc<^e1jJS=HiD&5bDAmm_xe=cwrALA?buYu!qJF`obA7goc-CGGxpU{x0N-aG@bOkDSN"
    ),
    "zstd": (
        "D77#BU;qnE0{~(}3=oigQ2ImZ4=^(=loh7CZl%{&I%R~<HMW%bB9JF^{NM4>dHVwoAI!hMk9R`M`w1MVP_QP`7{F)Q3_v4^l2cIr|Iy|F{UN"
        "AAw(ZGz&h2J<kOmB3BA>`yOMp_L)Bs-Wqxk^"
    ),
}

# References on this page, and the URLs that they must become; None for one that is not followed.
PAGE_URL = "http://fixed.example/a/b?c"
JOINED = {
    "d.jpg": "http://fixed.example/a/d.jpg",
    "../d e.jpg#f": "http://fixed.example/d%20e.jpg",
    "/%7ed/%c3%a9": "http://fixed.example/~d/%C3%A9",
    "?d=1&e f": "http://fixed.example/a/b?d=1&e%20f",
    "//0x7f.1/": "http://127.0.0.1/",
    "//B\u00fccher.example:80/x/./y": "http://xn--bcher-kva.example/x/y",
    "HTTPS://user@Other.example:8443": "https://other.example:8443/",
    "http://fixed.example/a\\..\\d": "http://fixed.example/d",
    "http://fixed.example/%2e%2E/d%2": "http://fixed.example/d%252",
    "javascript:alert(1)": None,
    "mailto:a@fixed.example": None,
}
# Links on that page, and the rule that must decide about each.
DECIDED = {
    "http://fixed.example/d/e.jpg?f=1": "accept",
    "http://other.example/d/e.jpg": "scope.host",
    "http://fixed.example/logout.php": "acting.log-out",
    "http://fixed.example/d?do=delete": "acting.delete",
    "http://fixed.example/searchbyimage?d": "acting.reverse-image-search",
    "http://fixed.example/d?e=http%3A%2F%2Fother.example": "acting.embedded-url",
}
# URLs of the page's host, one after the other, and whether each must be new.
MET = {
    "a?b=1&c=2": True,
    "a?c=2&b=1": False,
    "a?b=1&c=3": True,
    "a": True,
    "a;jsessionid=0123456789ABCDEF": False,
    "b": True,
}
ROBOTS = b"User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private/\nAllow: /private/open\n"
