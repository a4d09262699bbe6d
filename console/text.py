"""How things are shown to people: defanged URLs, short times and sizes, nothing a terminal would act on."""

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
    """Return text from a host without control characters, which a terminal might obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def is_utf8(path: str) -> bool:
    """Whether a path can be written into the store and into JSON; on Linux a file's name may be any bytes."""
    return not any("\ud800" <= character <= "\udfff" for character in path)


def for_people(url: str) -> str:
    """Return a URL that cannot be clicked, nor drive the terminal."""
    return safe(defang(url))


def reason_for_people(reason: str) -> str:
    """Return a reason with the URLs in it made like those of for_people: a redirect names where it led.

    >>> reason_for_people("redirected to http://www.example.com/a: www.example.com is another host")
    'redirected to hxxp://www[.]example[.]com/a: www.example.com is another host'
    """
    return safe(_URL.sub(lambda found: defang(found[0][:5].lower() + found[0][5:]), reason))


def report_console() -> Console:
    """Return a console on standard output: as wide as the terminal, and wide enough in a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)
