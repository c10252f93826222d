"""The sample article in a real browser: what it asks for is what the site served, and the embedded posts are seen."""

import base64
import datetime as dt
import hashlib
import io
import ssl
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

import hostile
from browsing import HASTE, program
from muniment import sample
from muniment.fetch.browser.artefacts import Studio
from muniment.fetch.browser.behaviours import behave
from muniment.fetch.browser.flags import Settings
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page
from muniment.fetch.dial import Surroundings
from muniment.fetch.tunnel import Tunnel
from muniment.message.url import Url
from muniment.rules import Limits, Rules


def keys(site: sample.Site) -> tuple[str, ...]:
    """Return the digests of the keys with which the article's own hosts answer, and of no other."""
    found = []
    for each in site.resolve:
        if each.startswith("outlets."):
            continue
        port = int(each.rpartition(":")[2])
        shown = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port), timeout=20).encode())
        key = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found.append(base64.b64encode(hashlib.sha256(key).digest()).decode())
    return tuple(found)


def test_the_sample_article_is_asked_for_whole_and_both_videos_play(tmp_path: Path) -> None:
    browser = program()
    for name in ("own", "spools"):
        (tmp_path / name).mkdir()
    with sample.serve(tmp_path / "site") as site:
        rules = Rules(allow_net=("127.0.0.1/32",), resolve=site.resolve, dns=False, limits=Limits(delay=0, per_host=64))
        around = Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC))
        refused: list[object] = []
        spools = tmp_path / "spools"
        tunnel = Tunnel(
            rules,
            around,
            lambda name: (spools / name).open("xb", buffering=0),
            refused.append,
            ends=time.monotonic() + 90,
        )
        settings = Settings(proxy=f"socks5://127.0.0.1:{tunnel.port}", allowed_keys=keys(site))
        with Browser(browser, tmp_path / "own", tmp_path / "keys", settings) as started:
            page = Page(started, ends=time.monotonic() + 90, patience=HASTE)
            opened = page.open(site.url)
            assert (opened.loaded, opened.settled) == (True, True)
            played = {each.outcome for each in behave(page) if each.behaviour == "play"}
            plain, dated = io.BytesIO(), io.BytesIO()
            Studio(started, page, around.now).screenshots(plain, dated)
            asked = {(Url.parse(each.url).host, Url.parse(each.url).target) for each in page.ledger.all() if each.sent}
        tunnel.close()
        served = {(each.host, each.target) for each in site.served()}
    assert asked == served
    assert len([each for each in played if each.startswith("plays: ") and each.endswith(".mp4")]) == 2
    picture = Image.open(plain).convert("RGB")
    assert picture.height > 5000
    # The drawing in the second post, which is a document of another origin in a frame.
    second = picture.crop((400, 3300, 880, 3700)).getcolors(1 << 20)
    assert second is not None
    assert len(second) > 1000
