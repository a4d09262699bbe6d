"""Sameness: tables of what counts and what does not, then what must hold for every URL."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules.urls import canonicalise
from orbweaver.crawler.visiting.addresses.dedup_key import key

PAGE = "http://files.example/a/page"
MD5 = "0123456789abcdef0123456789abcdef"
JAVA = "0A1B2C3D4E5F60718293A4B5C6D7E8F9.node1"


@pytest.mark.parametrize(
    ("url", "same"),
    [
        # the order of named parameters
        (f"{PAGE}?b=2&a=1", f"{PAGE}?a=1&b=2"),
        (f"{PAGE}?b=2&a=1&b=1", f"{PAGE}?a=1&b=2&b=1"),
        # session ids in the query
        (f"{PAGE}?PHPSESSID={MD5}&id=1", f"{PAGE}?id=1"),
        (f"{PAGE}?id=1&sid={MD5}", f"{PAGE}?id=1"),
        (f"{PAGE}?jsessionid={JAVA}", PAGE),
        (f"{PAGE}?ASPSESSIONIDAABBCCDD=ABCDEFGHIJKLMNOPQRSTUVWX", PAGE),
        (f"{PAGE}?CFID=1234&CFTOKEN=98765432&id=1", f"{PAGE}?id=1"),
        (f"{PAGE}?session_id={MD5}", PAGE),
        # session ids in the path
        (f"{PAGE};jsessionid={JAVA}", PAGE),
        (f"{PAGE};JSESSIONID={JAVA}?id=1", f"{PAGE}?id=1"),
        (f"{PAGE};v=1;jsessionid={JAVA}/b", f"{PAGE};v=1/b"),
        ("http://files.example/(S(0abc1def2ghi3jkl4mno5pqr))/a.aspx", "http://files.example/a.aspx"),
        (
            "http://files.example/(A(0abc1def2ghi3jkl4mno5pqr)F(0abc1def2ghi3jkl4mno5pqr))/a.aspx",
            "http://files.example/a.aspx",
        ),
        # click counters
        (f"{PAGE}?utm_source=x&utm_medium=y&id=1", f"{PAGE}?id=1"),
        (f"{PAGE}?fbclid=abc&GCLID=def&msclkid", PAGE),
    ],
)
def test_what_does_not_count_is_left_out_of_the_key(url: str, same: str) -> None:
    assert canonicalise(url) == url
    assert key(url) == key(same) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # values of parameters, their names' case, and how often they come
        (f"{PAGE}?a=1&b=2", f"{PAGE}?a=2&b=1"),
        (f"{PAGE}?a=1", f"{PAGE}?A=1"),
        (f"{PAGE}?a=1", f"{PAGE}?a=1&a=1"),
        (f"{PAGE}?a=1", f"{PAGE}?a=1&"),
        (f"{PAGE}?a", f"{PAGE}?a="),
        # several values of one name: the last one wins in PHP, the first in others
        (f"{PAGE}?a=1&a=2", f"{PAGE}?a=2&a=1"),
        # parts without a name are told apart by their place
        (f"{PAGE}?2020&01", f"{PAGE}?01&2020"),
        (f"{PAGE}?/forum/1&page=2", f"{PAGE}?page=2&/forum/1"),
        # names that are a session's, values that are not
        (f"{PAGE}?sid=12", f"{PAGE}?sid=13"),
        (f"{PAGE}?sid=5f3a5f3a5f3a5f3a5f3a5f3a", f"{PAGE}?sid=5f3a5f3a5f3a5f3a5f3a5f3b"),
        (f"{PAGE}?session_id=12", f"{PAGE}?session_id=13"),
        (f"{PAGE}?sessionid=the-opening-of-the-day", f"{PAGE}?sessionid=the-closing-of-the-day"),
        (f"{PAGE};sid=12", f"{PAGE};sid=13"),
        (f"{PAGE};v=1", f"{PAGE};v=2"),
        # names that only begin like a counter's
        (f"{PAGE}?utm=1", f"{PAGE}?utm=2"),
        (f"{PAGE}?ref=1", f"{PAGE}?ref=2"),
        (f"{PAGE}?gclid2=1", f"{PAGE}?gclid2=2"),
        # parentheses in names of files
        ("http://files.example/(1)/a", "http://files.example/(2)/a"),
        ("http://files.example/a(S(0abc1def2ghi3jkl4mno5pqr))/a", "http://files.example/a/a"),
        # everything before the query
        ("http://files.example/a?b=1", "https://files.example/a?b=1"),
        ("http://files.example/a?b=1", "http://files.example/a/?b=1"),
        ("http://files.example/a?b=1", "http://files.example:81/a?b=1"),
    ],
)
def test_everything_else_counts(one: str, other: str) -> None:
    assert key(one) != key(other)


names = st.sampled_from(["a", "b", "c", "A", "id", "sid", "page", "ref", "utm"])
values = st.text("ab12=/?:;()", max_size=4)
parameters = st.lists(st.tuples(names, values), max_size=5, unique_by=lambda one: one[0])
paths = st.text("ab/;()=1", max_size=8).map(lambda text: "/" + text)
ignored = st.sampled_from([f"sid={MD5}", f"PHPSESSID={MD5}", "utm_source=a", "fbclid=1", "CFID=1"])


def written(path: str, found: list[tuple[str, str]], extra: list[str] = []) -> str:  # noqa: B006
    query = "&".join([*(f"{name}={value}" for name, value in found), *extra])
    return f"http://files.example{path}" + (f"?{query}" if query else "")


@given(paths, parameters, st.lists(ignored, max_size=2), st.randoms(use_true_random=False))
def test_order_and_what_does_not_count_never_change_the_key(
    path: str, found: list[tuple[str, str]], extra: list[str], random: object
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert key(written(path, shuffled, extra)) == key(written(path, found))
    assert key(key(written(path, shuffled, extra))) == key(written(path, found))


@given(paths, parameters, paths, parameters)
def test_urls_that_differ_in_anything_else_are_never_merged(
    path: str, found: list[tuple[str, str]], other_path: str, other_found: list[tuple[str, str]]
) -> None:
    one, other = written(path, found), written(other_path, other_found)
    are_same = path == other_path and sorted(found) == sorted(other_found)
    assert (key(one) == key(other)) == are_same


@given(st.text("ab1=&?;/()", max_size=30))
def test_a_query_is_kept_to_the_letter_but_for_its_order(query: str) -> None:
    url = f"{PAGE}?{query}"
    path, _, kept = key(url).partition("?")
    assert path == PAGE
    assert sorted(kept.split("&")) == sorted(query.split("&"))


@pytest.mark.parametrize(
    "url",
    [
        f"{PAGE}?" + "&".join(f"p{number}={number}" for number in range(600)),
        PAGE + ";sid=" + "a" * 4_000,
        PAGE + ";jsessionid=aaaaaaaaaaaaaaaaaaaa" * 190,
        "http://files.example" + "/(S(aaaaaaaaaaaaaaaaaaaaaaaa)" * 140,
        f"{PAGE}?" + "utm_" * 1_000,
    ],
)
def test_a_long_url_takes_no_long_time(url: str) -> None:
    # 20 us for the slowest of them; a quadratic reading of 4,000 characters takes more than this.
    assert timeit.timeit(lambda: key(url), number=10) < 1
