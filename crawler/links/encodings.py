"""The encoding of a page, as browsers find it, and its text: https://encoding.spec.whatwg.org/.

Only the encodings and the labels of that standard count. Python knows others, such as punycode (quadratic) and zlib
(not text), that a server must not be able to choose.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Final, NamedTuple

from orbweaver.crawler.links.pages.attribute_values import DATA_SCHEME
from orbweaver.crawler.links.pages.markup import read_attributes
from w3lib.encoding import read_bom

# https://encoding.spec.whatwg.org/#names-and-labels: first Python's codec, then the labels of the standard's encoding.
# The replacement encoding is decoded as UTF-8: browsers show one character, and the links of such a page are ASCII.
_LABELS: Final = """
    utf-8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8
    utf-8 csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement
    utf-16-be unicodefffe utf-16be
    utf-16-le csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le
    cp866 866 cp866 csibm866 ibm866
    iso8859-2 csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
    iso8859-3 csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
    iso8859-4 csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
    iso8859-5 csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988
    iso8859-6 arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i \
        iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
    iso8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7 \
        iso_8859-7:1987 sun_eu_greek
    iso8859-8 csiso88598e csiso88598i csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-8859-8-i iso-ir-138 \
        iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 logical visual
    iso8859-10 csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6
    iso8859-13 iso-8859-13 iso8859-13 iso885913
    iso8859-14 iso-8859-14 iso8859-14 iso885914
    iso8859-15 csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9
    iso8859-16 iso-8859-16
    koi8-r cskoi8r koi koi8 koi8-r koi8_r
    koi8-u koi8-ru koi8-u
    mac-roman csmacintosh mac macintosh x-mac-roman
    mac-cyrillic x-mac-cyrillic x-mac-ukrainian
    cp874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
    cp1250 cp1250 windows-1250 x-cp1250
    cp1251 cp1251 windows-1251 x-cp1251
    cp1252 ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 \
        iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252 x-user-defined
    cp1253 cp1253 windows-1253 x-cp1253
    cp1254 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 \
        windows-1254 x-cp1254
    cp1255 cp1255 windows-1255 x-cp1255
    cp1256 cp1256 windows-1256 x-cp1256
    cp1257 cp1257 windows-1257 x-cp1257
    cp1258 cp1258 windows-1258 x-cp1258
    gb18030 gb18030
    gbk chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk
    big5hkscs big5 big5-hkscs cn-big5 csbig5 x-x-big5
    euc_jp cseucpkdfmtjapanese euc-jp x-euc-jp
    iso2022_jp csiso2022jp iso-2022-jp
    cp932 csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis
    cp949 cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949
"""
_CODECS: Final[dict[str, str]] = {
    label: codec
    for codec, *labels in (line.split() for line in _LABELS.replace("\\\n", "").strip().splitlines())
    for label in labels
}
_UTF_8: Final = "utf-8"
_DEFAULT: Final = "cp1252"
# The standard's decoder of GBK is that of its superset; they differ in what they encode.
_DECODERS: Final = {"gbk": "gb18030"}
# Where browsers look before they begin to parse, https://html.spec.whatwg.org/multipage/parsing.html#determining-the-
# character-encoding, is 1,024 bytes; a declaration behind that changes the encoding when the parser comes to it.
_DECLARED_WITHIN: Final = 16 * 1024

_CHARSET_PARAMETER = re.compile(
    r"""charset\s*+=\s*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>[^\s;"',]++))""", re.IGNORECASE
)
_XML_DECLARATION = re.compile(r"""<\?xml[^>]*?\sencoding\s*+=\s*+["'](?P<label>[^"'>]*+)""")
_META = re.compile(
    r"<!--.*?(?:-->|\Z)|<meta(?=[\s/])(?P<inside>[^>]*+)|<(?:title|script|style)\b.*?(?:</|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_META_ATTRIBUTES = frozenset({"charset", "content", "http-equiv"})


class DecodedText(NamedTuple):
    """A text, and the codec in which it encodes the queries of its URLs; None is UTF-8."""

    text: str
    query_codec: str | None


# For speed: a page is decoded to see whether it is a gate, and again for its links.
@lru_cache(maxsize=1)
def decode(body: bytes, content_type: str | None) -> DecodedText:
    """Decode as browsers do: byte order mark, Content-Type, declaration, else UTF-8, or cp1252 when it is no UTF-8."""
    encoding, mark = read_bom(body)
    if encoding is not None and mark is not None:
        return DecodedText(_text(body[len(mark) :], encoding), None)
    codec = codec_of(_charset_of(content_type or "")) or _declared(body)
    if codec is None:
        try:
            return DecodedText(body.decode(_UTF_8), None)
        except UnicodeDecodeError:
            codec = _DEFAULT
    # https://encoding.spec.whatwg.org/#get-an-output-encoding
    return DecodedText(_text(body, codec), None if codec.startswith("utf-") else codec)


def codec_of(label: str) -> str | None:
    """Return Python's codec for a label of the standard; None when it has no such label."""
    return _CODECS.get(label.strip("\t\n\f\r ").lower())


def _charset_of(text: str) -> str:
    """Return the charset that a Content-Type, or the content of a meta, names; "" when it names none."""
    match = _CHARSET_PARAMETER.search(text)
    return next((value for value in match.groups() if value is not None), "") if match else ""


def _declared(body: bytes) -> str | None:
    head = body[:_DECLARED_WITHIN].decode("latin-1")
    if "charset" in head or "harset" in head.lower():
        for meta in _META.finditer(head):
            inside = meta["inside"]
            if inside is None:
                continue
            attributes = read_attributes(inside, _META_ATTRIBUTES)
            label = attributes.get("charset")
            if label is None and attributes.get("http-equiv", "").lower() == "content-type":
                label = _charset_of(attributes.get("content", ""))
            codec = codec_of(label or "")
            if codec is not None:
                # The declaration was legible as ASCII, so it cannot be true (the standard says so, too).
                return _UTF_8 if codec.startswith("utf-16") else codec
    declaration = _XML_DECLARATION.match(head)
    codec = None if declaration is None else codec_of(declaration["label"])
    return _UTF_8 if codec is not None and codec.startswith("utf-16") else codec


def _text(body: bytes, codec: str) -> str:
    return body.decode(_DECODERS.get(codec, codec), "replace" if codec.startswith("utf-") else _ERRORS)


_ERRORS: Final = "orbweaver-whatwg"


def _one_wrong_byte(error: UnicodeError) -> tuple[str, int]:
    """Decode a byte that Python's table lacks: the standard's tables of one byte a character have C1 controls there."""
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    is_control = error.encoding.startswith(("cp125", "charmap")) and 0x80 <= byte < 0xA0
    return (chr(byte) if is_control else "\ufffd"), error.start + 1


codecs.register_error(_ERRORS, _one_wrong_byte)


def encode_query(reference: str, codec: str) -> str:
    """Return a reference with the characters of its query that are not ASCII escaped in an encoding, as browsers do.

    A character that the encoding has not becomes a reference of HTML.
    https://url.spec.whatwg.org/#string-percent-encode-after-encoding
    """
    if reference.isascii():
        return reference
    whole, mark, fragment = reference.partition("#")
    path, question, query = whole.partition("?")
    if query.isascii() or DATA_SCHEME.match(reference.lstrip()):
        return reference
    return f"{path}{question}{_NOT_ASCII.sub(lambda run: _escaped(run[0], codec), query)}{mark}{fragment}"


def _escaped(text: str, codec: str) -> str:
    escaped = []
    for character in text:
        try:
            octets = character.encode(codec)
        except UnicodeEncodeError:
            octets = f"&#{ord(character)};".encode()
        escaped += [f"%{octet:02X}" for octet in octets]
    return "".join(escaped)
