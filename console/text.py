"""Formats values for people: defanged URLs, short sizes, and no characters that a terminal would obey."""

from __future__ import annotations

import re

from orbweaver.crawler.rules.urls import defang
from rich.console import Console

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
UNITS = ("B", "KB", "MB", "GB", "TB")


def size(count: int) -> str:
    """Return a number of bytes in decimal units, such as `12.3 MB`."""
    value = float(count)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes every value")


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 page` or `3,000 pages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def safe(text: str) -> str:
    """Return text from a host with its control characters replaced, because a terminal might obey them."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def is_utf8(path: str) -> bool:
    """Whether a path can be written into the store and into JSON; on Linux the name of a file may have any bytes."""
    return not any("\ud800" <= character <= "\udfff" for character in path)


def for_people(url: str) -> str:
    """Return a URL that cannot be clicked, and has no characters that a terminal obeys."""
    return safe(defang(url))


def host_for_people(host: str) -> str:
    """Return a host that no program makes a link of.

    >>> host_for_people("files.example:8080")
    'files[.]example:8080'
    """
    return safe(host).replace(".", "[.]")


def reason_for_people(reason: str) -> str:
    """Return a reason with its URLs as `for_people` shows them: the reason of a redirect has the URL where it led.

    >>> reason_for_people("redirected to http://www.example.com/a: www.example.com is another host")
    'redirected to hxxp://www[.]example[.]com/a: www.example.com is another host'
    """
    return safe(_URL.sub(lambda match: defang(match[0][:5].lower() + match[0][5:]), reason))


def report_console(*, width: int = 160, markup: bool = True) -> Console:
    """Return a console on standard output: as wide as the terminal, else of this width in columns."""
    console = Console(highlight=False, markup=markup)
    return console if console.is_terminal else Console(highlight=False, markup=markup, width=width)
