"""How values of settings are written: durations and routes. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_SHORT_DURATION = re.compile(r"([0-9]{1,9})([smhd])|0")
_ISO_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=.)(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?"
)
_BARE_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# A longer duration, counted back from now, would be no date.
_LONGEST_SECONDS = 36_500 * 86_400


def read_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `6h`, `3d`, `0` or ISO 8601 (`PT15M`, `P3D`; no months: they differ); raises ValueError."""
    written = text.strip()
    short, iso = _SHORT_DURATION.fullmatch(written), _ISO_DURATION.fullmatch(written)
    if short is not None:
        seconds = int(short[1] or 0) * _SECONDS[short[2] or "s"]
    elif iso is not None:
        units = (7 * 86_400, 86_400, 3_600, 60, 1)
        seconds = sum(int(part or 0) * unit for part, unit in zip(iso.groups(), units, strict=True))
    else:
        raise ValueError("not a duration: write 90s, 15m, 6h, 3d or ISO 8601 such as PT15M")
    if seconds > _LONGEST_SECONDS:
        raise ValueError("longer than a hundred years")
    return timedelta(seconds=seconds)


def read_duration_or_seconds(text: str) -> timedelta:
    """Read a duration, or a bare number of seconds such as `60` or `1.5`; raises ValueError.

    The settings that use this one took nothing but such a number under their former names.
    """
    written = text.strip()
    return timedelta(seconds=float(written)) if _BARE_SECONDS.fullmatch(written) else read_duration(written)


def _parse_duration(value: object) -> object:
    return read_duration(value) if isinstance(value, str) else value


def _parse_duration_or_seconds(value: object) -> object:
    return read_duration_or_seconds(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]
DurationOrSeconds = Annotated[timedelta, BeforeValidator(_parse_duration_or_seconds)]

_ROUTE = re.compile(r"([A-Za-z]{2}|\*)=([A-Za-z0-9][A-Za-z0-9._-]{0,63})")
# What people write for a country that ISO 3166 calls otherwise.
_NO_COUNTRIES = {"UK": "GB", "EL": "GR"}


def read_route(text: str) -> tuple[str, str]:
    """Read a route such as `SE=police` or `*=inhope`: a country by ISO 3166, or all others. Raises ValueError."""
    match = _ROUTE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no route: write a country and a word, SE=police, or *=inhope for all others")
    country = match[1].upper()
    if country in _NO_COUNTRIES:
        raise ValueError(f"{text!r}: the code of that country is {_NO_COUNTRIES[country]}")
    return country, match[2]
