"""The small grammars inside HTML attribute values: srcset, meta refresh, CSS and data: URIs; each in linear time."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DataUri:
    """A file inside the document: the media type it declares, and its bytes, which no repr shows."""

    media_type: str
    data: bytes = field(repr=False)


# https://html.spec.whatwg.org/multipage/images.html#parse-a-srcset-attribute: a URL ends at white space,
# or at commas that white space follows, so commas inside it are its own.
_SRCSET_URL = re.compile(r"[\s,]*+(\S++)", re.ASCII)
_SRCSET_DESCRIPTORS = re.compile(r"(?:[^,(]++|\([^)]*+\)?+)*+", re.ASCII)


def srcset_references(srcset: str) -> Iterator[str]:
    """Yield the URLs of a srcset, as written."""
    position = 0
    while candidate := _SRCSET_URL.match(srcset, position):
        position = candidate.end()
        reference = candidate[1]
        if reference.endswith(","):
            yield reference.rstrip(",")
        else:
            yield reference
            descriptors = _SRCSET_DESCRIPTORS.match(srcset, position)
            position = descriptors.end() if descriptors else position


_REFRESH = re.compile(
    r"""\s*+[\d.]*+\s*+[;,]?\s*+(?:url\s*+=\s*+)?(?:"(?P<double>[^"]*)|'(?P<single>[^']*)|(?P<bare>.*))""",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)


def refresh_reference(content: str) -> str:
    """Return the URL of a meta refresh's content, "" when it has none."""
    match = _REFRESH.match(content)
    return next((value for value in match.groups() if value is not None), "") if match else ""


# https://www.w3.org/TR/css-syntax-3/#consume-url-token; the end of input closes what is open.
_CSS_STRING = r""" "(?P<{0}double>(?:[^"\\\n]|\\.)*+)(?:"|\Z) | '(?P<{0}single>(?:[^'\\\n]|\\.)*+)(?:'|\Z) """
_CSS_REFERENCE = re.compile(
    rf"""
      url\(\s*+
      (?: {_CSS_STRING.format("url_")} | (?P<url_bare>(?:[^"'()\\\s]|\\[0-9a-f]{{1,6}}\s?|\\.)++) )
      \s*+(?:\)|\Z)
    | @import\s*+(?: {_CSS_STRING.format("import_")} )
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
# https://www.w3.org/TR/css-images-4/#image-set-notation: there, a string is a reference, unless it is a type.
_IMAGE_SET = re.compile(r"image-set\((?P<choices>(?:[^()]++|\([^()]*+\)?+)*+)", re.ASCII | re.IGNORECASE)
_IMAGE_SET_STRING = re.compile(
    rf"[a-z-]++\((?:[^()]*+)\)?+ | {_CSS_STRING.format('set_')}", re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\r\n\f])?|(\r\n|.))", re.DOTALL | re.IGNORECASE)


def css_references(css: str) -> Iterator[str]:
    """Yield what `url()`, `@import` and `image-set()` of a style refer to, escapes undone."""
    for match in _CSS_REFERENCE.finditer(css):
        yield _CSS_ESCAPE.sub(_css_character, match[match.lastgroup or 0])
    for choices in _IMAGE_SET.finditer(css):
        for match in _IMAGE_SET_STRING.finditer(choices["choices"]):
            if match.lastgroup:
                yield _CSS_ESCAPE.sub(_css_character, match[match.lastgroup])


def _css_character(escape_sequence: re.Match[str]) -> str:
    digits, character = escape_sequence.groups()
    if digits is None:
        return "" if character in {"\n", "\r", "\r\n", "\f"} else str(character)
    code = int(digits, 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"


_C0_OR_SPACE = "".join(map(chr, range(0x21)))
_TAB_OR_NEWLINE = str.maketrans("", "", "\t\n\r")
DATA_SCHEME = re.compile(r"[\t\n\r]*".join("data:"), re.IGNORECASE)
# By runs: urllib.parse.unquote_to_bytes takes 360 MB for 5 MB.
_PERCENT_ENCODED = re.compile(rb"(?:%[0-9A-Fa-f]{2})++")
_BASE64_MARK = re.compile(r"; *base64 *\Z", re.IGNORECASE)


def trim(reference: str) -> str:
    """Return a reference without the spaces and control characters around it, as browsers read it."""
    return reference.strip(_C0_OR_SPACE)


def decode_data_uri(uri: str) -> DataUri:
    """Decode as https://fetch.spec.whatwg.org/#data-urls does; raises ValueError when it is malformed."""
    header, comma, payload = uri.translate(_TAB_OR_NEWLINE)[len("data:") :].partition("#")[0].partition(",")
    if not comma:
        raise ValueError("a data: URI without a comma")
    header = header.strip()
    data = _PERCENT_ENCODED.sub(_percent_decode, payload.encode("utf-8", "replace"))
    if mark := _BASE64_MARK.search(header):
        header = header[: mark.start()]
        data = _decode_base64(data)
    return DataUri(media_type=header.partition(";")[0].strip().lower() or "text/plain", data=data)


def _percent_decode(run: re.Match[bytes]) -> bytes:
    return bytes.fromhex(run[0].replace(b"%", b"").decode("ascii"))


def _decode_base64(data: bytes) -> bytes:
    """Decode as https://infra.spec.whatwg.org/#forgiving-base64-decode does: spaces and padding optional."""
    data = b"".join(data.split())
    if len(data) % 4 == 0:
        data = data.removesuffix(b"=").removesuffix(b"=")
    try:
        return a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
    except Base64Error as error:
        raise ValueError("a data: URI with malformed base64") from error
