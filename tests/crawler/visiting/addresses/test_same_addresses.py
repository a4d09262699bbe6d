"""URLs that share a dedup key: none that answers something else is lost, and one that answers the same ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.visiting.addresses import same_addresses
from orbweaver.crawler.visiting.addresses.same_addresses import LeftOutUrls, Met, SameAddresses, page_answer
from orbweaver.crawler.visiting.frontier import PlannedRequest
from orbweaver.crawler.visiting.visit import Visit

HOST = "http://files.example"


def sid(number: int) -> str:
    return f"sid={number:032x}"


def planned(url: str) -> PlannedRequest:
    return PlannedRequest(Visit(url, LinkKind.PAGE, is_variant=True), url)


def believing(place: str = f"{HOST}/a") -> SameAddresses:
    """Whose place has answered the same under three session ids."""
    addresses = SameAddresses()
    for number in range(3):
        url = f"{place}{'' if '?' in place else '?'}{sid(number)}"
        addresses.meet(url)
        addresses.answered(url, 1)
    return addresses


@pytest.mark.parametrize(
    ("urls", "met"),
    [
        (["/a", "/a"], [Met.NEW, Met.SEEN]),
        (["/a?id=1", "/a?id=2", "/a?id=1"], [Met.NEW, Met.NEW, Met.SEEN]),
        ([f"/a?{sid(1)}", f"/a?{sid(2)}", f"/a?{sid(1)}"], [Met.NEW, Met.VARIANT, Met.SEEN]),
        (["/a", f"/a?{sid(1)}"], [Met.NEW, Met.VARIANT]),
        ([f"/a?{sid(1)}", "/a", "/a"], [Met.NEW, Met.NEW, Met.SEEN]),
        (["/a?b=1&c=2", "/a?c=2&b=1"], [Met.NEW, Met.VARIANT]),
        (["/a?c=2&b=1", "/a?b=1&c=2"], [Met.NEW, Met.VARIANT]),
        (["/a?id=1&utm_source=x", "/a?utm_medium=y&id=1"], [Met.NEW, Met.VARIANT]),
        (["/a?b=1&b=2", "/a?b=2&b=1"], [Met.NEW, Met.NEW]),
    ],
)
def test_a_url_is_new_seen_or_a_variant_of_one_that_was_met(urls: list[str], met: list[Met]) -> None:
    addresses = SameAddresses()
    assert [addresses.meet(HOST + url) for url in urls] == met


def test_a_place_is_believed_after_two_comparisons_and_never_after_a_difference() -> None:
    addresses = SameAddresses()
    for number, answer in enumerate([1, 1, 1, 2]):
        one = planned(f"{HOST}/a?{sid(number)}")
        assert addresses.leaves_out(one) is (number == 3)
        addresses.answered(one.url, answer)
    assert not addresses.leaves_out(planned(f"{HOST}/a?{sid(4)}"))


@pytest.mark.parametrize(
    ("url", "is_left_out"),
    [
        (f"{HOST}/a?{sid(9)}", True),
        (f"{HOST}/a?{sid(9)}&utm_source=x", False),  # another part
        (f"{HOST}/a?id=7&{sid(9)}", False),
        (f"{HOST}/a;jsessionid=0123456789ABCDEF?{sid(9)}", False),
        (f"{HOST}/b?{sid(9)}", False),
        (f"http://other.example/a?{sid(9)}", False),
        (f"{HOST}/a", False),
    ],
)
def test_what_is_learnt_holds_for_one_place_and_one_part(url: str, is_left_out: bool) -> None:
    assert believing().leaves_out(planned(url)) is is_left_out


def test_what_is_learnt_of_one_value_holds_for_the_others() -> None:
    assert believing(f"{HOST}/topic?t=1&page=2&").leaves_out(planned(f"{HOST}/topic?{sid(9)}&page=7&t=8"))


def test_click_counters_are_learnt_for_a_whole_host() -> None:
    addresses = SameAddresses()
    for number in range(3):
        addresses.answered(f"{HOST}/a?utm_source={number}", 1)
    assert addresses.leaves_out(planned(f"{HOST}/b?gclid=1"))
    assert not addresses.leaves_out(planned("http://other.example/b?gclid=1"))


def test_a_difference_anywhere_brings_back_what_was_left_out_elsewhere() -> None:
    addresses = believing()
    left_out = planned(f"{HOST}/a?{sid(9)}")
    assert addresses.leaves_out(left_out)
    assert list(addresses.left_out()) == [
        LeftOutUrls(f"{HOST}/a?{sid(0)}".replace(sid(0), sid(1)), 1, "sid", is_same=True)
    ]
    addresses.answered(f"{HOST}/picture?{sid(1)}", 5)
    assert addresses.answered(f"{HOST}/picture?{sid(2)}", 6) == [left_out]
    assert not addresses.leaves_out(left_out)
    assert list(addresses.left_out()) == []
    # Pages that show the picture are no longer the same because their own parts are.
    assert addresses.identity(f"{HOST}/picture?{sid(3)}") == f"{HOST}/picture?{sid(3)}"
    assert addresses.identity(f"{HOST}/a?{sid(3)}") == f"{HOST}/a"


def test_places_what_is_kept_and_doubts_are_bounded_and_what_is_not_kept_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(same_addresses, "MOST_KEPT", 3)
    monkeypatch.setattr(same_addresses, "MOST_PLACES", 4)
    monkeypatch.setattr(same_addresses, "MOST_DOUBTS", 2)
    addresses = believing()
    assert all(addresses.leaves_out(planned(f"{HOST}/a?{sid(number)}")) for number in range(10, 20))
    brought_back = []
    for place in ("b", "c", "d", "e", "f"):
        for number in range(2):
            brought_back += addresses.answered(f"{HOST}/{place}?{sid(number)}", number)
    assert len(brought_back) == 3
    assert [(one.count, one.is_same) for one in addresses.left_out()] == [(7, False)]
    for number in range(4):
        addresses.answered(f"{HOST}/a?{sid(number)}", 1)
    assert not addresses.leaves_out(planned(f"{HOST}/a?{sid(30)}"))


# A host: what it answers for a place is the same for all session ids, or another for each.
places = st.sampled_from("abc")
urls = st.builds(lambda place, id_, number: f"{HOST}/{place}?id={id_}&{sid(number)}", places, places, st.integers(0, 9))


@given(st.lists(urls, max_size=60), st.sets(places), st.integers(0, 2**31))
def test_every_file_of_any_host_is_fetched(links: list[str], telling_apart: set[str], salt: int) -> None:
    addresses = SameAddresses()
    answers = {
        url: hash((salt, url if url[len(HOST) + 1] in telling_apart else url.partition("sid")[0])) for url in links
    }
    met = {url: addresses.meet(url) for url in dict.fromkeys(links)}
    waiting, fetched = [planned(url) for url in met], set()
    while waiting:
        one = waiting.pop(0)
        if met[one.url] is Met.NEW or not addresses.leaves_out(one):
            fetched.add(answers[one.url])
            waiting += addresses.answered(one.url, answers[one.url])
    assert fetched == set(answers.values())


PAGE = b"""<title>A</title><script>token = "q8f9"</script><p>It is 11:40, you are number 3.<a href='/b?sid=1'>b</a>
<input name=token value=q8f9><script>more()"""


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (
            PAGE.replace(b"11:40", b"9:05").replace(b"q8f9", b"zz").replace(b"sid=1", b"sid=2").replace(b"3", b"2816"),
            True,
        ),
        (PAGE.replace(b"<p>", b"<p class=x>\n\n"), True),
        (PAGE.replace(b">A<", b">B<"), False),
        (PAGE.replace(b"</a>", b"</a>more"), False),
        (b"", False),
    ],
)
def test_a_page_is_the_same_whatever_the_time_is(other: bytes, is_same: bool) -> None:
    assert (page_answer(PAGE, {"x", "y"}) == page_answer(other, ["y", "x"])) is is_same
    assert page_answer(PAGE, {"x"}) != page_answer(PAGE, {"x", "y"})


@given(st.binary(), st.lists(st.sampled_from([b"<", b">", b" ", b"a1", b"<!--", b"\xff"])))
def test_any_page_is_compared_without_failing(some: bytes, parts: list[bytes]) -> None:
    assert page_answer(some + b"".join(parts), ()) == page_answer(some + b"".join(parts), ())
