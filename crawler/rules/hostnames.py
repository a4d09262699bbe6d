"""The host of a URL in its one spelling: an A-label name, a dotted quad or an IPv6 literal in brackets."""

from __future__ import annotations

import ipaddress
import re
from socket import inet_aton, inet_ntoa
from unicodedata import bidirectional, category
from urllib.parse import unquote_to_bytes

import idna
from orbweaver.crawler.errors import UrlRefused

MAX_HOST_LENGTH = 253
MAX_LABEL_LENGTH = 63

# Letters, digits, hyphen, and the underscore that real hosts have although RFC 952 has not.
_ASCII_LABEL = re.compile(r"[a-z0-9_-]++")
# Bidirectional classes for which RFC 5893 has rules of its own.
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
# WHATWG URL, "ends in a number": such a host is an IPv4 address or nothing, in browsers and getaddrinfo.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def canonicalise_host(text: str) -> str:
    """Return the one spelling of a URL's host; raises UrlRefused.

    >>> canonicalise_host("Fa\u00df.DE.")
    'xn--fa-hia.de'
    >>> canonicalise_host("0x7f.1")
    '127.0.0.1'
    >>> canonicalise_host("[2001:DB8:0::1]")
    '[2001:db8::1]'
    """
    if text.startswith("["):
        return _canonicalise_ipv6(text)
    if len(text) > 12 * MAX_HOST_LENGTH:  # escapes and mapping may shorten it, but not that much
        raise UrlRefused(f"host is longer than {MAX_HOST_LENGTH} characters")
    if "%" in text:
        text = _unescape(text)
    if not text.isascii():
        text = _map_unicode(text)
    host = text.lower().removesuffix(".")
    if not host:
        raise UrlRefused("empty host")
    labels = [_canonicalise_label(label) for label in host.split(".")]
    if _NUMBER.fullmatch(labels[-1]):
        return _canonicalise_ipv4(host)
    host = ".".join(labels)
    if len(host) > MAX_HOST_LENGTH:
        raise UrlRefused(f"host is longer than {MAX_HOST_LENGTH} characters")
    return host


def _unescape(text: str) -> str:
    """Undo percent escapes, as browsers do before anything else."""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise UrlRefused("escape in the host is not UTF-8") from None


def _map_unicode(text: str) -> str:
    """Fold widths, case, soft hyphens and other full stops as UTS 46 does; sharp s and final sigma stay."""
    try:
        mapped = idna.uts46_remap(text, std3_rules=False)
    except idna.IDNAError:
        raise UrlRefused("host has a character that no host name may have") from None
    # Mapping turns the care-of sign and its like into several ASCII characters, also into "%".
    if "%" in mapped:
        raise UrlRefused("percent sign in the host")
    return mapped


def _canonicalise_label(label: str) -> str:
    if not label:
        raise UrlRefused("empty label in the host")
    if label.isascii():
        # Punycode labels are kept as they came: hosts exist that today's IDNA tables would not allow.
        if not _ASCII_LABEL.fullmatch(label):
            raise UrlRefused("host has a character that no host name may have")
    else:
        # Label by label, because idna.encode() would refuse an underscore in a neighbouring ASCII label.
        try:
            label = idna.alabel(label).decode("ascii")
        except idna.IDNAError as error:
            if "too long" in str(error):
                raise UrlRefused(f"label in the host is longer than {MAX_LABEL_LENGTH} characters") from None
            if not _is_label_of_symbols(label):
                raise UrlRefused("host has a label that IDNA 2008 does not allow") from None
            label = "xn--" + label.encode("punycode").decode("ascii")
    if len(label) > MAX_LABEL_LENGTH:
        raise UrlRefused(f"label in the host is longer than {MAX_LABEL_LENGTH} characters")
    return label


def _is_label_of_symbols(label: str) -> bool:
    """Whether only its symbols keep a label out of IDNA 2008: registries sell such names, and browsers go there."""
    return all(
        (_ASCII_LABEL.fullmatch(character) if character.isascii() else category(character)[0] in "LNS")
        and bidirectional(character) not in _RIGHT_TO_LEFT
        for character in label
    )


def _canonicalise_ipv4(host: str) -> str:
    try:
        return inet_ntoa(inet_aton(host))
    except OSError:
        raise UrlRefused("host ends in a number but is not an IPv4 address") from None


def _canonicalise_ipv6(text: str) -> str:
    if not text.endswith("]"):
        raise UrlRefused("bracket in the host is not closed")
    if "%" in text:
        raise UrlRefused("IPv6 zone identifier in the host")
    try:
        address = ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        raise UrlRefused("host in brackets is not an IPv6 address") from None
    if address.ipv4_mapped is not None:
        # Python 3.13 began to print these with a dotted quad; a case's identity must not depend on that.
        low = int(address) & 0xFFFFFFFF
        return f"[::ffff:{low >> 16:x}:{low & 0xFFFF:x}]"
    return f"[{address.compressed}]"
