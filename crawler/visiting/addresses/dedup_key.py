"""Makes the key that URLs share which are probably the same: the order of a query and session ids are not in it.

The key is never fetched, and alone it proves nothing: a server may tell apart what has the same key. same_addresses.py
compares what it answers.
"""

from __future__ import annotations

import re
from typing import Final

# Each is documented by its owner as written for counting clicks and for nothing else.
_TRACKING_NAMES = """
    _ga _gl _hsenc _hsmi _openstat dclid fbclid gbraid gclid gclsrc hsctatracking igsh igshid li_fat_id mc_cid mc_eid
    mkt_tok msclkid oly_anon_id oly_enc_id rb_clickid srsltid ttclid twclid vero_id wbraid wickedid yclid ysclid
"""
_TRACKING: Final = frozenset(_TRACKING_NAMES.split())
_TRACKING_PREFIXES: Final = ("utm_", "mtm_")
_COLDFUSION: Final = frozenset({"cfid", "cftoken"})
# A session id is long and random: "sid=12" is as likely the number of a story, so only phpBB's 32 digits are one.
_LONG: Final = r"(?=[a-z!,._-]*[0-9])[0-9a-z!,._-]{16,}+"
_SESSION_IDS: Final = {
    **dict.fromkeys(
        ["jsessionid", "oscsid", "phpsessid", "sessid", "session_id", "sessionid", "xtcsid", "zenid"], _LONG
    ),
    "sid": "[0-9a-f]{32}",
}
_IS_SESSION_ID: Final = {name: re.compile(form, re.IGNORECASE).fullmatch for name, form in _SESSION_IDS.items()}
_IS_ASP_SESSION = re.compile(r"aspsessionid[a-z]{6,10}=[a-z]{16,}+", re.IGNORECASE).fullmatch
# Java servlets write it behind a path segment; ASP.NET without cookies writes a segment of its own, "(S(...))".
_SESSION_IN_PATH = re.compile(
    rf";(?:{'|'.join(f'{name}={form}' for name, form in _SESSION_IDS.items())})(?=[;/]|\Z)"
    r"|/(?:\((?:[a-z]\([0-9a-z]{20,}+\))+\))(?=/)",
    re.IGNORECASE,
)


def key(url: str) -> str:
    """Return a text that is equal for URLs that differ only in parts that do not count; `url` is canonical.

    That is: the order of named query parameters, session ids, and parameters of click counters. Parameters of one
    name keep their order, and so does a query with a part that has no name.

    >>> key("http://example.com/a;jsessionid=0123456789ABCDEF?b=1&utm_source=x&a=2")
    'http://example.com/a?a=2&b=1'
    """
    # Of 20 links on a page, most are done here.
    if "?" not in url and ";" not in url and "(" not in url:
        return url
    path, _, query = url.partition("?")
    if ";" in path or "(" in path:
        path = _SESSION_IN_PATH.sub("", path)
    if not query:
        return path
    written = query.split("&")
    parameters = [parameter for parameter in written if not _does_not_count(parameter)]
    if not any(parameters) and len(parameters) < len(written):
        return path  # what is left is nothing, or the "&" between nothing and nothing
    if len(parameters) > 1 and all("=" in parameter for parameter in parameters):
        parameters.sort(key=_name_of)
    return f"{path}?{'&'.join(parameters)}"


ORDER: Final = "order"
CLICK_COUNTERS: Final = "click counters"


def parts_left_out(url: str) -> tuple[str, ...]:
    """Return the names of what the key leaves out of a canonical URL, sorted; () when a URL has no other spelling.

    ORDER stands for the order of two named parameters or more, CLICK_COUNTERS for all parameters of click counters,
    "path" for a session id in the path.

    >>> parts_left_out("http://example.com/a;jsessionid=0123456789ABCDEF?b=1&utm_source=x&a=2")
    ('click counters', 'order', 'path')
    """
    if "?" not in url and ";" not in url and "(" not in url:
        return ()
    path, _, query = url.partition("?")
    names = {"path"} if (";" in path or "(" in path) and _SESSION_IN_PATH.search(path) else set()
    parameters = query.split("&") if query else []
    counting = []
    for parameter in parameters:
        if _does_not_count(parameter):
            name = parameter.partition("=")[0].lower()
            names.add(CLICK_COUNTERS if name in _TRACKING or name.startswith(_TRACKING_PREFIXES) else name)
        else:
            counting.append(parameter)
    if len(counting) > 1 and all("=" in parameter for parameter in counting) and len(set(map(_name_of, counting))) > 1:
        names.add(ORDER)
    return tuple(sorted(names))


def place_of(url: str) -> str:
    """Return what the URLs of one script have in common: the path, and the names of the parameters that count.

    >>> place_of("http://example.com/a;jsessionid=0123456789ABCDEF?b=1&utm_source=x&a=2")
    'http://example.com/a?a&b'
    """
    path, _, query = url.partition("?")
    names = {parameter.partition("=")[0] for parameter in query.split("&") if not _does_not_count(parameter)}
    return f"{_SESSION_IN_PATH.sub('', path)}?{'&'.join(sorted(names))}"


def _does_not_count(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    name = name.lower()
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES) or name in _COLDFUSION:
        return True
    if name in _IS_SESSION_ID:
        return _IS_SESSION_ID[name](value) is not None
    return name.startswith("aspsessionid") and _IS_ASP_SESSION(parameter) is not None


def _name_of(parameter: str) -> str:
    return parameter[: parameter.index("=")]
