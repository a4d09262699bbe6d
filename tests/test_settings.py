"""Durations, settings under their former names, and several matcher URLs in one variable."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver import settings as orbweaver_settings
from orbweaver.setting_values import read_duration, read_duration_or_seconds, read_route
from orbweaver.settings import RENAMED, SettingsRefused


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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60", 60), (" 1.5\n", 1.5), ("0.2", 0.2), ("1800", 1_800), ("90s", 90), ("PT1M", 60), ("0", 0)],
)
def test_a_setting_that_took_seconds_takes_them_and_durations(text: str, seconds: float) -> None:
    assert read_duration_or_seconds(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-1", "1.5s", "1e3", "inf", "nan", "1_0", "9999999999", "soon"])
def test_what_is_neither_a_duration_nor_seconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        read_duration_or_seconds(text)


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


def test_settings_are_checked_anew_only_when_the_environment_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERDICT_CACHE", "PT5M")
    settings = orbweaver_settings.load()
    given = {"VERDICT_CACHE": "6m"}
    assert orbweaver_settings.load(given).verdict_cache == timedelta(minutes=6)
    assert orbweaver_settings.load() is settings
    given["VERDICT_CACHE"] = "7m"
    assert orbweaver_settings.load(given).verdict_cache == timedelta(minutes=7)
    monkeypatch.setenv("VERDICT_CACHE", "soon")
    for _ in range(2):
        with pytest.raises(SettingsRefused):
            orbweaver_settings.load()
    monkeypatch.setenv("VERDICT_CACHE", "8m")
    assert orbweaver_settings.load().verdict_cache == timedelta(minutes=8)


@pytest.fixture
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process log former names anew."""
    monkeypatch.setattr(orbweaver_settings, "_noted", set())


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
@pytest.mark.usefixtures("nothing_noted")
def test_a_former_name_still_works_and_is_noted_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, old: str, new: str
) -> None:
    monkeypatch.setenv(old.upper(), "2.5")
    for _ in range(2):
        assert getattr(orbweaver_settings.load(), new) == timedelta(seconds=2.5)
    # An environment that is given goes before the process's own, whichever name it uses.
    assert getattr(orbweaver_settings.load({old.upper(): "3s"}), new) == timedelta(seconds=3)
    assert getattr(orbweaver_settings.load({new.upper(): "4s"}), new) == timedelta(seconds=4)
    assert caplog.messages == [f"setting {old.upper()} is now called {new.upper()}; the old name still works"]


@pytest.mark.usefixtures("nothing_noted")
def test_a_new_name_is_not_noted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for new in RENAMED.values():
        monkeypatch.setenv(new.upper(), "5s")
    assert {getattr(orbweaver_settings.load(), new) for new in RENAMED.values()} == {timedelta(seconds=5)}
    assert not caplog.messages


def test_both_names_of_a_setting_must_have_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STALL_SECONDS", "20")
    monkeypatch.setenv("STALL_TIMEOUT", "20s")
    assert orbweaver_settings.load().stall_timeout == timedelta(seconds=20)
    monkeypatch.setenv("STALL_TIMEOUT", "21s")
    with pytest.raises(SettingsRefused, match=r"STALL_SECONDS='20' and STALL_TIMEOUT='21s'.*remove STALL_SECONDS$"):
        orbweaver_settings.load()


@pytest.mark.parametrize("text", ["soon", "0", "-1", "61m"])
@pytest.mark.parametrize("name", ["HEALTH_SECONDS", "HEALTH_INTERVAL"])
def test_a_value_that_cannot_be_used_is_refused_by_the_name_that_was_written(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsRefused, match=f"^setting {name}='{text}': "):
        orbweaver_settings.load()


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


def test_the_networks_with_a_pace_of_their_own_are_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "104.16.0.0/13" in orbweaver_settings.load().own_pace_networks
    monkeypatch.setenv("OWN_PACE_NETWORKS", "")
    assert orbweaver_settings.load().own_pace_networks == ()
    monkeypatch.setenv("OWN_PACE_NETWORKS", "192.0.2.0/24, 2001:db8::/32")
    assert orbweaver_settings.load().own_pace_networks == ("192.0.2.0/24", "2001:db8::/32")
    monkeypatch.setenv("OWN_PACE_NETWORKS", "192.0.2.1/24")
    with pytest.raises(SettingsRefused, match=r"OWN_PACE_NETWORKS='192.0.2.1/24'.*has host bits set"):
        orbweaver_settings.load()


def test_a_route_is_a_country_and_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTES", "SE=police, de=bka.desk-2 *=inhope")
    assert orbweaver_settings.load().routes == ("SE=police", "de=bka.desk-2", "*=inhope")
    assert read_route("de=bka.desk-2") == ("DE", "bka.desk-2")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("SE", "is no route: write a country and a word, SE=police"),
        ("Sweden=police", "is no route"),
        ("SE=", "is no route"),
        ("SE=two words", "'words' is no route"),
        ("SE=a/b", "is no route"),
        ("SE=police SE=inhope", "SE has two routes"),
        ("se=police SE=police", "SE has two routes"),
        ("UK=police", "the code of that country is GB"),
    ],
)
def test_what_is_no_route_is_refused(monkeypatch: pytest.MonkeyPatch, written: str, said: str) -> None:
    monkeypatch.setenv("ROUTES", written)
    with pytest.raises(SettingsRefused, match=f"^setting ROUTES={written!r}: .*{said}"):
        orbweaver_settings.load()


def test_a_database_that_is_set_to_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEO_COUNTRY_DB", " ")
    assert orbweaver_settings.load().geo_country_db is None
    monkeypatch.setenv("GEO_COUNTRY_DB", "/srv/my country.mmdb")
    assert str(orbweaver_settings.load().geo_country_db) == "/srv/my country.mmdb"
