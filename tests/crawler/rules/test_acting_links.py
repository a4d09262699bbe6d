"""Acting links: every row of the pattern file against its own examples, then what files and long URLs must not do."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from orbweaver.crawler.rules.acting_links import PATTERNS, LinkPattern, PatternKind, find, read_patterns
from orbweaver.crawler.rules.urls import MAX_URL_LENGTH, canonicalise

# A quadratic reading of 4,096 characters takes seconds; ours takes below 1 ms (5 ms with a name to find).
SECONDS = 0.5


def row_of(pattern: LinkPattern) -> str:
    return f"{pattern.name} {pattern.kind} {pattern.text}"


@pytest.mark.parametrize("pattern", PATTERNS, ids=row_of)
def test_a_row_refuses_its_example_and_no_row_its_counter_example(pattern: LinkPattern) -> None:
    assert canonicalise(pattern.example) == pattern.example
    assert canonicalise(pattern.counter_example) == pattern.counter_example
    assert find(pattern.example) == pattern.name
    assert find(pattern.counter_example) is None


@pytest.mark.parametrize("pattern", [one for one in PATTERNS if one.kind is not PatternKind.EMBEDDED], ids=row_of)
def test_no_row_is_idle(pattern: LinkPattern, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the row nothing would refuse its example, so nobody can be wrong about what a row does."""
    from orbweaver.crawler.rules import acting_links

    others = [one for one in PATTERNS if one is not pattern]
    found = {
        "_SEGMENTS": acting_links._segments(others),
        "_IN_PATH": acting_links._in_path(others),
        "_PATH": f"{acting_links._segments(others)}|{acting_links._in_path(others)}",
        "_QUERY": acting_links._in_query(others),
    }
    for name, text in found.items():
        monkeypatch.setattr(acting_links, name, acting_links.re.compile(text))
    monkeypatch.setattr(acting_links, "_patterns_of_host", lambda host: hosts_of(others, host))

    assert find(pattern.example) is None


def hosts_of(patterns: list[LinkPattern], host: str) -> list[tuple[str, str]]:
    split = [(one.name, *one.text.partition("/")) for one in patterns if one.kind is PatternKind.HOST]
    return [(name, mark + path) for name, suffix, mark, path in split if f".{host}".endswith(f".{suffix}")]


@pytest.mark.parametrize("action", ["logout", "delete", "vote", "report", "unsubscribe", "edit", "reply"])
def test_an_act_is_found_in_a_path_a_script_and_a_query(action: str) -> None:
    for tail in (action, f"a/{action}/", f"a/{action}/12", f"{action}.php?id=1", f"a/{action.upper()}"):
        assert find(f"http://files.example/{tail}") is not None
    for query in (f"action={action}", f"id=1&do={action}", f"do={action}&id=1"):
        assert find(f"http://files.example/index.php?{query}") is not None


@pytest.mark.parametrize(
    "tail",
    [
        "delete.png",
        "delete/icon.png",
        "flag/de.svg",
        "vote/2020/poster.jpg",
        "report/2020.pdf",
        "logout/banner.jpg?v=2",
        "search?q=delete",
        "search?q=/cart/add/1",
        "search?q=/a/logout/b",
        "view?title=how-to-vote",
        "edited/1.jpg",
        "image.php?id=delete.jpg",
        "watch?v=1234",
        "download/12",
        "share/12",
        "new/",
        "?page=2&sort=votes",
        "forum/viewtopic.php?t=12&start=20",
        "wp-content/uploads/2020/01/http-error.png",
        "a%2Flogout",
    ],
)
def test_files_and_pages_that_only_sound_like_acts_are_followed(tail: str) -> None:
    assert find(f"http://files.example/{tail}") is None


@pytest.mark.parametrize(
    "line",
    ["name act a http://e.example/a", "name nonsense a http://e.example/ http://e.example/", "a b c d e f"],
)
def test_a_row_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_patterns(["# first", line])


pieces = st.sampled_from(
    [
        *(
            "/",
            "?",
            "&",
            "=",
            ".",
            ";",
            "-",
            "%2f",
            "%25",
            "%3a",
            "a",
            "1",
            "//",
            "http://",
            "https%3A%2F%2F",
            "aHR0cHM6Ly8",
        ),
        *(
            "logout",
            "delete",
            "action=",
            "login?",
            "next",
            "vote",
            "vote/up",
            "images/search?",
            "reverse-image-",
            "cart/",
        ),
        *("files.example", "@", ":", "adclick", "browse.php?", "translate?", "report", "_method="),
    ]
)


@given(st.lists(pieces, min_size=1, max_size=6), st.integers(min_value=1, max_value=4_000))
def test_a_long_url_takes_no_long_time(parts: list[str], times: int) -> None:
    url = ("http://files.example/" + "".join(parts) * times)[:MAX_URL_LENGTH]
    assert timeit.timeit(lambda: find(url), number=1) < SECONDS


@given(st.text("abc/?&=.-_~%", max_size=60))
@example("a?b=c&/=/a.b")
def test_a_url_without_an_act_in_it_is_followed(tail: str) -> None:
    # None of these letters makes a word of the file but the ones of "a" and "b", which are no acts. "=//a.b" is the
    # URL of another host.
    assume("=//" not in tail)
    assert find(f"http://files.example/{tail}") is None
