"""What a reported page shows, where it sends on, and what it says. Input: as for gates."""

from __future__ import annotations

from orbweaver.crawler.links.pages.candidates import script_moves
from orbweaver.crawler.links.pages.shown import MOST_CODE_CHARACTERS, MOST_LINKS, shown_of
from orbweaver.crawler.visiting.gone_pages import gone_of, gone_of_text
from orbweaver.crawler.visiting.page_signs import page_print

from fuzz.promises import in_time_for, stretched

TOKENS = (
    *(b"<a href=/in>", b"</a>", b"<iframe src=a>", b"<frame src=b>", b"<script>", b"</script>", b"<title>", b"<h1>"),
    *(b"<meta http-equiv=refresh content='0;url=a'>", b"<base href=", b"<!--", b"-->", b"'", b'"', b">", b"&amp;"),
    *(b"location", b"location.href='a'", b"location.replace(", b"['href']=", b"navigate('", b"file", b"not found"),
    *(b"404", b"was deleted", b"Index of /", b"domain is for sale", b"account suspended", b"\xe5\xb7\xb2"),
)


def check(data: bytes) -> None:
    text = stretched(data).decode("utf-8", "replace")
    with in_time_for(text):
        shown = shown_of(text)
        found = gone_of(shown, "http://example.com/a/")
        gone_of_text(text[:2_000])
        references = list(script_moves(text))
        page_print(text, "http://example.com/a/")
    assert len(shown.links) <= MOST_LINKS + 1, "more links than the limit"
    assert len(shown.code) <= 2 * MOST_CODE_CHARACTERS + 2, "more code than the limit"
    assert found is None or len(found.words) <= 80, "more than a few words"
    assert len(references) <= len(text)
