"""Reads the small grammars inside HTML attribute values in linear time: srcset, meta refresh, CSS and data: URIs."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass, field

from orbweaver.crawler.bodies.repetition import end_of_run


@dataclass(frozen=True, slots=True)
class DataUri:
    """A file inside the document: the media type that it declares, and its bytes, which no repr shows."""

    media_type: str
    data: bytes = field(repr=False)


# https://html.spec.whatwg.org/multipage/images.html#parse-a-srcset-attribute: a URL ends at white space,
# or at commas that white space follows, so commas inside it are its own.
_SRCSET_URL = re.compile(r"[ \t\n\f\r,]*+([^ \t\n\f\r]++)")
_SRCSET_DESCRIPTORS = re.compile(r"(?:[^,(]++|\([^)]*+\)?+){1,64}", re.ASCII)


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
            position = end_of_run(_SRCSET_DESCRIPTORS, srcset, position)


_REFRESH = re.compile(
    r"""\s*+(?P<seconds>[\d.]*+)\s*+[;,]?\s*+(?:url\s*+=\s*+)?(?:"(?P<double>[^"]*)|'(?P<single>[^']*)|(?P<bare>.*))""",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)


def refresh_reference(content: str) -> str:
    """Return the URL of a meta refresh's content, "" when it has none."""
    match = _REFRESH.match(content)
    return next((value for value in match.groups()[1:] if value is not None), "") if match else ""


def refresh_seconds(content: str) -> float:
    """Return after how many whole seconds a meta refresh goes where its content says.

    >>> refresh_seconds("5.9; url=/next")
    5.0
    """
    match = _REFRESH.match(content)
    digits = match["seconds"].partition(".")[0][:9] if match else ""
    return float(digits or 0)


# https://www.w3.org/TR/css-syntax-3/#consume-url-token; the end of input closes what is open.
_CSS_REFERENCE = re.compile(r"""(?P<url>url\(\s*+)|@import\s*+(?=["'])""", re.ASCII | re.IGNORECASE)
_IN_URL = re.compile(r"""(?:[^"'()\\\s]++|\\[0-9a-f]{1,6}+\s?+|\\[^0-9a-f]){1,64}""", re.ASCII | re.IGNORECASE)
_URL_END = re.compile(r"\s*+(?:\)|\Z)", re.ASCII)
_IN_STRING = {
    '"': re.compile(r'(?:[^"\\\n]++|\\.){1,64}', re.DOTALL),
    "'": re.compile(r"(?:[^'\\\n]++|\\.){1,64}", re.DOTALL),
}
# https://www.w3.org/TR/css-images-4/#image-set-notation: in it a string is a reference, unless it names a type.
_IMAGE_SET = re.compile(r"image-set\(", re.ASCII | re.IGNORECASE)
_IN_IMAGE_SET = re.compile(r"(?:[^()]++|\([^()]*+\)?+){1,64}")
_CHOICE = re.compile(r"""(?P<function>(?<![a-z-])[a-z-]++\([^()]*+\)?+)|["']""", re.ASCII | re.IGNORECASE)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\r\n\f])?|(\r\n|.))", re.DOTALL | re.IGNORECASE)


def css_references(css: str) -> Iterator[str]:
    """Yield the references in `url()`, `@import` and `image-set()` of a style, escapes undone."""
    position = 0
    while start := _CSS_REFERENCE.search(css, position):
        position = start.end()
        written, end = (_read_string if css.startswith(('"', "'"), position) else _read_bare_url)(css, position)
        if start["url"]:
            closing = _URL_END.match(css, end)
            written, end = (written, closing.end()) if closing else (None, end)
        if written is not None:
            position = end
            yield _CSS_ESCAPE.sub(_css_character, written)
    position = 0
    while start := _IMAGE_SET.search(css, position):
        position = end_of_run(_IN_IMAGE_SET, css, start.end())
        yield from _image_set_references(css[start.end() : position])


def _image_set_references(choices: str) -> Iterator[str]:
    position = 0
    while choice := _CHOICE.search(choices, position):
        position = choice.end()
        if not choice["function"]:
            # A string that a line end cuts short is left out, as in browsers.
            written, position = _read_string(choices, choice.start())
            if written is not None:
                yield _CSS_ESCAPE.sub(_css_character, written)


def _read_string(css: str, position: int) -> tuple[str | None, int]:
    """Return the text of the string at `position` (None when a line end cuts it short), and where it ends."""
    end = end_of_run(_IN_STRING[css[position]], css, position + 1)
    if end == len(css):
        return css[position + 1 :], end
    return (css[position + 1 : end], end + 1) if css[end] == css[position] else (None, end)


def _read_bare_url(css: str, position: int) -> tuple[str | None, int]:
    end = end_of_run(_IN_URL, css, position)
    return css[position:end] or None, end


def _css_character(escape_sequence: re.Match[str]) -> str:
    digits, character = escape_sequence.groups()
    if digits is None:
        return "" if character in {"\n", "\r", "\r\n", "\f"} else str(character)
    code = int(digits, 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"


_C0_OR_SPACE = "".join(map(chr, range(0x21)))
_TAB_OR_NEWLINE = str.maketrans("", "", "\t\n\r")
DATA_SCHEME = re.compile(r"[\t\n\r]*".join("data:"), re.IGNORECASE)
# Many escapes at once: urllib.parse.unquote_to_bytes takes 360 MB for 5 MB.
_PERCENT_ENCODED = re.compile(rb"(?:%[0-9A-Fa-f]{2}){1,512}")
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
