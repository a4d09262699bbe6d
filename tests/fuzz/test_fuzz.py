"""A short round of every fuzz target, and what long rounds once found."""

from __future__ import annotations

import io
import zipfile
from itertools import chain
from pathlib import Path

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.crawler.bodies.archives.archive_limits import ArchiveLimits
from orbweaver.crawler.bodies.archives.archive_reader import ArchiveReader
from orbweaver.crawler.bodies.decoding import decoder_for
from orbweaver.crawler.errors import UndecodableBody
from orbweaver.crawler.visiting.addresses import dedup_key

from fuzz.promises import stretched
from fuzz.targets import TARGETS, seeds_of

SEEDS = [pytest.param(name, path, id=f"{name}/{path.name}") for name in TARGETS for path in seeds_of(name)]


@pytest.mark.parametrize(("name", "seed"), SEEDS)
def test_a_seed_breaks_no_promise(name: str, seed: Path) -> None:
    TARGETS[name].check(seed.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_round_breaks_no_promise(name: str) -> None:
    target = TARGETS[name]
    # Half the pieces are words of the target's language: random bytes alone say nothing to a parser.
    piece = st.sampled_from(target.TOKENS) | st.binary(max_size=8)
    head = st.binary(min_size=0, max_size=2)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.builds(lambda first, pieces: first + b"".join(pieces), head, st.lists(piece, max_size=40)))
    def round_of(data: bytes) -> None:
        target.check(data)

    round_of()


def test_every_target_has_a_seed_of_its_own_kind() -> None:
    for name in TARGETS:
        assert list(seeds_of(name)), f"tests/fuzz/seeds/{name} is empty"


def test_stretching_repeats_within_bounds() -> None:
    assert stretched(b"\x00ab") == b"ab"
    assert stretched(b"\xf3ab") == b"ab" * 8
    assert len(stretched(b"\xff" + b"a" * 100)) <= 64 * 1024
    assert stretched(b"") == b""


# --- found by long rounds ---


@pytest.mark.parametrize("chunks", [[b"surplus"], [b"", b"surplus"]])
def test_how_the_network_cuts_makes_no_difference_to_what_follows_brotli(chunks: list[bytes]) -> None:
    decoder = decoder_for("br")
    body = [brotli.compress(b"synthetic") + chunks[0], *chunks[1:]]
    with pytest.raises(UndecodableBody):
        list(chain.from_iterable(map(decoder.feed, body)))


def test_a_query_of_which_nothing_is_left_is_the_same_as_none() -> None:
    assert dedup_key.key("http://www.example.com/a?&utm_source=b") == "http://www.example.com/a"


def test_an_archive_that_lies_too_deep_is_counted_once() -> None:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("inner.zip", b"PK\x03\x04synthetic")
    reader = ArchiveReader(ArchiveLimits(depth=0))
    for byte in into.getvalue():
        reader.feed(bytes([byte]))
    reader.finish()
    assert [(note.rule, note.count) for note in reader.contents().notes] == [("archive.depth", 1)]
