"""Finds files and folders in listings that programs read: nginx's `autoindex_format`, and those of object stores.

Every name in them is a file or a folder, whatever its ending is, and a long listing goes on at another URL. Formats:
https://nginx.org/en/docs/http/ngx_http_autoindex_module.html (others write the same JSON),
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (Google, Ceph, MinIO, Alibaba and others do so,
too), https://learn.microsoft.com/en-us/rest/api/storageservices/list-blobs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.xml_tags import Tag

_ENTRY = re.compile(
    r'\{\s*+"name"\s*+:\s*+"(?P<name>[^"\\]{0,1024}+(?:\\.[^"\\]{0,1024}+){0,256})"\s*+,'
    r'\s*+"type"\s*+:\s*+"(?P<type>directory|file)"'
)
_BEGINNING = re.compile(rf"\s*+\[\s*+{_ENTRY.pattern}")
# The parameters that say where a listing goes on, and are not handed on to its next page.
_PLACES = frozenset({"marker", "continuation-token", "key-marker", "start-after"})


def add_json_listing(found: FoundLinks, text: str) -> None:
    """Add the entries of a folder in nginx's JSON; other JSON has none."""
    if _BEGINNING.match(text) is None:
        return
    for entry in _ENTRY.finditer(text):
        if found.is_truncated:
            return
        try:
            name = str(json.loads(f'"{entry["name"]}"', strict=False))
        except ValueError:
            continue
        _add_entry(found, name, is_folder=entry["type"] == "directory")


def add_xml_listing(found: FoundLinks, root: str, tags: Iterable[Tag]) -> None:
    """Add the entries of a listing in XML whose first element is `root`, in lower case; other XML has none."""
    if add := _BY_ROOT.get(root):
        add(found, tags)


def _add_nginx_list(found: FoundLinks, tags: Iterable[Tag]) -> None:
    for tag in tags:
        if found.is_truncated:
            return
        if tag.name in {"directory", "file"} and not tag.is_end:
            _add_entry(found, tag.text, is_folder=tag.name == "directory")


def _add_entry(found: FoundLinks, name: str, *, is_folder: bool) -> None:
    if name.strip("./"):
        found.add(quote(name, safe="") + "/" * is_folder, LinkKind.PAGE if is_folder else LinkKind.FILE)


def _add_bucket(found: FoundLinks, tags: Iterable[Tag]) -> None:
    is_in_prefixes = is_cut = False
    last_key = next_marker = next_token = ""
    for tag in tags:
        if found.is_truncated:
            break
        if tag.name == "CommonPrefixes":
            is_in_prefixes = not tag.is_end
        elif tag.is_end:
            continue
        elif tag.name == "Key":
            last_key = tag.text
            _add_key(found, tag.text)
        elif tag.name == "Prefix" and is_in_prefixes:
            _add_page(found, prefix=tag.text)
        elif tag.name == "IsTruncated":
            is_cut = tag.text.strip() == "true"
        elif tag.name == "NextMarker":
            next_marker = tag.text
        elif tag.name == "NextContinuationToken":
            next_token = tag.text
    if is_cut and next_token:
        _add_page(found, **{"list-type": "2", "continuation-token": next_token})
    elif is_cut and (next_marker or last_key):
        _add_page(found, marker=next_marker or last_key)


def _add_container(found: FoundLinks, tags: Iterable[Tag]) -> None:
    is_in_prefix = False
    for tag in tags:
        if found.is_truncated:
            return
        if tag.name == "BlobPrefix":
            is_in_prefix = not tag.is_end
        elif tag.name == "Name" and not tag.is_end:
            if is_in_prefix:
                _add_page(found, prefix=tag.text)
            else:
                _add_key(found, tag.text)
        elif tag.name == "NextMarker" and not tag.is_end and tag.text.strip():
            _add_page(found, marker=tag.text)


def _add_key(found: FoundLinks, key: str) -> None:
    """Add an object by its key, which is relative to its bucket: the URL of the listing without its query."""
    if key.strip("/") and not key.endswith("/"):
        found.add(f"{_bucket(found)}{quote(key)}", LinkKind.FILE)


def _add_page(found: FoundLinks, **parameters: str) -> None:
    """Add another page of a listing, asked for as this one was but for `parameters` and the place where it began."""
    asked = parse_qsl(urlsplit(found.page).query, keep_blank_values=True)
    kept = {name: value for name, value in asked if name not in _PLACES}
    found.add(f"{_bucket(found)}?{urlencode({**kept, **parameters}, quote_via=quote)}", LinkKind.PAGE)


def _bucket(found: FoundLinks) -> str:
    return urlsplit(found.page).path.rstrip("/") + "/"


_BY_ROOT: dict[str, Callable[[FoundLinks, Iterable[Tag]], None]] = {
    "list": _add_nginx_list,
    "listbucketresult": _add_bucket,
    "enumerationresults": _add_container,
}
