"""A recrawl hands on little, and it is believed within bounds; a file with a case is fetched all the same."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta

import pytest
from builders import NOON, STAMP, a_match, a_sighting, digests_of, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.crawler.asked_as import Destination, ReferrerPolicy
from orbweaver.crawler.revisiting.known_responses import KnownFile, KnownMember, KnownPage, KnownResponses
from orbweaver.model import AccessProfile, Scope, ScopeKind, now
from orbweaver.queue.errors import Unreadable
from orbweaver.queue.records import batches, known_responses
from orbweaver.queue.records.known_responses import HandedOn, HostMemory
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match

SCOPE = Scope(kind=ScopeKind.HOST, name="h.test")
KEY = keys.known_responses("host", "h.test")
SETTINGS = Settings(full_visit_every=3)
PAGE = KnownPage(digest="0" * 32, references="{}")

texts = st.text(max_size=30)
hexes = {size: st.binary(min_size=size, max_size=size).map(bytes.hex) for size in (8, 16, 20, 32)}
digests = st.builds(
    dict, md5=hexes[16], sha1=hexes[20], sha256=hexes[32], size=st.integers(min_value=0, max_value=2**63)
)
etags = st.text(st.characters(min_codepoint=0x23, max_codepoint=0x7E), min_size=1, max_size=9).map('"{}"'.format)
moments = st.integers(0, 2**36).map(lambda ms: NOON.replace(year=1970) + timedelta(milliseconds=ms))
files = st.builds(
    KnownFile,
    url=texts,
    asked_url=st.none() | texts,
    spelling=st.none() | texts,
    referrer=st.none() | texts,
    root=st.none() | texts,
    depth=st.integers(0, 9),
    is_embed=st.booleans(),
    destination=st.none() | st.sampled_from(Destination),
    policy=st.none() | st.sampled_from(ReferrerPolicy),
    manner=hexes[8],
    has_referrer=st.booleans(),
    has_cookies=st.booleans(),
    etag=st.none() | etags,
    last_modified=st.none() | st.just("Sun, 01 Nov 2020 10:00:00 GMT"),
    digests=digests,
    content_type=st.none() | st.just("image/png"),
    sniffed_type=st.none() | st.just("image/png"),
    framing=st.sampled_from(["length", "chunked"]),
    bytes_received=st.none() | st.integers(min_value=0),
    is_negotiated=st.booleans(),
    members=st.lists(st.builds(KnownMember, path=texts, digests=digests, sniffed_type=st.none()), max_size=2).map(
        tuple
    ),
    notes=st.dictionaries(st.sampled_from(["archive.pdf", "archive.cut"]), st.integers(1, 9)),
    hashed_at=moments,
)
pages = st.builds(KnownPage, digest=hexes[16], references=texts)
values = st.builds(
    HandedOn,
    read_as=texts,
    visits=st.integers(0, 9),
    untrue_at=st.none() | moments,
    files=st.lists(files, max_size=3).map(tuple),
    pages=st.lists(pages, max_size=3).map(tuple),
)


@given(values)
@settings(max_examples=50)
def test_what_is_handed_on_comes_back_as_it_was(value: HandedOn) -> None:
    assert known_responses.unpack(known_responses.pack(value)) == value


@given(st.binary(max_size=60) | st.binary(max_size=60).map(zlib.compress))
@settings(max_examples=50)
def test_what_cannot_be_read_is_refused(packed: bytes) -> None:
    with pytest.raises(Unreadable):
        known_responses.unpack(packed)


def test_a_value_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_responses, "MOST_JSON_BYTES", 1_000)
    with pytest.raises(Unreadable):
        known_responses.unpack(zlib.compress(b" " * 2_000))


def file(path: str = "a.bin", body: bytes = b"known", **fields: object) -> KnownFile:
    given_fields: dict[str, object] = {
        "url": f"http://h.test/{path}",
        "manner": "0" * 16,
        "etag": '"1"',
        "digests": digests_of(body),
        "hashed_at": now(),
        **fields,
    }
    return KnownFile.model_validate(given_fields)


def keep(store: Store, begun: Begun, *found: KnownFile, is_untrue: bool = False, is_whole: bool = True) -> None:
    with transaction(store) as pipe:
        begun.memory.kept(found, [PAGE], is_untrue=is_untrue, is_whole=is_whole)(pipe)


@dataclass(frozen=True)
class Begun:
    known: KnownResponses
    memory: HostMemory


def begin(store: Store, scope: Scope = SCOPE, given_settings: Settings = SETTINGS) -> Begun:
    return Begun(*known_responses.begin(store, scope, given_settings))


def test_every_nth_visit_is_in_full_and_one_that_was_not_whole_does_not_count(store: Store) -> None:
    fulls = []
    for number in range(8):
        begun = begin(store)
        fulls.append(begun.known.is_full)
        assert begun.known.pages == ({} if begun.known.is_full else {PAGE.digest: PAGE.references})
        # The fifth one is stopped, and done again.
        keep(store, begun, file(), is_whole=number != 4)
    assert fulls == [True, False, False, True, False, False, False, True]
    assert 0 < store.ttl(KEY) <= known_responses.KEPT.total_seconds()
    assert begin(store, given_settings=Settings(full_visit_every=1)).known.is_full


def test_a_file_that_has_a_case_or_waits_for_its_verdict_is_fetched_in_full_and_first(store: Store) -> None:
    found = [file(f"{name}.bin", name.encode()) for name in ("other", "open", "held", "unanswered")]
    keep(store, begin(store), *found)
    with transaction(store) as pipe:
        for name, algorithm in (("open", "sha256"), ("held", "md5")):
            body = name.encode()
            sighting = a_sighting(body, url=f"http://h.test/{name}.bin")
            case_store.write(pipe, change_by_match(sighting, a_match(algorithm, body=body), None, STAMP))
        batches.keep_unanswered(pipe, [a_sighting(b"unanswered", url="http://h.test/unanswered.bin")])
    known = begin(store).known
    assert not known.is_full
    assert known.in_full == {one.key for one in found[1:]}
    assert [one.url for one in known.files] == [one.url for one in [*found[1:], found[0]]]


def test_an_archive_one_of_whose_members_has_a_case_is_fetched_in_full(store: Store) -> None:
    member = KnownMember(path="a.png", digests=digests_of(b"open"))
    found = [file("a.zip", b"a", members=(member,)), file("b.zip", b"b")]
    keep(store, begin(store), *found)
    with transaction(store) as pipe:
        sighting = a_sighting(b"open", url="http://h.test/a.zip")
        case_store.write(pipe, change_by_match(sighting, a_match(body=b"open"), None, STAMP))
    assert begin(store).known.in_full == {found[0].key}


def test_who_asks_or_reads_otherwise_begins_anew_and_still_knows_which_files_there_were(store: Store) -> None:
    keep(store, begin(store), file())
    other_access = SCOPE.model_copy(update={"access": AccessProfile(user_agent="another")})
    for begun in (begin(store, other_access), begin(store, given_settings=Settings(html_bytes=1_000))):
        assert begun.known.is_full
        (known,) = begun.known.files
        assert (known.url, known.etag) == ("http://h.test/a.bin", None)
    assert begin(store, SCOPE.model_copy(update={"name": "o.test"})).known.files == ()


def test_a_host_that_was_untrue_is_not_believed_for_a_month(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store, begin(store), file())
    keep(store, begin(store), file(), is_untrue=True)
    for _ in range(3):
        begun = begin(store)
        assert begun.known.is_full
        assert begun.known.files[0].etag is None
        keep(store, begun, file())
    monkeypatch.setattr(known_responses, "DISTRUSTED_FOR", timedelta(0))
    keep(store, begin(store), file())
    assert not begin(store).known.is_full


def test_what_a_scope_no_longer_allows_is_not_handed_to_its_recrawl(store: Store) -> None:
    keep(store, begin(store), file("a/b"), file("c"), file("x", url="http://o.test/x"), file(referrer="\r\n"))
    path = Scope(kind=ScopeKind.HOST, name="h.test", prefixes=("http://h.test/a/",))
    assert [one.url for one in begin(store, path).known.files] == ["http://h.test/a/b", "http://h.test/c"]


def test_a_value_that_cannot_be_read_counts_as_none(store: Store) -> None:
    store.set(KEY, b"of another release")
    assert begin(store).known == KnownResponses()


def test_what_does_not_fit_is_left_out_pages_before_files(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tuple(file(f"{number}.bin", str(number).encode()) for number in range(64))
    value = HandedOn(read_as="", files=found, pages=(PAGE,))
    size = len(known_responses.pack(value))
    monkeypatch.setattr(known_responses, "MOST_BYTES", size - 1)
    assert known_responses.unpack(known_responses.pack(value)) == value.model_copy(update={"pages": ()})
    monkeypatch.setattr(known_responses, "MOST_BYTES", size // 3)
    packed = known_responses.pack(value)
    assert len(packed) <= size // 3
    assert known_responses.unpack(packed).files == found[:16]


def test_nothing_is_kept_of_a_host_that_gave_nothing(store: Store) -> None:
    keep(store, begin(store), file())
    with transaction(store) as pipe:
        begin(store).memory.kept([], [], is_untrue=False, is_whole=True)(pipe)
    assert not store.exists(KEY)
