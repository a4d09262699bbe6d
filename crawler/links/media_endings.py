"""The one list of the endings by which pictures, films, sounds, archives of them and lists of them are known.

Python's `mimetypes` is another list, and a different one on every machine: it reads the tables that are installed
there, and some versions of it know no `.webp` and no `.avif`.
"""

from __future__ import annotations

from collections.abc import Iterable

_NAMES = """
    apng avif avifs bmp cr2 cur dib dng gif heic heics heif ico j2k jfif jif jp2 jpe jpeg jpf jpg jpx jxl jxr nef orf
    pcx pjp pjpeg png psd svg svgz tga tif tiff wdp webp xbm
    3g2 3gp 3gpp asf avi divx dv f4v flv h264 hevc m1v m2ts m2v m3u8 m4s m4v mj2 mk3d mkv mov mp4 mp4v mpd mpe mpeg mpg
    mpv mts mxf ogm ogv qt rm rmvb swf ts vob vtt webm wmv
    aac aif aiff amr flac m3u m4a m4b mka mp2 mp3 mpga oga ogg opus ra wav weba wma
    7z ace arj bz2 cb7 cbr cbt cbz djvu epub gz lzh lzma pdf rar tar tbz2 tgz txz tzst xz zip zipx zst
    asx atom f4m json pls ram rss smil wpl xml xspf
"""
MEDIA_ENDINGS = frozenset(_NAMES.split())


def any_of(words: Iterable[str]) -> str:
    """Return a pattern of any of the words in any case, that looks at each character once (a trie).

    In a plain `a|b|c` without case `re` tries the words one after the other.
    """
    by_first: dict[str, set[str]] = {}
    for word in words:
        by_first.setdefault(word[:1], set()).add(word[1:])
    is_whole = bool(by_first.pop("", None))
    branches = []
    for first, rests in sorted(by_first.items()):
        letter = first if first == first.upper() else f"[{first}{first.upper()}]"
        branches.append(letter + any_of(rests))
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if is_whole else ''}"
