"""Every exception of muniment.

Each says in one sentence where, what was expected and what was found, so that the text alone helps an archivist.
None derives from ``ValueError``: a bug in our own code must never look like damaged evidence.
"""

import errno
from collections.abc import Mapping
from typing import Final, Self

__all__ = [
    "ArchiveLocked",
    "ChainLapsed",
    "DigestMismatch",
    "FetchError",
    "FormatError",
    "IntegrityError",
    "JobError",
    "LogForked",
    "MunimentError",
    "NotInLog",
    "SignatureInvalid",
    "StoreError",
    "TrustError",
    "Unsupported",
    "WrongImprint",
    "WrongNonce",
]


class MunimentError(Exception):
    """Something that a user is told in one sentence."""


class JobError(MunimentError):
    """What was asked for cannot be begun: usage, configuration, keys, a file from a person (exit 2)."""


class FetchError(MunimentError):
    """A URL was not got. It is recorded, and the capture goes on.

    ``reason`` is the value of a :class:`muniment.model.Reason`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_ADVICE: Final[Mapping[int, str]] = {
    errno.ENOSPC: "; make room on this disk, and `muniment recover` finishes what a capture had begun",
    errno.EDQUOT: "; make room, or ask for more, and `muniment recover` finishes what a capture had begun",
    errno.EROFS: "; the disk is mounted to be read only",
    errno.EIO: "; the disk may be failing: copy the archive to another one, and verify the copy",
}


class StoreError(MunimentError):
    """The disk did not do what was asked: stop at once; nothing is retried as if it were clean (exit 74)."""

    def __init__(self, where: object, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = str(where)
        self.what = what

    @classmethod
    def of(cls, where: object, doing: str, failure: OSError) -> Self:
        """Return that *doing* failed at *where*, with what the system says and what can be done about it."""
        advice = _ADVICE.get(failure.errno or 0, "")
        return cls(where, f"could not {doing}: {failure.strerror or failure}{advice}")


class ArchiveLocked(StoreError):
    """Another process holds the lock that is needed (exit 75)."""


class FormatError(MunimentError):
    """Bytes are not what the format asks for: malformed, which is not the same as forged."""

    def __init__(self, where: object, *, expected: str, found: str) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")
        self.where = str(where)
        self.expected = expected
        self.found = found


class Unsupported(FormatError):
    """Bytes are in a form that this version cannot judge; another one may, so nothing is shown to be wrong with them.

    Where only a check was asked for, that check is unverifiable (exit 4).
    """


class IntegrityError(MunimentError):
    """Well-formed evidence that contradicts what was sealed about it: a check failed."""

    def __init__(self, where: object, *, expected: str, found: str) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")
        self.where = str(where)
        self.expected = expected
        self.found = found


class DigestMismatch(IntegrityError):
    """Bytes do not have the digest that was sealed."""


class SignatureInvalid(IntegrityError):
    """A signature is missing where one is due, or does not verify under the key that it names."""


class NotInLog(IntegrityError):
    """A statement is not the leaf that the log holds, or a leaf has no statement."""


class WrongImprint(IntegrityError):
    """A time-stamp token over other bytes than these: transplanted, or not what an authority was asked for."""


class WrongNonce(IntegrityError):
    """A time-stamp token that answers another request: replayed."""


class ChainLapsed(IntegrityError):
    """A time-stamp token whose authority's certificates were not valid at the time that it claims."""


class LogForked(IntegrityError):
    """A log is not an extension of what was seen of it before: rolled back, rewritten or forked."""


class TrustError(MunimentError):
    """Nothing is wrong, but the verifier holds no trust that would decide it: unverifiable (exit 4)."""
