"""The second edition's server: what it answers in each protocol, and that its list holds exactly what it sent."""

import base64
import contextlib
import gzip
import hashlib
import json
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import brotlicffi
import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Pong, Request, TextMessage

from muniment.errors import FormatError, JobError
from muniment.sample.second import Served, Site, named, serve
from muniment.sample.second.asset import Course, Speech
from muniment.sample.second.books import CONTENTS, ORIGINS
from muniment.sample.second.content import Repeated
from muniment.sample.second.film import boxes, prolonged
from site_lines import H2Line, Line, asked, read

TODAY = "https://today.courier.example"
API = "https://api.courier.example"
PICTURES = "https://pictures.courier.example"
MEDIA = "https://media.courier.example"
LIVE = "https://live.courier.example"
COUNT = "https://count.audience.example"
FILM = f"{MEDIA}/film/vigil.mp4"
BELL = "https://attic.courier.example/audio/chapel-bell.m4a"
LARGE = f"{PICTURES}/img/hall-mended-1440.jpg"
TICKER = f"{LIVE}/ticker"
READERS = f"{LIVE}/readers"
BOOKS = {asset.url: asset for asset in CONTENTS}
SPEECH = {origin.host: origin.speech for origin in ORIGINS}
DECODE = {"gzip": gzip.decompress, "br": brotlicffi.decompress, "zstd": zstandard.decompress}
FOLDER = Path(__file__).parents[2] / "src" / "muniment" / "sample"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("site")) as running:
        yield running


def last(site: Site) -> Served:
    return site.served()[-1]


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def finite(site: Site) -> list[str]:
    """Return every URL that a capture asks for and that is answered to its end by GET."""
    urls = {**site.expected_urls, **site.cited_urls}
    return [url for url in urls if url in BOOKS and BOOKS[url].method == "GET" and BOOKS[url].course is Course.WHOLE]


def test_every_finite_url_answers_as_its_book_says_and_the_list_holds_what_was_received(site: Site) -> None:
    assert len(finite(site)) > 60
    for url in finite(site):
        believed = SPEECH[BOOKS[url].host] is Speech.EXPIRED
        octets = asked(site, url, "Accept-Encoding: gzip, deflate, br, zstd", believed=believed)
        entry = last(site)
        status, fields, body = read(octets)
        assert (entry.url, entry.method, entry.protocol, entry.whole) == (url, "GET", "http/1.1", True)
        assert (entry.status, entry.size, entry.sha256) == (status, len(body), sha256(body))
        assert (status, fields.get("content-encoding", "identity")) == (BOOKS[url].status, BOOKS[url].coding)
        if url != FILM:
            decode = DECODE.get(fields.get("content-encoding", ""), bytes)
            assert decode(body) == (FOLDER / BOOKS[url].file).read_bytes()


def test_every_url_of_an_origin_that_speaks_it_is_answered_alike_in_http_2(site: Site) -> None:
    for host in (host for host, speech in SPEECH.items() if speech is Speech.H2):
        urls = [url for url in finite(site) if BOOKS[url].host == host]
        with H2Line(site, f"https://{host}/") as line:
            streams = [(url, line.ask(url, ("accept-encoding", "br, zstd, gzip"))) for url in urls]
            answers = [(url, line.answered(stream)) for url, stream in streams]
        listed = {entry.url: entry for entry in site.served()[-len(urls) :]}
        for url, answer in answers:
            entry = listed[url]
            assert (entry.protocol, entry.tls, entry.whole) == ("h2", "TLSv1.3", True)
            assert (str(entry.status), entry.size, entry.sha256) == (
                answer.fields[":status"],
                len(answer.body),
                sha256(bytes(answer.body)),
            )
            assert answer.over == "ended"
            decode = DECODE.get(answer.fields.get("content-encoding", ""), bytes)
            assert decode(bytes(answer.body)) == (FOLDER / BOOKS[url].file).read_bytes()


def test_in_http_2_hints_go_before_the_page_and_trailers_after_the_edition(site: Site) -> None:
    with H2Line(site, TODAY) as line:
        page = line.answered(line.ask(site.url))
        edition = line.answered(line.ask(f"{TODAY}/edition.json"))
    assert page.interim == [(":status", "103"), ("link", "</css/today.css>; rel=preload; as=style")]
    assert edition.trailers == {"server-timing": "edition;dur=3"}


def test_a_body_that_the_client_has_no_room_for_waits_and_is_listed_as_cut_when_the_client_resets_it(
    site: Site,
) -> None:
    whole = (FOLDER / BOOKS[LARGE].file).read_bytes()
    assert len(whole) > 65_535
    with H2Line(site, PICTURES, windows=False) as line:
        stream = line.ask(LARGE)
        line.until(lambda: len(line.streams[stream].body) == 65_535)
        line.h2.reset_stream(stream)
        line.h2.increment_flow_control_window(1 << 20)
        line.flush()
        other = line.answered(line.ask(f"{PICTURES}/img/map.svg"))
        assert other.over == "ended"
    cut = next(entry for entry in reversed(site.served()) if entry.url == LARGE)
    assert (cut.whole, cut.size, cut.sha256) == (False, 65_535, sha256(whole[:65_535]))
    assert cut.sha256_of_first(1000) == sha256(whole[:1000])


def test_a_request_that_is_taken_back_at_once_leaves_the_connection_as_it_was(site: Site) -> None:
    with H2Line(site, PICTURES) as line:
        line.flushes = False
        line.h2.reset_stream(line.ask(LARGE))
        line.flushes = True
        line.flush()
        assert line.answered(line.ask(f"{PICTURES}/img/map.svg")).over == "ended"
    taken_back = next(entry for entry in reversed(site.served()) if entry.url == LARGE)
    assert (taken_back.whole, taken_back.size) == (False, 0)


def test_a_request_with_a_body_is_read_in_http_2_and_one_without_an_end_is_reset(site: Site) -> None:
    with H2Line(site, TODAY) as line:
        refused = line.answered(line.ask(f"{TODAY}/edition.json", method="POST", body=b"x" * 1000))
        assert (refused.fields[":status"], last(site).asked_size) == ("405", 1000)
        stream = line.ask(f"{TODAY}/edition.json", method="POST", end=False)
        while not line.streams[stream].over:
            line.h2.send_data(stream, b"x" * min(16_384, line.h2.local_flow_control_window(stream)))
            line.flush()
            line.until(lambda: bool(line.streams[stream].over or line.h2.local_flow_control_window(stream)))
        assert line.streams[stream].over == "reset 11"  # RFC 9113 7: ENHANCE_YOUR_CALM


def test_an_origin_of_http_2_speaks_http_1_with_whoever_asks_for_it(site: Site) -> None:
    status, fields, _body = read(asked(site, site.url))
    assert (status, last(site).protocol) == (200, "http/1.1")
    assert "set-cookie" in fields


@pytest.mark.parametrize("host", [origin.host for origin in ORIGINS if origin.speech is not Speech.PLAIN])
def test_an_origin_speaks_the_version_of_tls_that_it_is_there_for(site: Site, host: str) -> None:
    def only(version: ssl.TLSVersion) -> str | None:
        def change(context: ssl.SSLContext) -> None:
            context.minimum_version = context.maximum_version = version

        try:
            with Line(site, f"https://{host}/", believed=True, change=change) as line:
                assert isinstance(line.socket, ssl.SSLSocket)
                return line.socket.version()
        except ssl.SSLError:
            return None

    spoken = [only(ssl.TLSVersion.TLSv1_2), only(ssl.TLSVersion.TLSv1_3)]
    assert spoken == (["TLSv1.2", None] if SPEECH[host] is Speech.TLS12 else [None, "TLSv1.3"])


def test_every_origin_verifies_but_the_one_that_has_expired_and_shows_the_key_that_is_told(site: Site) -> None:
    for host, speech in SPEECH.items():
        if speech is Speech.PLAIN:
            assert host not in site.keys
            continue
        if speech is Speech.EXPIRED:
            with pytest.raises(ssl.SSLCertVerificationError) as refused, Line(site, f"https://{host}/"):
                pass
            assert refused.value.verify_code == 10  # X509_V_ERR_CERT_HAS_EXPIRED
        with Line(site, f"https://{host}/", believed=speech is Speech.EXPIRED) as line:
            assert isinstance(line.socket, ssl.SSLSocket)
            shown = x509.load_der_x509_certificate(line.socket.getpeercert(binary_form=True) or b"")
        public = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert site.keys[host] == base64.b64encode(hashlib.sha256(public).digest()).decode()


def test_exactly_what_is_planted_goes_wrong(site: Site) -> None:
    names = {each.partition("=")[0] for each in site.resolve}
    wrong = set()
    for url in {**site.expected_urls, **site.cited_urls}:
        asset = BOOKS.get(url)
        if asset is None:
            assert urlsplit(url).netloc not in names
            wrong.add((url, "dns"))
        elif SPEECH[asset.host] is Speech.EXPIRED:
            wrong.add((url, "expired"))
        elif asset.course is Course.CUT:
            wrong.add((url, "truncated-disconnect"))
        elif asset.status >= 400:
            wrong.add((url, f"http-{asset.status // 100}xx"))
    assert wrong == {(each.url, each.reason) for each in site.planted}
    assert len(wrong) == 6


def test_the_scan_ends_in_its_middle_with_the_connection(site: Site) -> None:
    scan = f"{MEDIA}/scans/weigh-book.jpg"
    octets = asked(site, scan)
    head, _, body = octets.partition(b"\r\n\r\n")
    whole = (FOLDER / BOOKS[scan].file).read_bytes()
    assert b"Content-Length: %d" % len(whole) in head
    assert body == whole[: len(whole) // 2]
    entry = last(site)
    assert (entry.whole, entry.size, entry.sha256) == (False, len(body), sha256(body))


def test_the_film_is_twelve_megabytes_and_is_answered_in_ranges_of_which_the_list_tells(site: Site) -> None:
    status, fields, film = read(asked(site, FILM, "Range: bytes=0-"))
    assert (status, fields["content-range"]) == (206, f"bytes 0-{len(film) - 1}/{len(film)}")
    assert 12_000_000 <= len(film) < 13_000_000
    loop = (FOLDER / BOOKS[FILM].file).read_bytes()
    assert len(loop) < 400_000
    for wish, first, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=7000000-", 7_000_000, len(film)),
        ("bytes=3000000-3999999", 3_000_000, 4_000_000),
        ("bytes=-500", len(film) - 500, len(film)),
    ):
        status, fields, body = read(asked(site, FILM, f"Range: {wish}", f"If-Range: {fields['etag']}"))
        entry = last(site)
        assert (status, entry.range) == (206, f"bytes {first}-{end - 1}/{len(film)}")
        assert fields["content-range"] == entry.range
        assert (body, entry.size, entry.sha256) == (film[first:end], end - first, sha256(film[first:end]))
    status, fields, _ = read(asked(site, FILM, f"Range: bytes={len(film)}-"))
    assert (status, fields["content-range"]) == (416, f"bytes */{len(film)}")
    status, fields, body = read(asked(site, FILM, "Range: bytes=0-9", 'If-Range: "another"'))
    assert (status, len(body), last(site).range) == (200, len(film), "")


def test_the_film_can_be_played_from_its_beginning_to_its_end(site: Site, tmp_path: Path) -> None:
    if not shutil.which("ffprobe"):
        pytest.skip("ffprobe is not installed")
    path = tmp_path / "film.mp4"
    path.write_bytes(read(asked(site, FILM))[2])
    wanted = [
        "-count_frames",
        "-show_entries",
        "stream=codec_name,width,height,nb_frames,nb_read_frames",
        "-of",
        "json",
    ]
    told = subprocess.run(["ffprobe", "-v", "error", *wanted, str(path)], capture_output=True, check=True)
    [stream] = json.loads(told.stdout)["streams"]
    assert told.stderr == b""
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 960, 408)
    assert stream["nb_frames"] == stream["nb_read_frames"]
    assert int(stream["nb_frames"]) > 6000


def test_a_film_is_prolonged_by_whole_turns_and_its_index_finds_every_one() -> None:
    loop = (FOLDER / BOOKS[FILM].file).read_bytes()
    pictures = dict(boxes(loop))[b"mdat"]
    film = prolonged(loop, 2 * len(pictures) + 1)
    octets = film.piece(0, film.size)
    assert (film.times, len(octets)) == (3, film.size)
    before, after = dict(_tables(loop)), dict(_tables(octets))
    assert dict(boxes(octets))[b"mdat"] == pictures * 3
    places = struct.unpack(">3I", after[b"stco"][8:])
    assert all(octets[place : place + len(pictures)] == pictures for place in places)
    assert after[b"stsz"][12:] == before[b"stsz"][12:] * 3
    assert after[b"stsd"] == before[b"stsd"]


def _tables(film: bytes) -> Iterator[tuple[bytes, bytes]]:
    contents = film
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        contents = dict(boxes(contents))[kind]
    yield from boxes(contents)


@pytest.mark.parametrize("octets", [b"\0\0\0\4mdat", b"\0\0\0\20mdat", b"\0\0", b"\0\0\0\10free\0\0\0\0free"])
def test_boxes_that_do_not_fit_are_refused(octets: bytes) -> None:
    with pytest.raises(FormatError, match="box at"):
        list(boxes(octets))


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_piece_of_something_repeated_is_what_the_whole_has_there(start: int, stop: int) -> None:
    repeated = Repeated(b"head:", b"abcdefg", 4)
    whole = b"head:" + b"abcdefg" * 4
    assert repeated.size == len(whole)
    assert repeated.piece(start, stop) == whole[start:stop]


def test_consent_is_asked_for_beforehand_and_answered_with_a_receipt_for_what_was_sent(site: Site) -> None:
    wishes = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-edition")
    url = f"{API}/v2/consent"
    status, fields, body = read(asked(site, url, f"Origin: {TODAY}", *wishes, method="OPTIONS"))
    assert (status, body, last(site).method) == (204, b"", "OPTIONS")
    assert fields["access-control-allow-origin"] == TODAY
    assert fields["access-control-allow-methods"] == "POST"
    assert "x-edition" in fields["access-control-allow-headers"]
    agreed = b'{"purposes": ["reading"]}'
    status, fields, body = read(asked(site, url, f"Origin: {TODAY}", method="POST", body=agreed))
    assert (status, json.loads(body)) == (201, {"receipt": sha256(agreed)[:16]})
    entry = last(site)
    assert (entry.method, entry.asked_size, entry.asked_sha256) == ("POST", len(agreed), sha256(agreed))
    assert (entry.sha256, fields["access-control-allow-origin"]) == (sha256(body), TODAY)


@pytest.mark.parametrize("url", [f"{API}/v2/stories/one-year/hours", FILM, f"{MEDIA}/scans/weigh-book.jpg"])
def test_only_the_head_is_sent_to_whoever_asks_for_it(site: Site, url: str) -> None:
    whole = asked(site, url, "Accept-Encoding: br").partition(b"\r\n\r\n")[0]
    octets = asked(site, url, "Accept-Encoding: br", method="HEAD")
    assert octets.endswith(b"\r\n\r\n")
    assert re.sub(rb"Date: [^\r]+", b"", octets[:-4]) == re.sub(rb"Date: [^\r]+", b"", whole)
    assert (last(site).method, last(site).size) == ("HEAD", 0)


def test_a_head_is_enough_in_http_2_too(site: Site) -> None:
    with H2Line(site, TODAY) as line:
        answer = line.answered(line.ask(f"{TODAY}/edition.json", method="HEAD"))
    assert (answer.body, int(answer.fields["content-length"]) > 0, answer.over) == (b"", True, "ended")


def test_a_beacon_is_taken_without_a_word(site: Site) -> None:
    status, fields, body = read(asked(site, f"{COUNT}/seen", method="POST", body=b"{}"))
    assert (status, body, "content-length" in fields) == (204, b"", False)
    assert (last(site).asked_size, last(site).whole) == (2, True)


def test_a_number_that_defeats_caches_changes_nothing_but_the_address(site: Site) -> None:
    for url in (f"{API}/v2/stories/one-year?part=1", f"{API}/v2/stories/one-year/hours"):
        busted = f"{url}{'&' if '?' in url else '?'}_=1741500000000"
        assert read(asked(site, busted))[2] == read(asked(site, url))[2]
        assert (named(busted), named(url)) == (url, url)
    assert read(asked(site, f"{API}/v2/stories/one-year?part=1&_=now"))[0] == 404


def test_the_ticker_goes_on_and_is_listed_as_it_stands(site: Site) -> None:
    with Line(site, TICKER) as line:
        line.send(TICKER)
        octets = b""
        while octets.count(b"\n\n") < 2:
            octets += line.socket.recv(65_536)
        entry = last(site)
        head, _, sent = octets.partition(b"\r\n\r\n")
        events = sent.partition(b"\r\n")[2].partition(b"\r\n")[0]
        assert b"text/event-stream" in head
        assert events == b'id: 0\nevent: lights\ndata: {"lights": 730}\n\n'
        assert (entry.endless, entry.whole, entry.status) == (True, False, 200)
        assert entry.size >= 2 * len(events)
        assert entry.sha256_of_first(len(events)) == sha256(events)
        with pytest.raises(JobError, match="octets of it were sent"):
            entry.sha256_of_first(entry.size + 1)


def test_the_readers_are_told_over_a_web_socket_that_closes_when_asked_to(site: Site) -> None:
    protocol = WSConnection(ConnectionType.CLIENT)
    opening = protocol.send(Request(host="live.courier.example", target="/readers"))
    after = protocol.send
    with Line(site, READERS) as line:
        line.socket.sendall(opening)
        told: list[object] = []

        def until(wanted: type) -> None:
            while not any(isinstance(each, wanted) for each in told):
                protocol.receive_data(line.socket.recv(65_536))
                told.extend(protocol.events())

        until(AcceptConnection)
        sent = b""
        for event in (TextMessage('{"story": "one-year"}'), Ping(b"there?"), CloseConnection(1000)):
            octets = after(event)
            sent += octets
            line.socket.sendall(octets)
            until({TextMessage: TextMessage, Ping: Pong, CloseConnection: CloseConnection}[type(event)])
        assert line.rest() == b""
    texts = [each.data for each in told if isinstance(each, TextMessage)]
    assert texts == [json.dumps({"readers": number}) for number in (212, 213, 215)]
    entry = last(site)
    assert (entry.status, entry.endless, entry.whole) == (101, True, True)
    assert (entry.asked_size, entry.asked_sha256) == (len(sent), sha256(sent))
    # RFC 6455 5.2: what a server sends has two octets of header here, and no mask.
    frames = [b"\x81" + bytes([len(text)]) + text.encode() for text in texts]
    assert entry.sha256_of_first(sum(map(len, frames))) == sha256(b"".join(frames))


def test_a_web_socket_that_speaks_nonsense_is_closed_and_one_that_is_none_is_not_opened(site: Site) -> None:
    key = ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13")
    with Line(site, READERS) as line:
        line.send(READERS, "Connection: Upgrade", "Upgrade: websocket", *key)
        line.socket.recv(65_536)
        line.socket.sendall(b"\xff" * 20)
        assert line.rest()[2:4] == (1002).to_bytes(2)  # RFC 6455 7.4.1: a protocol error
    assert last(site).asked_size == 20
    assert read(asked(site, READERS))[0] == 426
    assert read(asked(site, READERS, "Upgrade: websocket"))[0] == 426


def test_one_connection_carries_requests_with_and_without_bodies(site: Site) -> None:
    url = f"{API}/v2/consent"
    with Line(site, url) as line:
        line.send(url, method="POST", body=b"one")
        line.send(f"{API}/v2/related/one-year")
        line.send(url, "Connection: close", method="POST", body=b"two")
        octets = line.rest()
    assert [octets.count(b"HTTP/1.1 %d " % status) for status in (201, 503)] == [2, 1]
    assert [entry.asked_size for entry in site.served()[-3:]] == [3, 0, 3]


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 421),
        (b"POST / HTTP/1.1\r\nHost: outlets.example\r\nContent-Length: 1\r\n\r\nx", 405),
        (b"POST / HTTP/1.1\r\nHost: outlets.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: outlets.example\r\nContent-Length: 9999999\r\n\r\n", 400),
        (b"GET /nowhere HTTP/1.1\r\nHost: outlets.example\r\nConnection: close\r\n\r\n", 404),
        (b"GET / HTTP/1.0\r\nHost: outlets.example\r\n\r\n", 200),
        (b"HEAD / HTTP/1.0\r\nHost: outlets.example\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"x" * 70_000, 400),
    ],
)
def test_odd_requests_get_one_plain_answer_and_the_end_of_the_connection(
    site: Site, octets: bytes, status: int
) -> None:
    with Line(site, "http://outlets.example/") as line:
        line.socket.sendall(octets)
        assert line.rest().startswith(b"HTTP/1.1 %d " % status)
    assert (last(site).origin, last(site).tls, last(site).status) == ("http://outlets.example", "", status)


def test_nonsense_in_http_2_ends_its_connection_and_no_other(site: Site) -> None:
    with H2Line(site, TODAY) as other, H2Line(site, TODAY) as line:
        line.answered(line.ask(f"{TODAY}/edition.json"))
        line.line.socket.sendall(b"\0\0\1\0\0\0\0\0\0x")  # DATA on stream 0 (RFC 9113, 6.1)
        assert b"\0\0\0\1" in line.line.rest()  # GOAWAY: PROTOCOL_ERROR
        assert other.answered(other.ask(f"{TODAY}/edition.json")).over == "ended"


def test_a_client_that_leaves_early_is_listed_with_what_was_sent_to_it(site: Site) -> None:
    with Line(site, FILM) as line:
        line.send(FILM)
        line.socket.recv(10)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    entry = last(site)
    assert (entry.url, entry.whole) == (FILM, False)
    film = prolonged((FOLDER / BOOKS[FILM].file).read_bytes(), 12_000_000)
    assert 0 < entry.size < film.size
    assert entry.sha256 == sha256(film.piece(0, entry.size)) == entry.sha256_of_first(entry.size)


def test_an_answer_that_nobody_reads_is_told_and_not_waited_for_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.sample.second.account.IDLE", 0.3)
    with Line(site, FILM) as line:
        line.send(FILM)
        line.socket.recv(10)
        with pytest.raises(JobError, match=r"film/vigil\.mp4"):
            site.served()
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    monkeypatch.undo()
    assert not last(site).whole


def test_the_site_ends_without_a_thread_a_socket_or_a_key_left(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with contextlib.ExitStack() as clients:
        with serve(tmp_path) as site:
            for url in (TICKER, FILM):
                line = clients.enter_context(Line(site, url))
                line.send(url)
                line.socket.recv(10)
            clients.enter_context(Line(site, f"{API}/"))
            waiting = clients.enter_context(H2Line(site, PICTURES, windows=False))
            stream = waiting.ask(LARGE)
            waiting.until(lambda: len(waiting.streams[stream].body) == 65_535)
            port = int(site.resolve[0].rpartition(":")[2])
            began = time.monotonic()
        ended = time.monotonic() - began
    assert ended < 5
    assert {entry.url: entry.whole for entry in site.served()} == {TICKER: False, FILM: False, LARGE: False}
    assert set(threading.enumerate()) <= before
    assert [path.name for path in tmp_path.iterdir()] == ["ca.pem"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_given_port_is_the_first_of_ten_and_a_taken_one_is_refused_by_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(JobError, match=f"port {number} of 127.0.0.1 cannot be used"), serve(tmp_path, port=number):
            pass
