"""By which rules a capture is made: what it may use, and what bounds it."""

from dataclasses import dataclass, field

__all__ = ["Limits", "Rules"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a capture; seconds and octets. The names are those of flags, job files and muniment.toml."""

    max_time: float = 15 * 60
    max_bytes: int = 5 << 30
    max_resources: int = 2000
    max_resource_bytes: int = 2 << 30
    max_resource_time: float = 5 * 60
    idle_timeout: float = 30
    max_redirects: int = 10
    per_host: int = 4
    delay: float = 0.2
    min_free: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Rules:
    """The effective rules of a capture, sealed in its opening statement before the first packet.

    ``cited`` is the number of hops followed from links of the article's body. ``allow_net`` opens address ranges
    that are refused otherwise, ``resolve`` answers names as ``HOST=ADDRESS[:PORT]``, ``dns`` False refuses all
    other names. ``tls`` is "record" (an unverified peer is flagged) or "strict" (it is refused). The browser says
    ``consent`` to walls ("reject" where that is offered, "accept", "nothing"), and speaks HTTP/1.1 alone where ``wire``
    is "http1". ``video`` "best" gets films in pieces whole, at most ``max_height`` pixels high where that is not None.
    ``cookies`` is a file of cookies and ``profile`` a browser's folder, which are used and not kept; with
    ``interactive`` a human acts in the browser.
    """

    engine: str = "static"
    cited: int = 0
    limits: Limits = field(default_factory=Limits)
    allow_net: tuple[str, ...] = ()
    resolve: tuple[str, ...] = ()
    dns: bool = True
    tls: str = "record"
    ca_files: tuple[str, ...] = ()
    user_agent: str = ""
    consent: str = "reject"
    wire: str = ""
    video: str = "none"
    max_height: int | None = None
    cookies: str = ""
    profile: str = ""
    interactive: bool = False

    @property
    def entrusted(self) -> tuple[str, ...]:
        """By which flags the archivist lets a capture use accounts of her own; empty where none does."""
        return tuple(each for each in ("cookies", "interactive", "profile") if getattr(self, each))
