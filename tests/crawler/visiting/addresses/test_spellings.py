"""The first spelling of a URL counts, a redirect's replaces it, and all of them together are bounded."""

from __future__ import annotations

import pytest
from orbweaver.crawler.rules.spelt_urls import SpeltUrl
from orbweaver.crawler.visiting.addresses import spellings
from orbweaver.crawler.visiting.addresses.spellings import Spellings

URL = "http://a.example/~"


def test_the_first_spelling_counts_until_a_redirect_has_another() -> None:
    known = Spellings()
    known.add(URL, None)
    known.add(URL, "/%7E")
    known.add(URL, "/%7e")
    assert known.of(URL) == "/%7E"
    known.replace(SpeltUrl(URL, "/%7e"))
    assert known.of(URL) == "/%7e"
    known.replace(SpeltUrl(URL))
    assert known.of(URL) is None


def test_spellings_are_bounded_in_bytes_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    room = len(URL) + len("/%7E") + spellings.ENTRY_BYTES
    monkeypatch.setattr(spellings, "MOST_BYTES", 2 * room)
    known = Spellings()
    for host in "abcd":
        known.add(f"http://{host}.example/~", "/%7E")
    assert [known.of(f"http://{host}.example/~") for host in "abcd"] == ["/%7E", "/%7E", None, None]
    assert (known.left_out, known.example) == (2, "http://c.example/~")
    known.replace(SpeltUrl("http://a.example/~"))  # there is room again
    known.add("http://d.example/~", "/%7E")
    assert known.of("http://d.example/~") == "/%7E"
