"""Durations, and several matcher URLs in one variable."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver import settings as orbweaver_settings
from orbweaver.settings import SettingsRefused, read_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        (" 6h\n", timedelta(hours=6)),
        ("3d", timedelta(days=3)),
        ("0s", timedelta(0)),
        ("PT15M", timedelta(minutes=15)),
        ("P3D", timedelta(days=3)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("P2W", timedelta(weeks=2)),
        ("PT1H2M3S", timedelta(hours=1, minutes=2, seconds=3)),
    ],
)
def test_a_duration_is_short_or_iso_8601(text: str, duration: timedelta) -> None:
    assert read_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15",
        "15 m",
        "-1h",
        "1.5h",
        "P",
        "PT",
        "P1Y",
        "P1M",
        "1M",
        "m",
        "١m",
        "999999999d",
        "P999999999D",
        "P999999999W",
        "P999999999DT999999999H",
        "36501d",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than"):
        read_duration(text)


@given(st.text())
def test_whatever_is_written_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert read_duration(text) >= timedelta(0)


def test_a_duration_that_cannot_be_used_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_LIST_AGE", "soon")
    with pytest.raises(SettingsRefused, match=r"MAX_LIST_AGE='soon'.*write 90s, 15m, 6h, 3d"):
        orbweaver_settings.load()
    monkeypatch.setenv("MAX_LIST_AGE", "3d")
    monkeypatch.setenv("VERDICT_CACHE", "PT5M")
    settings = orbweaver_settings.load()
    assert (settings.max_list_age, settings.verdict_cache) == (timedelta(days=3), timedelta(minutes=5))


@pytest.mark.parametrize(
    ("written", "urls"),
    [
        (None, ()),
        ("  \n", ()),
        ("hashlist:/srv/list", ("hashlist:/srv/list",)),
        ("hashlist:/srv/my list.hashes", ("hashlist:/srv/my list.hashes",)),
        ("hashlist:/a b \n  https://h.test/?canary=none\n", ("hashlist:/a b", "https://h.test/?canary=none")),
        ("hma+https://h.test eokm+https://e.test", ("hma+https://h.test", "eokm+https://e.test")),
    ],
)
def test_urls_are_separated_where_the_next_scheme_follows(
    monkeypatch: pytest.MonkeyPatch, written: str | None, urls: tuple[str, ...]
) -> None:
    if written is not None:
        monkeypatch.setenv("MATCHER_URL", written)
    assert orbweaver_settings.load().matcher_urls == urls
