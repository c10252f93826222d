"""What a URL or a media type is about, judged by name alone; what the server answers may be another thing."""

import re
from typing import Final

from muniment.model import Role

__all__ = ["role_of", "role_of_type"]

_EXTENSIONS: Final = {
    Role.IMAGE: "apng avif bmp gif heic ico jfif jpeg jpg jxl png svg svgz tif tiff webp",
    Role.VIDEO: "3gp avi flv m3u8 m4v mkv mov mp4 mpd mpeg mpg ogv ts webm wmv",
    Role.AUDIO: "aac aif aiff flac m4a mid mp3 oga ogg opus wav wma",
    Role.DOCUMENT: "csv doc docx epub odp ods odt pdf ppt pptx rtf xls xlsx zip kml kmz",
}
_ROLES: Final = {extension: role for role, several in _EXTENSIONS.items() for extension in several.split()}
_LAST: Final = re.compile(r"\.([A-Za-z0-9]{2,5})\Z")
_TYPES: Final = {"image": Role.IMAGE, "video": Role.VIDEO, "audio": Role.AUDIO}


def role_of(url: str) -> Role | None:
    """Return the role that the file extension in the path of *url* suggests, or None where it suggests none."""
    path = url.partition("#")[0].partition("?")[0]
    # The extension of a host is none: "https://example.ai" is no picture.
    if "/" not in path.partition("//")[2] and "//" in path:
        return None
    found = _LAST.search(path[-8:].rstrip())
    return _ROLES.get(found[1].lower()) if found else None


def role_of_type(media_type: str) -> Role | None:
    """Return the role that *media_type* (as in a ``type`` attribute) suggests, or None."""
    essence = media_type.partition(";")[0].strip().lower()
    return Role.DOCUMENT if essence == "application/pdf" else _TYPES.get(essence.partition("/")[0])
