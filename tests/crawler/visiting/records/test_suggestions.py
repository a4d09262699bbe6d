"""Hosts outside the scope are counted in bounded memory, and the most frequent one is never lost."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.visiting.records.suggestions import ScopeSuggestions


def test_hosts_are_suggested_by_their_number_of_files() -> None:
    hosts = ScopeSuggestions()
    for host in ("b.example", "a.example", "c.example", "c.example"):
        hosts.note(host)
    assert hosts.top() == [("c.example", 2), ("a.example", 1), ("b.example", 1)]
    assert hosts.top(1) == [("c.example", 2)]
    assert ScopeSuggestions().top() == []


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_a_host_with_a_large_share_is_never_lost(seen: list[str]) -> None:
    hosts = ScopeSuggestions(most=3)
    for host in seen:
        hosts.note(host)
    counted = dict(hosts.top())
    assert len(counted) <= 3
    for host, count in Counter(seen).items():
        assert counted.get(host, 0) <= count
        assert host in counted or count <= len(seen) / 4
