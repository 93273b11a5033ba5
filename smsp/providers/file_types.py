"""PURE. Whether the type that a file is declared to have fits the name that it has.

Owns what extensions stand for: the table of the standard library, which is the same on every
host since ``/etc/mime.types`` is not asked, and below it what is common in mail and either missing
there, or not the same in every Python. Never looks into a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from mimetypes import MimeTypes
from types import MappingProxyType


class Fit(Enum):
    """How a declared type and a file name go together."""

    SAME = auto()
    """The type is the one that the extension stands for."""
    SYNONYM = auto()
    """It is another word for that, or says less: ``image/jpg``, ``application/xml``,
    ``application/rss+xml`` of a ``.xml``, ``application/octet-stream`` of anything."""
    UNDECIDED = auto()
    """The name has no extension, or one that is not in the table: it says nothing."""
    CONTRADICTION = auto()
    """The extension stands for something else."""


def fit(content_type: str, filename: str) -> Fit:
    """Hold a type, with or without parameters, against a name. Letters' case does not matter.

    Only the last extension counts (``a.tar.gz`` is a ``.gz``), and a name that is nothing but an
    extension (``.csv``) has none.
    """
    stem, dot, extension = filename.lower().rpartition(".")
    types = _TYPES.get(extension) if stem and dot else None
    if types is None:
        return Fit.UNDECIDED
    declared = content_type.partition(";")[0].strip().lower()
    if declared == types[0]:
        return Fit.SAME
    # RFC 6839: what follows a plus sign is the syntax that the type is made of.
    is_made_of_it = declared.endswith(f"+{extension}")
    if declared in types or declared in _GENERIC or is_made_of_it:
        return Fit.SYNONYM
    return Fit.CONTRADICTION


_GENERIC = frozenset({"application/octet-stream", "binary/octet-stream"})
"""RFC 2046 §4.5.1: "arbitrary binary data", which every file is; the other is what stores say."""

# Extensions, and the types that they stand for: the one to be used first (IANA's registry where it
# has one), then what is also met.
_COMMON = """
avif                image/avif
bmp                 image/bmp image/x-ms-bmp image/x-bmp
bz2                 application/x-bzip2 application/x-bzip
csv                 text/csv application/csv text/x-csv
dll exe             application/octet-stream application/x-msdownload application/x-dosexec
                    application/vnd.microsoft.portable-executable
doc dot             application/msword
docx                application/vnd.openxmlformats-officedocument.wordprocessingml.document
eml mht mhtml nws   message/rfc822 multipart/related
epub                application/epub+zip
gz                  application/gzip application/x-gzip
heic                image/heic
htm html            text/html application/xhtml+xml
ico                 image/vnd.microsoft.icon image/x-icon image/ico
ics                 text/calendar application/ics
jfif jpe jpeg jpg   image/jpeg image/jpg image/pjpeg
js mjs              text/javascript application/javascript application/x-javascript
json                application/json text/json
m4a                 audio/mp4 audio/x-m4a audio/m4a audio/mp4a-latm
m4v                 video/x-m4v video/mp4
markdown md         text/markdown text/x-markdown
mp3                 audio/mpeg audio/mp3
mp4                 video/mp4 audio/mp4 application/mp4
msg                 application/vnd.ms-outlook
odp                 application/vnd.oasis.opendocument.presentation
ods                 application/vnd.oasis.opendocument.spreadsheet
odt                 application/vnd.oasis.opendocument.text
oga ogg             audio/ogg application/ogg video/ogg
p7m                 application/pkcs7-mime application/x-pkcs7-mime
p7s                 application/pkcs7-signature application/x-pkcs7-signature
pdf                 application/pdf application/x-pdf
pkpass              application/vnd.apple.pkpass
png                 image/png image/x-png
pptx                application/vnd.openxmlformats-officedocument.presentationml.presentation
rar                 application/vnd.rar application/x-rar-compressed application/x-rar
rst                 text/x-rst text/prs.fallenstein.rst
rtf                 application/rtf text/rtf
svg                 image/svg+xml
tgz                 application/gzip application/x-gzip application/x-compressed-tar
vcf                 text/vcard text/x-vcard text/directory
wav                 audio/x-wav audio/wav audio/wave audio/vnd.wave
weba webm           video/webm audio/webm
webp                image/webp
xls xlt             application/vnd.ms-excel application/excel application/msexcel
xlsx                application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
xml                 application/xml text/xml
xz                  application/x-xz
yaml yml            application/yaml application/x-yaml text/yaml text/x-yaml
zip                 application/zip application/x-zip-compressed application/x-zip
7z                  application/x-7z-compressed
"""


def _types() -> Mapping[str, tuple[str, ...]]:
    """Both tables, by extension without its dot. The second wins."""
    listed = MimeTypes(filenames=()).types_map[True]
    types = {extension.removeprefix("."): (word,) for extension, word in listed.items()}
    for extensions, meant in _ROWS.findall(_COMMON):
        types |= dict.fromkeys(extensions.split(), tuple(meant.split()))
    return MappingProxyType(types)


_ROWS = re.compile(r"((?:[a-z0-9]+\s+)+)((?:\S+/\S+\s+)+)")
_TYPES = _types()
