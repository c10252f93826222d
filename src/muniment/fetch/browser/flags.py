"""With which flags Chromium is started, each with its reason; what of it is a setting of the capture."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["ALWAYS", "NOT_WANTED", "PHONED", "Flag", "Settings", "Window", "as_in_a_window", "flags"]


class Window(StrEnum):
    """Whether somebody sees the browser."""

    HIDDEN = "hidden"
    VISIBLE = "visible"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a page can see of the browser, and which way its traffic goes.

    *proxy* is a proxy's URL, or empty for none: then names are not looked up at all. *time_zone* is a name of the
    IANA data base, *languages* go into Accept-Language in their order. *user_agent* empty means the browser's own
    (see ``as_in_a_window``). *allowed_keys* are the SHA-256 of subject public keys (base64) whose certificates are
    taken although they cannot be verified. *http1* asks for no HTTP/2.
    *profile* is the folder of a profile that is used as it stands, empty for a fresh one.
    """

    proxy: str = ""
    width: int = 1280
    height: int = 900
    languages: tuple[str, ...] = ("en-US", "en")
    time_zone: str = "UTC"
    user_agent: str = ""
    allowed_keys: tuple[str, ...] = ()
    http1: bool = False
    profile: str = ""
    window: Window = Window.HIDDEN


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag, and why it is given."""

    text: str
    why: str


ALWAYS: Final = (
    Flag("--remote-debugging-pipe", "driven over two pipes: a port could be used by anybody on the machine"),
    Flag("--no-startup-window", "the only page is the one that is captured"),
    Flag("--disable-quic", "the tunnel carries TCP only"),
    Flag("--proxy-bypass-list=<-loopback>", "sites on loopback go through the tunnel too"),
    Flag("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "no name is looked up but by the tunnel"),
    Flag("--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "WebRTC would go round the tunnel by UDP"),
    Flag("--webrtc-ip-handling-policy=disable_non_proxied_udp", "the same, where the other is not obeyed"),
    Flag("--disable-background-networking", "nothing but the page asks for anything"),
    Flag("--disable-component-update", "likewise"),
    Flag("--disable-domain-reliability", "no reports to the maker about sites"),
    Flag("--disable-client-side-phishing-detection", "likewise"),
    Flag("--disable-sync", "no account"),
    Flag("--disable-default-apps", "nothing is installed"),
    Flag("--disable-extensions", "nothing of the system's extensions looks into the page or changes it"),
    Flag("--disable-breakpad", "no reports of crashes"),
    Flag("--disable-crash-reporter", "likewise; its process would outlive the browser"),
    Flag("--no-first-run", "no questions of a fresh profile"),
    Flag("--no-default-browser-check", "likewise"),
    Flag("--no-pings", "<a ping> reports clicks that no reader made"),
    Flag("--password-store=basic", "no keyring of the operator is asked"),
    Flag("--use-mock-keychain", "likewise, on macOS"),
    Flag("--deny-permission-prompts", "nobody is there to answer; a prompt would hold the page up"),
    Flag("--mute-audio", "media are played, not heard"),
    Flag("--autoplay-policy=no-user-gesture-required", "media are played without a click"),
    Flag("--hide-scrollbars", "no scroll bars in screenshots"),
    Flag("--force-color-profile=srgb", "the same colours on every machine"),
    Flag("--force-device-scale-factor=1", "a pixel of the page is a pixel of the screenshot"),
    Flag("--disable-gpu", "drawn by the processor: the same on every machine"),
    Flag("--disable-backgrounding-occluded-windows", "a page that nobody sees runs as if somebody did"),
    Flag("--disable-renderer-backgrounding", "likewise"),
    Flag("--disable-background-timer-throttling", "likewise"),
    Flag("--disable-back-forward-cache", "a page that was left is gone, with its connections"),
    Flag("--js-flags=--max-old-space-size=2048", "a script that fills the memory ends at 2 GiB"),
)

NOT_WANTED: Final = (
    Flag("CompressionDictionaryTransport", "bodies coded by a shared dictionary (dcb, dcz) cannot be decoded later"),
    Flag("CompressionDictionaryTransportBackend", "likewise"),
    Flag("EncryptedClientHello", "the evidence of a handshake must show whom the browser asked for"),
    Flag("HttpsUpgrades", "http is asked for where the page says http"),
    Flag("HttpsFirstBalancedModeAutoEnable", "likewise"),
    Flag("Translate", "the page stays in its language"),
    Flag("OptimizationHints", "asks the maker about sites"),
    Flag("OptimizationGuideModelDownloading", "likewise"),
    Flag("MediaRouter", "looks for screens in the network"),
    Flag("DialMediaRouteProvider", "likewise"),
    Flag("AutofillServerCommunication", "asks the maker about forms"),
    Flag("CertificateTransparencyComponentUpdater", "asks the maker for lists"),
    Flag("InterestFeedContentSuggestions", "asks the maker for news"),
    Flag("Prerender2", "pages that nobody opened are not loaded"),
    Flag("PaintHolding", "a screenshot shows the page, never the one before it"),
)
"""Features of Chromium that are switched off."""

PHONED: Final = frozenset(
    {
        "android.clients.google.com",
        "clients2.google.com",
        "connectivitycheck.gstatic.com",
        "content-autofill.googleapis.com",
        "edgedl.me.gvt1.com",
        "optimizationguide-pa.googleapis.com",
        "redirector.gvt1.com",
        "safebrowsing.googleapis.com",
        "update.googleapis.com",
    }
)
"""Hosts that Chromium asks of itself in spite of every flag: no page rests on them, and they are not connected to."""


def as_in_a_window(version: str) -> str:
    """Return what Chromium of *version* tells sites when it has a window; without one it says HeadlessChrome.

    Sites turn that word away. The facts of the capture say that no window was there.
    """
    system = "Macintosh; Intel Mac OS X 10_15_7" if sys.platform == "darwin" else "X11; Linux x86_64"
    major = version.partition(".")[0]
    return f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"


def flags(settings: Settings, profile: str, key_log: str, *, as_root: bool, small_shm: bool) -> tuple[Flag, ...]:
    """Return every flag of a start, with its reason."""
    given = [*ALWAYS, Flag("--disable-features=" + ",".join(each.text for each in NOT_WANTED), "see each")]
    given += [
        Flag(
            f"--user-data-dir={settings.profile or profile}", "sites are shown nothing of the operator but on purpose"
        ),
        Flag(f"--disk-cache-dir={profile}-cache", "empty at every start: what a page needs is asked for"),
        Flag(f"--ssl-key-log-file={key_log}", "what crossed the tunnel is read by these keys, afterwards"),
        Flag(f"--window-size={settings.width},{settings.height}", "the size that pages see"),
        Flag(f"--lang={settings.languages[0]}", "the language of the browser itself"),
        Flag(f"--accept-lang={','.join(settings.languages)}", "the languages that sites are asked for"),
    ]
    if settings.window is Window.HIDDEN:
        given.append(Flag("--headless=new", "the whole browser without a screen"))
    given.append(
        Flag(f"--proxy-server={settings.proxy}", "all traffic goes through the tunnel")
        if settings.proxy
        else Flag("--no-proxy-server", "no proxy of the system is used")
    )
    if settings.http1:
        given.append(Flag("--disable-http2", "the operator asked for HTTP/1.1 as it crosses the wire (--wire http1)"))
    if settings.user_agent:
        given.append(
            Flag(f"--user-agent={settings.user_agent}", "what sites are told, for every page and worker alike")
        )
    if settings.allowed_keys:
        keys = ",".join(settings.allowed_keys)
        given.append(
            Flag(f"--ignore-certificate-errors-spki-list={keys}", "peers that were refused, taken all the same")
        )
    if as_root:
        given.append(
            Flag("--no-sandbox", "Chromium refuses to run as root with its sandbox: a hostile page is held less")
        )
    if small_shm:
        given.append(Flag("--disable-dev-shm-usage", "shared memory is too small here, and pages would crash"))
    return tuple(given)
