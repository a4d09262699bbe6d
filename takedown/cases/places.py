"""Tells the place of a file from its URL alone: parameters that give access, or name a time, are no part of the place.

If two real places are taken as one, a takedown is lost; if one place is taken as two, there is only a second case. So
a parameter is left out only when it belongs to a complete signature, or is a session id, or when name and value show
what it is and something else in the URL names the file. When the path ends with a file's name and extension, the value
alone can show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from orbweaver.model import LeftOut, Place


class _Parameter(NamedTuple):
    """One part of a query: its name in lower case, its value, and the part as it is written."""

    name: str
    value: str
    written: str


@dataclass(frozen=True)
class _Scheme:
    """The parameters of a provider's signed URLs: all `marks`, perhaps with `also` and names that begin with `prefix`.

    The path of such a URL is the path of a file.
    """

    marks: frozenset[str]
    also: frozenset[str] = frozenset()
    prefix: str | None = None

    def has(self, name: str) -> bool:
        """Whether a parameter of this name belongs to the signature."""
        return name in self.marks or name in self.also or (self.prefix is not None and name.startswith(self.prefix))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each as its provider documents it.
_SCHEMES: Final = (
    _Scheme(_names("x-amz-signature x-amz-credential"), prefix="x-amz-"),
    _Scheme(_names("awsaccesskeyid signature expires")),
    _Scheme(_names("signature key-pair-id"), _names("expires policy hash-algorithm")),
    _Scheme(_names("x-goog-signature x-goog-credential"), prefix="x-goog-"),
    _Scheme(_names("googleaccessid signature expires")),
    _Scheme(
        _names("sig sv"), _names("se st sp sr ss srt spr sip si skoid sktid skt ske sks skv saoid suoid scid sdd ses")
    ),
    _Scheme(_names("x-oss-signature x-oss-credential"), prefix="x-oss-"),
    _Scheme(_names("ossaccesskeyid signature expires")),
    _Scheme(_names("q-signature q-ak"), prefix="q-"),
    _Scheme(_names("ex is hm")),  # Discord
    _Scheme(_names("oh oe")),  # Meta
    _Scheme(_names("x-expires x-signature")),
)
# Signatures of a link's expiry, as in nginx's secure_link. Without an expiry these parameters may name the file.
_SIGNING_NAMES: Final = _names("h hash hs k key md5 s secure st verify")
_EXPIRY_NAMES: Final = _names("e exp expire expires expires_at expiry valid_until validto valid_to")
_SHORTEST_SIGNATURE: Final = 8
_AKAMAI: Final = _names("hdnea hdntl hdnts __token__")

_LONG: Final = r"(?=[a-z!,._-]*[0-9])[0-9a-z!,._-]{16,}"
_SESSION_NAMES: Final = _names("jsessionid oscsid phpsessid sessid session_id sessionid xtcsid zenid")
_IS_LONG = re.compile(_LONG, re.IGNORECASE).fullmatch
_IS_ASP_SESSION = re.compile(r"aspsessionid[a-z]{6,10}").fullmatch
# Java servlets write it behind a path segment; ASP.NET without cookies writes a segment of its own, "(S(...))".
_SESSION_IN_PATH = re.compile(
    rf";(?P<name>{'|'.join(sorted(_SESSION_NAMES))})={_LONG}(?=[;/]|\Z)|/\((?:[a-z]\([0-9a-z]{{20,}}\))+\)(?=/)",
    re.IGNORECASE,
)

_TOKEN_NAMES: Final = _names("""
    access_token accesstoken auth auth_key auth_token authtoken authenticity_token csrf csrf_token csrftoken
    download_token dl_token hmac jwt nonce sig sign signature ticket token x-token xsrf_token
""")
_TIME_NAMES: Final = _EXPIRY_NAMES | _names("st t time timestamp ts validfrom valid_from")
_CACHE_NAMES: Final = _names("_ _dc _t bust cachebust cachebuster cb no_cache nocache rand random rnd")
# Seconds since 1970 from 2001 on, or more exactly; or a day with a time.
_IS_TIME = re.compile(
    r"[1-3]\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?|20\d\d(?:0[1-9]|1[0-2])[0-3]\d(?:T?[0-2]\d[0-5]\d(?:[0-5]\d)?Z?)"
    r"|20\d\d-\d\d-\d\d[T+ ](?:[0-9:.]|%3A)+(?:Z|[+-][0-9:]+|%2B[0-9:]+)?"
).fullmatch
_IS_EXACT_TIME = re.compile(r"[1-3]\d{12}(?:\d{3}|\d{6})?(?:\.\d+)?").fullmatch
_IS_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.IGNORECASE | re.ASCII).fullmatch
_IS_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII).fullmatch
_IS_LONG_TEXT = re.compile(r"[0-9A-Za-z._~+/=-]{16,}").fullmatch
# In random letters and digits more than half of the neighbours are of another kind, in words few.
_KIND_CHANGES = re.compile(r"(?=[A-Z][a-z0-9]|[a-z][A-Z0-9]|[0-9][A-Za-z])").findall
_LEAST_CHANGES: Final = 1 / 4
_IS_NUMBER_OF_CHANCE = re.compile(r"(?=[a-z.]*\d)[0-9a-z.]{6,}", re.IGNORECASE).fullmatch
_IS_PHPBB_SESSION = re.compile(r"[0-9a-f]{32}", re.IGNORECASE).fullmatch

# Paths with these endings are programs, or pages that programs often make: a parameter names the file.
_PROGRAMS: Final = _names("""
    action ashx asmx asp aspx axd cfc cfm cfml cgi dll do exe fcgi htm html jhtml jsp jspx php php3 php4 php5 php6 php7
    php8 phtml pl py rb shtm shtml svc xhtml
""")
_IS_NAMING = re.compile(
    r"(?:.*[_.-])?(?:[a-z]?id|uuid|guid|file|filename|fn|f|name|n|v|video|vid|img|image|pic|photo|media|item|key|hash"
    r"|path|p|src|source|doc|document|attachment|obj|object|url|u)(?:\[\]|%5b%5d)?|(?:file|image|img|photo|video|media)id"
).fullmatch
# Names that say whose file it is, or of what: beside "avatar.png" only their value tells two files apart.
_IS_WHOSE = re.compile(
    r"(?:.*[_.-])?(?:account|album|attach|author|board|channel|collection|dir|folder|gallery|generation|group|member"
    r"|message|model|msg|owner|page|post|profile|revision|room|set|share|size|thread|topic|user|username|version)"
).fullmatch
_SHORTEST_NAME: Final = 4


def place_of(url: str) -> Place:
    """Return the place of the file at a canonical URL.

    >>> place_of("https://files.example/a.jpg?w=9&token=5f2b&ts=1700000000").url
    'https://files.example/a.jpg?w=9'
    >>> place_of("https://files.example/view.php?token=5f2b").url
    'https://files.example/view.php?token=5f2b'
    """
    if "?" not in url and ";" not in url and "(" not in url:
        return Place(url=url)
    whole_path, _, query = url.partition("?")
    left_out: dict[str, LeftOut] = {
        (match["name"] or "session").lower(): LeftOut.SESSION for match in _SESSION_IN_PATH.finditer(whole_path)
    }
    path = _SESSION_IN_PATH.sub("", whole_path)
    parameters = [_parameter(written) for written in query.split("&")] if query else []
    why = _reasons(path, parameters)
    left_out |= {part.name: reason for part, reason in zip(parameters, why, strict=True) if reason is not None}
    if not left_out:
        return Place(url=url)
    kept = [part.written for part, reason in zip(parameters, why, strict=True) if reason is None]
    return Place(url=path + ("?" + "&".join(kept) if any(kept) else ""), left_out=left_out)


def _parameter(written: str) -> _Parameter:
    name, equals, value = written.partition("=")
    return _Parameter(name.lower(), value, written) if equals else _Parameter("", written, written)


def _reasons(path: str, parameters: Sequence[_Parameter]) -> list[LeftOut | None]:
    """Return for each parameter the reason to leave it out, None if it stays."""
    is_named_by_path = names_a_file(path)
    certain = _signatures(path, parameters, is_named_by_path=is_named_by_path)
    likely = [_likely(part) or (_by_value(part) if _has_extension(path) else None) for part in parameters]
    is_named = is_named_by_path or any(
        _IS_NAMING(part.name) is not None and part.value != ""
        for part, sure, maybe in zip(parameters, certain, likely, strict=True)
        if sure is None and maybe is None
    )
    # When nothing else names the file, a token may do so and stays; a time beside it does not.
    has_token = LeftOut.TOKEN in likely
    reasons: list[LeftOut | None] = []
    for sure, maybe in zip(certain, likely, strict=True):
        goes = maybe is not None and (is_named or (has_token and maybe is not LeftOut.TOKEN))
        reasons.append(sure or (maybe if goes else None))
    return reasons


def _signatures(path: str, parameters: Sequence[_Parameter], *, is_named_by_path: bool) -> list[LeftOut | None]:
    """Return the parameters that are left out in any query: those of signatures, and session ids."""
    names = {part.name for part in parameters if part.value}
    # The shortest names (ex, is, hm) mean something else in a program's URL.
    is_of_file = path.rpartition("/")[2] != "" and not _is_program(path.rpartition("/")[2])
    schemes = [scheme for scheme in _SCHEMES if scheme.marks <= names] if is_of_file else []
    expires = is_named_by_path and any(part.name in _EXPIRY_NAMES and _IS_TIME(part.value) for part in parameters)
    return [_certainly(part, schemes, expires=expires) for part in parameters]


def _certainly(part: _Parameter, schemes: Collection[_Scheme], *, expires: bool) -> LeftOut | None:
    if any(scheme.has(part.name) for scheme in schemes):
        return LeftOut.SIGNATURE
    if part.name in _AKAMAI and "hmac" in part.value.lower():
        return LeftOut.SIGNATURE
    if expires and part.name in _SIGNING_NAMES and len(part.value) >= _SHORTEST_SIGNATURE:
        return LeftOut.SIGNATURE if _IS_TIME(part.value) is None else LeftOut.TIME
    is_session = part.name in _SESSION_NAMES and _IS_LONG(part.value) is not None
    return LeftOut.SESSION if is_session or _IS_ASP_SESSION(part.name) is not None else None


_LIKELY: Final[tuple[tuple[frozenset[str], Callable[[str], object], LeftOut], ...]] = (
    (_TOKEN_NAMES, bool, LeftOut.TOKEN),
    (_TIME_NAMES, _IS_TIME, LeftOut.TIME),
    (_CACHE_NAMES, _IS_NUMBER_OF_CHANCE, LeftOut.CACHE_BUSTER),
    (_names("sid"), _IS_PHPBB_SESSION, LeftOut.SESSION),
)


def _likely(part: _Parameter) -> LeftOut | None:
    """Return the reason that a parameter's name and value give, if something else names the file."""
    return next((reason for names, fits, reason in _LIKELY if part.name in names and fits(part.value)), None)


def _by_value(part: _Parameter) -> LeftOut | None:
    """Return the reason that a parameter's value alone gives; none if its name says which file it is, or whose."""
    if part.name and (_IS_NAMING(part.name) is not None or _IS_WHOSE(part.name) is not None):
        return None
    if _IS_EXACT_TIME(part.value) or (not part.name and _IS_TIME(part.value)):
        return LeftOut.TIME
    if _IS_JWT(part.value):
        return LeftOut.TOKEN
    return LeftOut.RANDOM if _is_random(part.value) else None


def _is_random(value: str) -> bool:
    if _IS_UUID(value):
        return True
    return _IS_LONG_TEXT(value) is not None and len(_KIND_CHANGES(value)) >= _LEAST_CHANGES * len(value)


def names_a_file(path: str) -> bool:
    """Whether the last segment of a path, or of a URL without query, is the name of a file, and not of a program."""
    if _has_extension(path):
        return True
    last = path.rpartition("/")[2]
    is_long = len(last) >= _SHORTEST_NAME and any(character.isdigit() for character in last)
    return is_long and not _is_program(last)


def may_name_a_file(parameter: str) -> bool:
    """Whether a parameter of this name, in lower case, says which file it is."""
    return _IS_NAMING(parameter) is not None


def _has_extension(path: str) -> bool:
    """Whether a path ends as a file's name does, such as `a.jpg`."""
    last = path.rpartition("/")[2]
    stem, _, extension = last.rpartition(".")
    # The last part of "v1.2" is no extension.
    return stem != "" and extension.isalnum() and not extension.isdecimal() and not _is_program(last)


def _is_program(name: str) -> bool:
    return "." in name and name.rpartition(".")[2].lower() in _PROGRAMS
