"""The child that lets Pillow look at hostile pictures, one after the other: limits first, then what the parent sends.

Run by its path, never imported: it knows nothing of muniment, and muniment loads no decoder of its kind. Its stdin is a
socket. Each picture comes as a descriptor with the number of its format, where it begins in that file and how long it
is; the answer is a length and one JSON object. Its argument is how many octets of memory it may grow by. Python refuses
it sockets, processes and files, it can write to none, and where the system allows that it has no network interface. It
ends when the parent does, after a while without work, and when a picture took its memory.
"""

import array
import base64
import ctypes
import io
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import Any

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO", "TIFF", "AVIF")
_REQUEST = struct.Struct(">BQQ")
_LENGTH = struct.Struct(">I")
_MEMORY = 1 << 30
_CPU_SECONDS = 10  # for each picture
_IDLE_SECONDS = 20.0
_PIXELS = 32_000_000
_SIDE = 32
_DRAFT = 256  # a JPEG is decoded no larger than it must be to have so many pixels a side
_MAX_TEXT = 2048
_MAX_XMP = 64 << 10
_MAX_COMPLAINT = 200
_TOO_LARGE = "it needs more memory than a picture may have"
# What Pillow raises for octets that it cannot read; at anything else this child ends, and the next picture has another.
_FAULTS = (
    OSError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError,
    struct.error,
)  # fmt: skip
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_REFUSED = (
    "open", "socket.", "subprocess.", "os.", "ctypes.", "shutil.", "urllib.", "ftplib.", "http.",
)  # fmt: skip
# CIPA DC-008 (Exif) 4.6: what of a picture's notes says when, where, with what and by whom.
_MAIN = {
    270: "ImageDescription", 271: "Make", 272: "Model", 274: "Orientation", 305: "Software", 306: "DateTime",
    315: "Artist", 33432: "Copyright",
}  # fmt: skip
_PRIVATE = {
    36867: "DateTimeOriginal", 36868: "DateTimeDigitized", 36880: "OffsetTime", 36881: "OffsetTimeOriginal",
    36882: "OffsetTimeDigitized", 42016: "ImageUniqueID", 42032: "CameraOwnerName", 42033: "BodySerialNumber",
    42035: "LensMake", 42036: "LensModel",
}  # fmt: skip
_GPS = {
    1: "GPSLatitudeRef", 2: "GPSLatitude", 3: "GPSLongitudeRef", 4: "GPSLongitude", 5: "GPSAltitudeRef",
    6: "GPSAltitude", 7: "GPSTimeStamp", 16: "GPSImgDirectionRef", 17: "GPSImgDirection", 29: "GPSDateStamp",
}  # fmt: skip
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825


class _Part(io.RawIOBase):
    """So many octets of a file from *start* on, read without moving anybody else's place in it."""

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        self._descriptor, self._start, self._length, self._at = descriptor, start, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._length)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._length - self._at))
        octets = os.pread(self._descriptor, wanted, self._start + self._at)
        buffer[: len(octets)] = octets
        self._at += len(octets)
        return len(octets)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _limit_growth(most: int) -> None:
    """Let this process grow by *most* octets of data from here on, where the system tells how much it has."""
    try:
        with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123  # no further module in this child
            data = int(told.read().split()[5]) * resource.getpagesize()
    except OSError:
        return  # the limit on its address space still holds
    _limit(resource.RLIMIT_DATA, data + most)


def _leave_the_network() -> None:
    """Move to a network namespace without interfaces, where the system allows that."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET):  # only root may do that alone; others need a user namespace for it
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _refuse(event: str, _: object) -> None:
    """Refuse what a reader has no business with; for the hook of PEP 578, which nothing can take out again."""
    if event.startswith(_REFUSED):
        raise PermissionError(f"a reader of hostile pictures does no {event}")


def _text(value: Any) -> str:
    """Return what a tag holds as text: fractions as they stand, several values with spaces between them."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    elif isinstance(value, tuple | list):
        value = " ".join(_text(each) for each in value[:16])
    elif hasattr(value, "numerator") and not isinstance(value, int):
        value = f"{value.numerator}/{value.denominator}"
    return str(value).strip("\0 \t\r\n")[:_MAX_TEXT]


def _notes(picture: Any) -> list[list[str]]:
    exif = picture.getexif()
    said = []
    for held, names in ((exif, _MAIN), (exif.get_ifd(_EXIF_IFD), _PRIVATE), (exif.get_ifd(_GPS_IFD), _GPS)):
        said += [[names[tag], _text(held[tag])] for tag in names if tag in held]
    return [each for each in said if each[1]]


def _xmp(picture: Any) -> tuple[str, int]:
    """Return the beginning of the picture's XMP packet, and how many octets all of it has."""
    held = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    octets = held.encode("utf-8", "replace") if isinstance(held, str) else bytes(held)
    return octets[:_MAX_XMP].decode("utf-8", "replace"), len(octets)


def _grey(picture: Any, turned: int) -> bytes:
    """Return the picture as it is seen, in grey, 32 by 32."""
    from PIL import Image  # noqa: PLC0415  # only behind the limits

    ways = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    picture.draft("L", (_DRAFT, _DRAFT))
    small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return bytes((small.transpose(ways[turned]) if turned in ways else small).tobytes())


def _look(descriptor: int, kind: int, start: int, length: int) -> dict[str, Any]:
    import PIL  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    stream = io.BufferedReader(_Part(descriptor, start, length))
    told: dict[str, Any] = {"version": PIL.__version__, "notes": [], "xmp": "", "xmp_size": 0, "grey": "", "fault": ""}
    try:
        picture = Image.open(stream, formats=[_FORMATS[kind]])
        told["width"], told["height"] = picture.size
        picture.draft("L", (_DRAFT, _DRAFT))
        if picture.size[0] * picture.size[1] > _PIXELS:
            raise ValueError(f"it has more than {_PIXELS // 10**6} million pixels, which are not decoded")
        told["notes"] = _notes(picture)
        told["xmp"], told["xmp_size"] = _xmp(picture)
        turned = dict(told["notes"]).get("Orientation", "")
        told["grey"] = base64.b64encode(_grey(picture, int(turned) if turned.isdecimal() else 0)).decode()
    except MemoryError:
        told["fault"] = _TOO_LARGE
    except _FAULTS as failure:
        told["fault"] = f"{type(failure).__name__}: {failure}"[:_MAX_COMPLAINT]
    return told


def _received(parent: socket.socket) -> tuple[bytes, int] | None:
    """Return the next request and the descriptor beside it; None when there is none any more."""
    size = array.array("i").itemsize
    octets, beside, _, _ = parent.recvmsg(_REQUEST.size, socket.CMSG_SPACE(size))
    if len(octets) < _REQUEST.size or not beside:
        return None
    return octets, int.from_bytes(beside[0][2][:size], sys.byteorder)


def _prepare(growth: int) -> None:
    _limit(resource.RLIMIT_AS, _MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _leave_the_network()
    from PIL import Image  # noqa: PLC0415  # only behind the limits

    Image.init()  # every plug-in, because no file is opened any more below
    Image.MAX_IMAGE_PIXELS = None  # the bound here is told, and not a warning
    # What Pillow loads at the first use of a format is loaded by a picture of our own.
    for kind in _FORMATS:
        own = io.BytesIO()
        try:
            Image.new("RGB", (_SIDE, _SIDE), (9, 99, 200)).save(own, kind)
            with Image.open(io.BytesIO(own.getvalue()), formats=[kind]) as picture:
                _notes(picture)
                _grey(picture, 1)
        except (OSError, KeyError, ValueError):
            continue  # this Pillow was built without it
    _limit_growth(growth)


def main() -> None:
    """Answer what the parent asks, until it asks no more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    parent = socket.socket(fileno=0)
    parent.settimeout(_IDLE_SECONDS)
    _prepare(int(sys.argv[1]))
    sys.addaudithook(_refuse)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    while True:
        try:
            received = _received(parent)
        except TimeoutError:
            return
        if received is None:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + _CPU_SECONDS, hard))
        kind, start, length = _REQUEST.unpack(received[0])
        told = _look(received[1], kind, start, length)
        os.close(received[1])
        answer = json.dumps(told).encode()
        parent.sendall(_LENGTH.pack(len(answer)) + answer)
        if told["fault"] == _TOO_LARGE:
            return


if __name__ == "__main__":
    main()
