"""An access profile is read from TOML; what cannot be used is said in one line, and never a secret with it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from orbweaver.model import AccessProfile, CookieControl, RobotsControl
from orbweaver.queue.errors import AccessUnreadable
from orbweaver.queue.intake.access_profiles import MOST_BYTES, read_profile

SECRET = "hunter2"
ENVIRONMENT = {"PROXY": f"socks5://user:{SECRET}@127.0.0.1:9050"}


def read(folder: Path, content: str | bytes) -> AccessProfile:
    path = folder / "access.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_profile(path, ENVIRONMENT)


def test_every_field_can_be_given(tmp_path: Path) -> None:
    content = """
        user_agent = " Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 "
        accept_language = "de,en;q=0.5"
        cookies = "none"
        proxy = "socks5://127.0.0.1:9050"   # Tor
        robots = "record"
        delay_seconds = 1.5
    """

    assert read(tmp_path, content) == AccessProfile(
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        accept_language="de,en;q=0.5",
        cookies=CookieControl.NONE,
        proxy="socks5://127.0.0.1:9050",
        robots=RobotsControl.RECORD,
        delay_seconds=1.5,
    )


def test_an_empty_file_is_the_default_profile(tmp_path: Path) -> None:
    assert read(tmp_path, "") == AccessProfile()


@pytest.mark.parametrize(("written", "cookies"), [("true", CookieControl.KEEP), ("false", CookieControl.NONE)])
def test_the_former_key_for_cookies_works_with_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, written: str, cookies: CookieControl
) -> None:
    assert read(tmp_path, f"keeps_cookies = {written}").cookies is cookies
    assert AccessProfile.model_validate_json(f'{{"keeps_cookies": {written}}}').cookies is cookies  # as stores have it
    (note,) = caplog.messages
    assert f'write cookies = "{cookies}" in place of keeps_cookies' in note


def test_a_proxy_from_the_environment_stays_a_name(tmp_path: Path) -> None:
    profile = read(tmp_path, 'proxy = "env:PROXY"')

    assert profile.proxy == "env:PROXY"
    assert SECRET not in profile.model_dump_json()


def test_a_profile_does_not_show_its_proxy(tmp_path: Path) -> None:
    assert SECRET not in repr(read(tmp_path, f'proxy = "{ENVIRONMENT["PROXY"]}"'))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("user-agent = 'x'", "no key 'user-agent'"),
        ("cookies = 'a=1'", "cookies: "),
        ("[access]\nrobots = 'obey'", "no key 'access'"),
        ("user_agent = 5", "user_agent: "),
        ("user_agent = ''", "user_agent: empty"),
        ('user_agent = "a\\r\\nX: 1"', "user_agent: control character"),
        ('accept_language = "d\\u00e9"', "accept_language: character that is not ASCII"),
        ("keeps_cookies = 'perhaps'", "keeps_cookies: "),
        ("keeps_cookies = true\ncookies = 'none'", "keeps_cookies is the former name of cookies"),
        ("robots = 'ignore'", "robots: "),
        ("delay_seconds = -1", "delay_seconds: "),
        ("delay_seconds = 3601", "delay_seconds: "),
        ("delay_seconds = nan", "delay_seconds: "),
        ("delay_seconds = inf", "delay_seconds: "),
        (f"proxy = '{SECRET}'", "proxy: not a URL"),
        (f"proxy = 'socks4://user:{SECRET}@h.example:1'", "proxy: there are http, https, socks5"),
        ("proxy = 'env:MISSING'", "proxy: the variable MISSING is not set"),
        ("robots = ", "not TOML"),
        ("robots = 'obey'\nrobots = 'obey'", "not TOML"),
        ("a = " + "[" * 5_000, "not TOML"),
        (b"user_agent = '\xff'", "not UTF-8"),
        ("#" * (MOST_BYTES + 1), "longer than"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    gc.collect()  # a deep value reaches the end of the stack, where closing the garbage of other tests would fail
    with pytest.raises(AccessUnreadable, match=said) as refused:
        read(tmp_path, content)
    assert "access.toml" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(AccessUnreadable, match="check the path"):
        read_profile(tmp_path / name, {})
