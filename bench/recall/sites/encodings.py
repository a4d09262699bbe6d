"""srcset, base, character encodings and broken markup, as the HTML standard says."""

from __future__ import annotations

from functools import partial

from bench.recall.site import Answer, site

one = partial(site, "srcset, base, encodings")


def encoded(text: str, encoding: str, content_type: str = "text/html", mark: bytes = b"") -> Answer:
    return Answer(mark + text.encode(encoding), content_type=content_type)


SITES = (
    one("srcset by width", "<img srcset='/a.jpg 480w, /b.jpg 9600w' sizes=480px src=/c.jpg>", shown="/a.jpg",
        more="/b.jpg /c.jpg"),
    one("srcset with commas in the address", "<img srcset='/w_1,h_2/a.jpg 1x, /w_2,h_4/b.jpg 2x'>",
        shown="/w_1,h_2/a.jpg", more="/w_2,h_4/b.jpg"),
    one("srcset without blanks", "<img srcset='/a.jpg 1x,/b.jpg 2x'>", shown="/a.jpg", more="/b.jpg"),
    one("srcset with a comma at the end", "<img srcset='/a.jpg, /b.jpg 2x'>", shown="/a.jpg", more="/b.jpg"),
    one("srcset with line ends and tabs", "<img srcset='\n\t/a.jpg 1x,\n\t/b.jpg 2x\n'>", shown="/a.jpg", more="/b.jpg"),
    one("srcset without a descriptor", "<img srcset=/a.jpg>", shown="/a.jpg"),
    one("srcset with brackets", "<img srcset='/a.jpg (x, y) 1x, /b.jpg 1x'>", shown="/b.jpg", more="/a.jpg"),
    one("srcset with a data uri", "<img srcset='{data:p.png} 1x, /b.jpg 2x'>", more="data:p.png /b.jpg"),
    one("srcset with an empty part", "<img srcset=', ,/a.jpg 1x,,/b.jpg 2x'>", shown="/a.jpg", more="/b.jpg"),
    one("base", "<html><head><base href=/deep/></head><body><img src=a.jpg></body></html>", shown="/deep/a.jpg"),
    one("base after the link", "<img src=a.jpg><base href=/deep/><img src=b.jpg>", shown="/a.jpg /deep/b.jpg"),
    one("two bases", "<html><head><base target=x><base href=/one/><base href=/two/></head><body><img src=a.jpg></body></html>",
        shown="/one/a.jpg"),
    one("relative base", "<html><head><base href=../up/></head><body><img src=a.jpg></body></html>", start="/x/y/",
        shown="/x/up/a.jpg"),
    one("base of data:", "<html><head><base href=data:x></head><body><img src=/a.jpg></body></html>", shown="/a.jpg"),
    one("base in svg", "<svg><base href=/no/></base></svg><img src=a.jpg>", shown="/a.jpg"),
    one("base in a string of a script", "<script>var t = \"<base href='/no/'>\";</script><img src=a.jpg>", shown="/a.jpg"),
    one("base in a comment", "<!-- <base href=/no/> --><img src=a.jpg>", shown="/a.jpg"),
    one("UTF-8", "<img src=/\u00e9.jpg>", shown="/%C3%A9.jpg"),
    one("windows-1252 declared", encoded("<!doctype html><meta charset=windows-1252><img src=/\u00e9.jpg>", "cp1252"),
        shown="/%C3%A9.jpg"),
    one("query in windows-1252", encoded("<!doctype html><meta charset=windows-1252><img src='/i?n=\u00e9.jpg'>", "cp1252"),
        shown="/i?n=%E9.jpg"),
    one("query in Shift_JIS", encoded("<!doctype html><meta charset=shift_jis><img src='/i?n=\u6f22.jpg'>", "cp932"),
        shown="/i?n=%8A%BF.jpg"),
    one("query in windows-1251", encoded("<!doctype html><meta charset=windows-1251><a href='/i?n=\u0444.jpg'>x</a>",
        "cp1251"), shown="/i?n=%F4.jpg"),
    one("query character that the encoding lacks", encoded("<!doctype html><meta charset=windows-1252>"
        "<img src='/i?n=&#1092;.jpg'>", "cp1252"), shown="/i?n=%26%231092%3B.jpg"),
    one("UTF-16 with a mark", encoded("<!doctype html><img src=/a.jpg>", "utf-16-le", mark=b"\xff\xfe"), shown="/a.jpg"),
    one("UTF-16 in the header", encoded("<!doctype html><img src=/a.jpg>", "utf-16-le", "text/html; charset=utf-16le"),
        shown="/a.jpg"),
    one("UTF-16 in meta is UTF-8", encoded("<!doctype html><meta charset=utf-16><img src=/\u00e9.jpg>", "utf-8"),
        shown="/%C3%A9.jpg"),
    one("header before meta", encoded("<!doctype html><meta charset=koi8-r><img src=/\u00e9.jpg>", "utf-8",
        "text/html; charset=utf-8"), shown="/%C3%A9.jpg"),
    one("mark before header", encoded("<!doctype html><img src=/\u00e9.jpg>", "utf-8", "text/html; charset=koi8-r",
        b"\xef\xbb\xbf"), shown="/%C3%A9.jpg"),
    one("meta http-equiv", encoded("<!doctype html><meta http-equiv=content-type content='text/html; charset=gbk'>"
        "<img src='/i?n=\u4e2d.jpg'>", "gbk"), shown="/i?n=%D6%D0.jpg"),
    one("EUC-JP", encoded("<!doctype html><meta charset=euc-jp><img src='/i?n=\u6f22.jpg'>", "euc_jp"),
        shown="/i?n=%B4%C1.jpg"),
    one("x-user-defined and labels", encoded("<!doctype html><meta charset=latin1><img src='/i?n=\u201a.jpg'>", "cp1252"),
        shown="/i?n=%82.jpg"),
    one("entities in an address", "<img src='/a&#46;jpg'><img src='/i?a=1&amp;b=2'><img src='/i?a=1&copy=2'>",
        shown="/a.jpg /i?a=1&b=2 /i?a=1&copy=2"),
    one("entity without its semicolon", "<img src='/i?x=1&ampy=2'><a href='/j?x&lt=1'>j</a>",
        shown="/i?x=1&ampy=2 /j?x&lt=1"),
    one("blanks around an address", "<img src=' \n/a.jpg\t'>", shown="/a.jpg"),
    one("line end inside an address", "<img src='/lo\nng/a.jpg'>", shown="/long/a.jpg"),
    one("blank inside an address", "<img src='/my photo.jpg'>", shown="/my%20photo.jpg"),
    one("backslashes", "<img src='\\f\\a.jpg'>", shown="/f/a.jpg"),
    one("no quotes", "<img src=/a.jpg/><img alt=x src=/b.jpg>", shown="/b.jpg /a.jpg/"),
    one("attribute twice", "<img src=/a.jpg src=/b.jpg>", shown="/a.jpg"),
    one("quote in an unquoted value", "<a href=/x'y.jpg>x</a>", shown="/x'y.jpg"),
    one("unclosed tag at the end", "<img src=/a.jpg><img src='/b.jpg'", shown="/a.jpg"),
    one("unclosed comment", "<img src=/a.jpg><!-- <img src=/b.jpg>", shown="/a.jpg", more="/b.jpg"),
    one("comment that ends at once", "<!--><img src=/a.jpg>-->", shown="/a.jpg"),
    one("title that is not closed", "<html><head><title>x</head><body></title><img src=/a.jpg></body></html>", shown="/a.jpg"),
    one("script with a tag in a string", "<script>var a = '<!--<script>';</script><img src=/a.jpg>//--></script><img src=/b.jpg>",
        shown="/b.jpg", more="/a.jpg"),
    one("upper case", "<IMG SRC=/A.JPG><A HREF=/B.JPG>b</A>", shown="/A.JPG /B.JPG"),
    one("zero byte", Answer(b"<!doctype html><im\0g src=/no.jpg><img src=/a.jpg>"), shown="/a.jpg"),
    one("slash after the name", "<img/src=/a.jpg><img/ src='/b.jpg'/>", shown="/a.jpg /b.jpg"),
    one("page behind a megabyte", "<p>" + "x" * 1_000_000 + "<img src=/a.jpg>", shown="/a.jpg"),
    one("doctype late", Answer("  \r\n\r\n<p>words</p><img src=/a.jpg>"), shown="/a.jpg"),
)  # fmt: skip
