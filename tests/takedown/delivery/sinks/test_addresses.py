"""An address names one sink in one way, and has nothing in it that must not be shown."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.opening import names_of
from orbweaver.takedown.errors import SinkRefused

SECRET = "very-secret"
WRITTEN = [
    ("webhook+https://Engine.Example/Hook", "webhook+https://engine.example/Hook"),
    ("webhook+https://engine.example:8443", "webhook+https://engine.example:8443"),
    ("webhook+http://127.0.0.1:8080/a/b", "webhook+http://127.0.0.1:8080/a/b"),
    ("webhook+http://[::1]:8080/", "webhook+http://[::1]:8080/"),
    ("webhook+http://localhost/", "webhook+http://localhost/"),
    ("stream+redis://r.example/2?stream=cases", "stream+redis://r.example/2?stream=cases"),
    ("stream+rediss://r.example:1?stream=a:b&user=u", "stream+rediss://r.example:1?stream=a:b&user=u"),
    ("stream+unix:///run/r.sock?stream=a&db=3", "stream+unix:///run/r.sock?db=3&stream=a"),
    ("rq+redis://r/0?queue=q&function=e.jobs.take", "rq+redis://r/0?function=e.jobs.take&queue=q"),
]


@pytest.mark.parametrize(("written", "name"), WRITTEN)
def test_a_name_is_an_address_of_the_same_sink(written: str, name: str) -> None:
    assert names_of([written, name]) == (name, name)


REFUSED = [
    ("webhook+ftp://engine.example/", "begins with none of"),
    ("webhook+http://engine.example/", "this machine alone"),
    ("webhook+http://10.0.0.1/", "this machine alone"),
    ("webhook+http://localhost.example/", "this machine alone"),
    (f"webhook+https://user:{SECRET}@engine.example/", "user name or a password"),
    (f"webhook+https://{SECRET}@engine.example/", "user name or a password"),
    (f"webhook+https://engine.example/?key={SECRET}", "would be shown and stored"),
    (f"webhook+https://engine.example/?{SECRET}", "not a URL"),
    (f"webhook+https://engine.example/#{SECRET}", "behind #"),
    (f"webhook+https://engine.example:{SECRET}/", "not a URL"),
    ("webhook+https:///path", "names no host"),
    ("webhook+https://exa%6dple/", "names no host"),
    ("webhook+https://é.example/", "not ASCII"),
    ("webhook+https://a.example/\n", "blanks"),
    ("webhook+https://a.example/a,b:c", "commas"),
    (f"webhook+https://a.example/{'a' * 2_000}", "too long"),
    (f"stream+redis://:{SECRET}@r.example/0?stream=s", "user name or a password"),
    (f"stream+redis://r.example/0?stream=s&password={SECRET}", "others than it can have"),
    ("stream+redis://r.example/0?stream=s&stream=t", "twice"),
    ("stream+redis://r.example/0", "names no stream"),
    ("stream+redis://r.example/0?stream=orbweaver:due", "names no stream"),
    ("stream+redis://r.example/0?stream=rq:queue:match", "names no stream"),
    ("stream+redis://r.example/cases?stream=s", "no number of a database"),
    ("stream+redis://r.example/0?stream=s&db=1", "no number of a database"),
    ("stream+unix:///run/r.sock?stream=s&db=x", "no number of a database"),
    ("stream+unix://host/run/r.sock?stream=s", "names no host, or no socket"),
    ("stream+redis://r.example/0?stream=s&user=a%20b", "no name"),
    ("rq+redis://r.example/0?function=a.b", "names no queue"),
    ("rq+redis://r.example/0?queue=takedown&function=a.b", "names no queue"),
    ("rq+redis://r.example/0?queue=q", "names no function"),
    ("rq+redis://r.example/0?queue=q&function=take", "names no function"),
    ("rq+redis://r.example/0?queue=q&function=os.system%28%29", "names no function"),
]


@pytest.mark.parametrize(("written", "said"), REFUSED)
def test_what_is_no_address_is_refused_and_not_quoted(written: str, said: str) -> None:
    with pytest.raises(SinkRefused, match=said) as caught:
        read_address(written)
    assert SECRET not in str(caught.value)


# Text that comes near an address, piece by piece.
PIECES = st.sampled_from(
    [
        "webhook+https://",
        "stream+redis://",
        "rq+unix://",
        "host",
        ":",
        "0",
        "@",
        "/",
        "?",
        "stream=",
        "&",
        "#",
        "[",
        "é",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join))
@example("webhook+https://[")
@example("stream+redis://[::1]/0?stream=a")
def test_any_text_is_an_address_with_a_name_of_its_own_or_refused(written: str) -> None:
    with contextlib.suppress(SinkRefused):
        names = names_of([written])
        assert names_of(names) == names
