"""The local matching service: right answers, and no answer at all when its list is not whole."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import ALGORITHMS, Algorithm, DigestSet, Listing, Nature

RANDOM = random.Random("service")


def some_digests() -> DigestSet:
    return DigestSet(
        md5=RANDOM.randbytes(16).hex(),
        sha1=RANDOM.randbytes(20).hex(),
        sha256=RANDOM.randbytes(32).hex(),
        size=9,
    )


KNOWN, STRANGE = some_digests(), some_digests()


def build_list(path: Path, text: str) -> str:
    source = path.with_suffix(".csv")
    source.write_text(text)
    return build([source], path).list_version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build_list(tmp_path / "hotline.hashes", f"sha256\n{KNOWN.sha256}\n")
    return tmp_path / "hotline.hashes"


def results(service: HashListService, *asked: DigestSet) -> list[str]:
    return [verdict.result for verdict in service.lookup(asked)]


def close_digests(width: int) -> st.SearchStrategy[str]:
    """Few digests, so that they repeat; equal or neighbouring prefixes, so that they share buckets."""
    starts, ends = ("00000000", "00000001", "80000000", "ffffffff"), ("00", "01", "ff")
    digests = st.builds(lambda start, end: start + end * (width - 4), st.sampled_from(starts), st.sampled_from(ends))
    return digests.filter(lambda digest: len(set(digest)) > 1)  # equal digits throughout are a placeholder


class Written(NamedTuple):
    """A row of a list, as it is written; None is an empty field."""

    sha256: str | None
    sha1: str | None
    md5: str | None
    size: int | None
    status: str | None
    category: str | None
    entry_id: str | None


ROWS = st.builds(
    Written,
    st.none() | close_digests(32),
    st.none() | close_digests(20),
    st.none() | close_digests(16),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, "active", "disputed", "withdrawn"]),
    st.sampled_from([None, "0", "1", "9"]),
    st.sampled_from([None, "a", "b"]),
).filter(lambda row: any(row[:3]))
ASKED = st.builds(
    DigestSet, md5=close_digests(16), sha1=close_digests(20), sha256=close_digests(32), size=st.integers(1, 3)
)
NATURES = {None: Nature.UNKNOWN, "0": Nature.BENIGN, "1": Nature.ABUSE, "9": Nature.UNKNOWN}


@settings(deadline=None)
@given(rows=st.lists(ROWS, min_size=1), asked=st.lists(ASKED))
def test_any_list_and_any_digests_agree_with_a_plain_dict(rows: list[Written], asked: list[DigestSet]) -> None:
    # Rows are listings of their own, but lone digests with nothing but a label are one for each label.
    plain: dict[tuple[object, ...], dict[str, set[str]]] = {}
    for row in rows:
        is_lone = row[:3].count(None) == 2 and row.size is None and row.entry_id is None
        digests_of = plain.setdefault((row[3:], None if is_lone else row[:3]), {})
        for algorithm, digest in zip(ALGORITHMS, row[:3], strict=True):
            if digest is not None:
                digests_of.setdefault(algorithm, set()).add(digest)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.hashes"
        lines = [",".join("" if value is None else str(value) for value in (*row, "vics")) for row in rows]
        version = build_list(path, "\n".join([",".join((*Written._fields, "scheme")), *lines]))
        service = HashListService(path)
        verdicts = service.lookup(asked)
        service.close()
    assert len(verdicts) == len(asked)
    for digests, verdict in zip(asked, verdicts, strict=True):
        expected: list[tuple[Any, tuple[Algorithm, ...]]] = []
        for (said, _), of_row in plain.items():
            agreeing = tuple(name for name in ALGORITHMS if getattr(digests, name) in of_row.get(name, ()))
            if agreeing:
                expected.append((said, agreeing))
        listings = {
            Listing(
                service=service.name,
                list="any",
                size=size,
                status=status or "active",
                category=category,
                scheme="vics",
                nature=NATURES[category],
                entry_id=entry_id,
                algorithms=algorithms,
                list_version=version,
                built_to=verdict.sources[0].built_to,
            )
            for (size, status, category, entry_id), algorithms in expected
        }
        assert set(verdict.listings) == listings
        # Judged alone, in the same order: what a batch shares must not change what is said of one.
        assert verdict == judge(
            digests,
            verdict.listings,
            service=service.name,
            asked_at=verdict.asked_at,
            list_version=version,
            built_to=verdict.sources[0].built_to,
        )
        assert (verdict.result == "match") == any(
            one.nature is not Nature.BENIGN and one.status != "withdrawn" for one in listings
        )


def test_a_match_says_all_that_the_list_says(tmp_path: Path) -> None:
    version = build_list(
        tmp_path / "hotline.hashes",
        f"sha1,size,category,scheme,entry_id,list,status\n{KNOWN.sha1},42,1,vics,e-7,national,active\n",
    )
    no_match, match = HashListService(tmp_path / "hotline.hashes").lookup([STRANGE, KNOWN])
    assert (no_match.result, no_match.listings, match.sources) == ("no_match", (), no_match.sources)
    [source] = match.sources
    assert (source.service, source.list_version) == (f"hashlist:{tmp_path / 'hotline.hashes'}", version)
    assert match.asked_at is not None
    assert match.listings == (
        Listing(
            service=source.service,
            list="national",
            entry_id="e-7",
            category="1",
            scheme="vics",
            algorithms=("sha1",),
            size=42,
            list_version=version,
            built_to=source.built_to,
        ),
    )
    assert (match.held_because, match.strength) == (("size_differs", "weak"), "weak")


def test_every_algorithm_that_matches_is_named_strongest_first(tmp_path: Path) -> None:
    path = tmp_path / "hotline.hashes"
    build_list(path, f"md5,sha1,sha256\n{KNOWN.md5},{KNOWN.sha1},{KNOWN.sha256}\n{STRANGE.md5},{STRANGE.sha1},\n")
    verdicts = HashListService(path).lookup([KNOWN, STRANGE])
    assert [verdict.listings[0].algorithms for verdict in verdicts] == [("sha256", "sha1", "md5"), ("sha1", "md5")]


def test_digests_of_two_rows_that_say_the_same_are_two_listings(tmp_path: Path) -> None:
    path = tmp_path / "hotline.hashes"
    build_list(path, f"md5,sha1\n{KNOWN.md5},{STRANGE.sha1}\n{STRANGE.md5},{KNOWN.sha1}\n")
    (verdict,) = HashListService(path).lookup([KNOWN])
    assert [one.algorithms for one in verdict.listings] == [("sha1",), ("md5",)]


def test_a_withdrawn_entry_is_no_match(tmp_path: Path) -> None:
    path = tmp_path / "hotline.hashes"
    build_list(path, f"md5,sha256,status\n{KNOWN.md5},{KNOWN.sha256},Withdrawn\n{STRANGE.md5},,withdrawn\n")
    assert results(HashListService(path), KNOWN, STRANGE) == ["no_match", "no_match"]


def test_an_active_entry_counts_beside_withdrawn_and_disputed_ones(tmp_path: Path) -> None:
    path = tmp_path / "hotline.hashes"
    rows = [f"{KNOWN.md5},{status},{status}" for status in ("withdrawn", "disputed", "active", "review")]
    build_list(path, "\n".join(["md5,status,entry_id", *rows, f"{STRANGE.md5},disputed,only"]))
    known, disputed = HashListService(path).lookup([KNOWN, STRANGE])
    assert [verdict.listings[0].entry_id for verdict in (known, disputed)] == ["active", "only"]
    assert [verdict.held_because for verdict in (known, disputed)] == [("weak",), ("weak", "disputed")]


def test_a_weaker_digest_of_another_entry_still_matches_after_a_withdrawn_one(tmp_path: Path) -> None:
    path = tmp_path / "hotline.hashes"
    build_list(path, f"md5,sha256,status,list\n,{KNOWN.sha256},withdrawn,one\n{KNOWN.md5},,,two\n")
    (verdict,) = HashListService(path).lookup([KNOWN])
    assert [(one.algorithms, one.list) for one in verdict.listings] == [(("md5",), "two"), (("sha256",), "one")]


def test_an_empty_batch_has_no_verdicts(path: Path) -> None:
    assert HashListService(path).lookup([]) == []


def test_health_names_the_list(path: Path) -> None:
    service = HashListService(path)
    health = service.health()
    assert (health.is_healthy, health.reason, health.entries) == (True, None, 1)
    assert health.list_version == service.lookup([KNOWN])[0].sources[0].list_version
    assert health.built_at is not None
    assert health.built_at.tzinfo is not None


def test_a_missing_list_is_unavailable_until_it_comes(tmp_path: Path, path: Path) -> None:
    service = HashListService(tmp_path / "later.hashes")
    with pytest.raises(Unavailable, match=r"later.hashes cannot be asked \(No such file"):
        service.lookup([KNOWN])
    assert not service.health().is_healthy
    path.rename(tmp_path / "later.hashes")
    assert results(service, KNOWN) == ["match"]


def test_a_list_that_vanishes_is_unavailable_though_it_was_open(path: Path) -> None:
    service = HashListService(path)
    assert results(service, KNOWN) == ["match"]
    path.unlink()
    with pytest.raises(Unavailable):
        service.lookup([STRANGE])


def test_a_list_cut_short_in_place_is_unavailable_and_not_no_match(path: Path) -> None:
    service = HashListService(path)
    assert results(service, KNOWN, STRANGE) == ["match", "no_match"]
    whole = path.read_bytes()
    os.truncate(path, len(whole) // 2)
    for _ in range(2):
        with pytest.raises(Unavailable, match="build or copy it again"):
            service.lookup([STRANGE])
    assert "should have" in str(service.health().reason)
    path.write_bytes(whole)
    assert results(service, KNOWN, STRANGE) == ["match", "no_match"]


def test_a_list_replaced_by_a_truncated_one_is_unavailable(tmp_path: Path, path: Path) -> None:
    service = HashListService(path)
    assert results(service, KNOWN) == ["match"]
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-1])
    (tmp_path / "cut").rename(path)
    with pytest.raises(Unavailable):
        service.lookup([STRANGE])


def test_a_flipped_byte_is_unavailable_even_when_size_and_time_look_the_same(path: Path) -> None:
    service = HashListService(path)
    assert results(service, KNOWN) == ["match"]
    before = os.stat(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    # The change time moves on with the kernel's clock, in steps of a few milliseconds on older kernels.
    while os.stat(path).st_ctime_ns == before.st_ctime_ns or os.stat(path).st_mtime_ns != before.st_mtime_ns:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Unavailable, match="digest differs"):
        service.lookup([STRANGE])


def test_a_source_list_given_by_mistake_is_unavailable(path: Path) -> None:
    with pytest.raises(Unavailable, match="is not a built hash list"):
        HashListService(path.with_suffix(".csv")).lookup([KNOWN])


def test_a_rebuilt_list_is_picked_up_by_the_next_batch(path: Path) -> None:
    service = HashListService(path)
    first = service.lookup([STRANGE])[0]
    build_list(path, f"sha256\n{KNOWN.sha256}\n{STRANGE.sha256}\n")
    second = service.lookup([STRANGE])[0]
    assert (first.result, second.result) == ("no_match", "match")
    assert first.sources[0].list_version != second.sources[0].list_version


def test_a_closed_service_holds_no_file(path: Path) -> None:
    service = HashListService(path)
    service.lookup([KNOWN])
    service.close()
    service.close()
    assert str(path) not in Path("/proc/self/maps").read_text()
