"""Gates and forms in pages. Input: one byte for how often the rest is repeated, the text of a page."""

from __future__ import annotations

from orbweaver.crawler.visiting.forms import forms_of
from orbweaver.crawler.visiting.gates.gate_pages import GateKind, gate_of, said

from fuzz.promises import in_time_for, stretched

TOKENS = (
    *(b"<a href=/in>", b"</a>", b"<form>", b"<form method=post>", b"</form>", b"<button>", b"</button>", b"<script>"),
    *(b"<input type=hidden name=a>", b"<input type=password>", b"<select>", b"<img alt='", b"<base href=", b"<!--"),
    *(b"-->", b"'", b'"', b">", b"I am over 18", b"Enter", b"Exit", b"You must be over 18", b"18+", b"/age/confirm"),
    *(b"<select name=p>", b"<option value=/2>", b"download", b"formaction=/a", b"name=a", b"value=b"),
    *(b"Checking your browser", b"Hotlinking is not allowed", b"You must be logged in", b"&amp;", b"&#1;"),
)


def check(data: bytes) -> None:
    text = stretched(data).decode("utf-8", "replace")
    with in_time_for(text):
        found = gate_of(text, is_refused=False)
        forms_of(text.encode(), "text/html; charset=utf-8")
    if found is not None:
        assert found.words == said(found.words), "more than the words of a button"
        assert (found.reference is not None) == (found.kind is GateKind.CLICK)
