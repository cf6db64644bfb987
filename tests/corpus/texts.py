"""Text, and what else is made of letters: pages of the web, drawings, shortcuts, lists; letters that hide or turn round."""

from __future__ import annotations

from functools import partial

from . import Case, Expected, refused, sound

TEXT = "text/plain"

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><foreignObject><iframe src="javascript:alert(1)"/>'
    '</foreignObject><image href="file:///etc/passwd"/></svg>'
)
ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><svg>&i;</svg>"
)
MHT = "From: <Saved by a browser>\r\nSubject: work\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n<html></html>"


def _plain(text: str, encoding: str = "utf-8") -> bytes:
    return text.encode(encoding)


CASES: tuple[Case, ...] = (
    Case("text-one-line", "1001.txt", lambda: b"My evaluation", sound(TEXT, 1)),
    Case("text-crlf", "1001.txt", lambda: b"one\r\ntwo\r\n" * 100, sound(TEXT, 4)),
    Case("text-utf8-with-mark", "1001.txt", lambda: b"\xef\xbb\xbfWelsh: t\xc5\xb7", sound(TEXT, 1)),
    Case(
        "text-welsh", "1001.txt", partial(_plain, "Mae'r tŷ yn ŵyl, â phêl, î, ô, ú — £5 “dyfyniad” …"), sound(TEXT, 1)
    ),
    Case("text-greek-cyrillic-maths", "1001.txt", partial(_plain, "αβγ Привет ∑ √2 ≤ π ± ½ → €"), sound(TEXT, 1)),
    Case("text-utf16-little", "1001.txt", partial(_plain, "\ufeffdeg y cant", "utf-16-le"), sound(TEXT, 1)),
    Case("text-utf16-big", "1001.txt", partial(_plain, "\ufeffdeg y cant", "utf-16-be"), sound(TEXT, 1)),
    Case("text-utf16-broken", "1001.txt", lambda: b"\xff\xfe\x00\xd8A", refused("unknown-type")),
    Case("text-utf16-without-mark", "1001.txt", partial(_plain, "deg y cant", "utf-16-le"), refused("unknown-type")),
    Case("text-utf32", "1001.txt", partial(_plain, "deg y cant", "utf-32"), refused("unknown-type")),
    Case(
        "text-windows-1252",
        "1001.txt",
        partial(_plain, "caf\u00e9 \u20ac5 \u201cquote\u201d", "cp1252"),
        sound(TEXT, 1),
    ),
    Case(
        "text-utf7-stays-as-written", "1001.txt", lambda: b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", sound(TEXT, 1)
    ),
    Case("text-utf8-overlong", "1001.txt", lambda: b"a\xc0\xafb \x81", refused("unknown-type")),
    Case("text-nul", "1001.txt", lambda: b"a\x00b", refused("unknown-type")),
    Case("text-escape-codes", "1001.txt", lambda: b"\x1b[2J\x1b]0;title\x07 hello", refused("unknown-type")),
    Case("text-only-escape", "1001.txt", lambda: b"\x1b[31mred\x1b[0m", sound(TEXT, 1, "hidden-signs")),
    Case("text-turned-round", "1001.txt", partial(_plain, "abc\u202ecba\u202c"), sound(TEXT, 1, "hidden-signs")),
    Case("text-isolates", "1001.txt", partial(_plain, "if (a\u2066/*\u2069) {"), sound(TEXT, 1, "hidden-signs")),
    Case("text-invisible-letters", "1001.txt", partial(_plain, "a\u200bb\U000e0041"), sound(TEXT, 1, "hidden-signs")),
    Case("text-private-letters", "1001.txt", partial(_plain, "a\ue000b"), sound(TEXT, 1, "hidden-signs")),
    Case(
        "text-emoji",
        "1001.txt",
        partial(_plain, "well done \U0001f9d1\u200d\U0001f52c"),
        sound(TEXT, 1, "hidden-signs", "missing-signs"),
    ),
    Case("text-combining", "1001.txt", partial(_plain, "Z" + "\u0301\u0302\u0303" * 300), sound(TEXT, 1)),
    Case("text-arabic", "1001.txt", partial(_plain, "مرحبا"), refused("text-script", TEXT)),
    Case("text-hebrew", "1001.txt", partial(_plain, "שלום"), refused("text-script", TEXT)),
    Case("text-chinese", "1001.txt", partial(_plain, "你好"), refused("text-script", TEXT)),
    Case("text-spaces-only", "1001.txt", lambda: b" \r\n\t" * 50, refused("empty")),
    Case("text-line-of-4-mb", "1001.txt", lambda: b"a" * 4_000_000, sound(TEXT, 769)),
    Case("text-line-of-100-mb", "1001.txt", lambda: b"a" * 100_000_000, refused("too-large", TEXT)),
    Case("text-5-million-lines", "1001.txt", lambda: b"\n" * 4_999_999 + b"x", refused("too-large", TEXT)),
    Case("text-tabs", "1001.txt", lambda: b"\t" * 100_000 + b"x", sound(TEXT, 76)),
    Case("text-formulas", "1001.csv", lambda: b"name,mark\n=cmd|'/c calc'!A0,@SUM(1)\n", sound(TEXT, 1)),
    Case("text-named-pdf", "1001.pdf", lambda: b"hello", Expected(TEXT, pages=1, other_name=True)),
    Case("text-named-html", "1001.html", lambda: b"hello", Expected(TEXT, pages=1, other_name=True)),
    Case(
        "text-code-of-a-web-page",
        "1001.txt",
        lambda: b"Listing 1:\n<html><script>alert(1)</script></html>",
        sound(TEXT, 1),
    ),
    Case(
        "text-script-of-a-shell", "1001.sh", lambda: b"#!/bin/sh\nrm -rf /\n", Expected(TEXT, pages=1, other_name=True)
    ),
    Case("web-page", "1001.html", lambda: b"<!DOCTYPE html><html><body>work</body></html>", refused("web-page")),
    Case("web-page-named-txt", "1001.txt", lambda: b"  \n<HTML><script>alert(1)</script>", refused("web-page")),
    Case(
        "web-page-utf16",
        "1001.txt",
        partial(_plain, "\ufeff<html><script>alert(1)</script>", "utf-16-le"),
        refused("web-page"),
    ),
    Case(
        "web-page-xhtml",
        "1001.xhtml",
        lambda: b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"/>',
        refused("web-page"),
    ),
    Case("web-page-script-only", "1001.htm", lambda: b"<script>alert(1)</script>", refused("web-page")),
    Case("svg-script", "1001.svg", partial(_plain, SVG), refused("svg")),
    Case("svg-entities", "1001.svg", partial(_plain, ENTITIES), refused("svg")),
    Case("svg-after-remark", "1001.png", partial(_plain, "<!-- drawn by me -->\n" + SVG), refused("svg")),
    Case(
        "mvg", "1001.mvg", lambda: b"push graphic-context\nimage over 0,0 0,0 'https://example.org/x'\n", refused("svg")
    ),
    Case(
        "xml-outside-entity",
        "1001.xml",
        lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        refused("xml"),
    ),
    Case("mht", "1001.mht", partial(_plain, MHT), refused("web-archive")),
    Case("url-shortcut", "1001.url", lambda: b"[InternetShortcut]\r\nURL=file://host/share/x\r\n", refused("shortcut")),
    Case("desktop-shortcut", "1001.desktop", lambda: b"[Desktop Entry]\nExec=sh -c id\n", refused("shortcut")),
    Case(
        "gdoc-stub",
        "1001.gdoc",
        lambda: b'{"url": "https://docs.google.com/open?id=1", "doc_id": "1", "email": "a@example.org"}',
        refused("cloud-shortcut"),
    ),
    Case(
        "gsheet-stub",
        "1001.gsheet",
        lambda: b'{"":"WARNING! DO NOT EDIT THIS FILE!","doc_id":"1","resource_key":""}',
        refused("cloud-shortcut"),
    ),
    Case("playlist-m3u8", "1001.mp4", lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", refused("playlist")),
    Case("playlist-concat", "1001.mp4", lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", refused("playlist")),
    Case("playlist-pls", "1001.mp3", lambda: b"[playlist]\nFile1=http://example.org/x\n", refused("playlist")),
    Case("postscript", "1001.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file\n", refused("postscript")),
    Case("calendar", "1001.ics", lambda: b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", refused("contact")),
)
