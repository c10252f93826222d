"""The sample article on loopback: what it answers, what it says that it answered, and that it leaves nothing behind."""

import concurrent.futures
import contextlib
import gc
import gzip
import hashlib
import http.client
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import brotlicffi
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from muniment.errors import FormatError, JobError
from muniment.sample import Site, serve
from muniment.sample.answer import Asked
from muniment.sample.contents import CONTENTS
from site_lines import Line, asked, read

ASSETS = Path(str(resources.files("muniment.sample"))) / "assets"
FILM = "https://post.social.example/media/4417-north-gate.mp4"
SLOW = "http://outlets.example/evening-ledger/ten-minutes.html"
BELL = "https://static.courier.example/audio/chapel-bell.m4a"
EMBED = "https://post.social.example/embed/4417"
MARGIN = 0.25


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("site")) as running:
        yield running


def stored(file: str) -> bytes:
    return (ASSETS / file).read_bytes()


def test_every_expected_url_answers_as_its_book_says_and_the_account_holds_the_octets_received(site: Site) -> None:
    books = {asset.url: asset for asset in CONTENTS}
    assert len(site.expected_urls) > 45
    for url in site.expected_urls:
        octets = asked(site, url, "Accept-Encoding: gzip, br", believed=url == BELL)
        entry = site.served()[-1]
        assert entry.interim + entry.head + entry.body == octets
        assert entry.whole
        assert (entry.host, entry.target) == (books[url].host, books[url].target)
        assert entry.sha256 == hashlib.sha256(octets[len(entry.interim) :]).hexdigest()
        assert entry.size == len(octets) - len(entry.interim)
        status, fields, body = read(octets)
        assert status == books[url].status == entry.status
        decode = {"gzip": gzip.decompress, "br": brotlicffi.decompress}.get(fields.get("content-encoding", ""), bytes)
        assert decode(body) == stored(books[url].file)


def test_exactly_what_is_planted_is_missing_or_unverified(site: Site) -> None:
    wrong = {url for url in site.expected_urls if url not in (BELL, SLOW) and read(asked(site, url))[0] >= 400}
    assert wrong == {each.url for each in site.planted if each.reason == "http-4xx"}
    assert {each.url for each in site.planted if each.reason == "expired"} == {BELL}
    assert len(site.planted) == 3


def test_early_hints_go_before_the_article_which_is_gzip_in_chunks(site: Site) -> None:
    octets = asked(site, site.url, "Accept-Encoding: gzip, deflate, br")
    assert octets.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: ")
    assert site.served()[-1].interim == octets[: octets.index(b"HTTP/1.1 200")]
    status, fields, body = read(octets)
    assert (status, fields["content-encoding"], fields["transfer-encoding"]) == (200, "gzip", "chunked")
    assert gzip.decompress(body) == stored("courier.example/article.html")
    assert fields["set-cookie"].startswith("edition=valley; Domain=courier.example")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br", "br"), ("br;q=0, gzip", "gzip"), ("gzip;q=0.5", "gzip"), ("deflate", None), ("gzip;q=0.0", None)],
)
def test_a_content_coding_is_used_only_where_the_client_accepts_it(
    site: Site, accepted: str, coding: str | None
) -> None:
    _status, fields, body = read(asked(site, EMBED, f"Accept-Encoding: {accepted}"))
    assert fields.get("content-encoding") == coding
    assert fields["vary"] == "Accept-Encoding"
    decode = {"gzip": gzip.decompress, "br": brotlicffi.decompress, None: bytes}[coding]
    assert decode(body) == stored("post.social.example/embed-4417.html")


@pytest.mark.parametrize(
    ("wish", "first", "last"),
    [("bytes=0-", 0, -1), ("bytes=0-0", 0, 0), ("bytes=1000-1999", 1000, 1999), ("bytes=-500", -500, -1)],
)
def test_a_range_of_a_film_is_answered_with_206_and_those_bytes(site: Site, wish: str, first: int, last: int) -> None:
    film = stored("post.social.example/media/4417-north-gate.mp4")
    status, fields, body = read(asked(site, FILM, f"Range: {wish}"))
    first, last = first % len(film), last % len(film)
    assert (status, fields["content-range"]) == (206, f"bytes {first}-{last}/{len(film)}")
    assert body == film[first : last + 1]
    assert site.served()[-1].range == wish


@pytest.mark.parametrize(
    "fields",
    [(), ("Range: bytes=0-1,4-5",), ("Range: bytes=9-3",), ("Range: bytes=-",), ("Range: bytes=0-9", 'If-Range: "x"')],
)
def test_without_one_valid_range_the_whole_film_is_sent(site: Site, fields: tuple[str, ...]) -> None:
    status, _fields, body = read(asked(site, FILM, *fields))
    assert status == 200
    assert body == stored("post.social.example/media/4417-north-gate.mp4")


@pytest.mark.parametrize("wish", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused_with_the_length(site: Site, wish: str) -> None:
    status, fields, body = read(asked(site, FILM, f"Range: {wish}"))
    length = len(stored("post.social.example/media/4417-north-gate.mp4"))
    assert (status, fields["content-range"], body) == (416, f"bytes */{length}", b"")


def test_the_first_outlet_is_reached_over_two_redirects(site: Site) -> None:
    url, statuses = "http://outlets.example/radio-sael/go/8812", []
    while True:
        status, fields, _body = read(asked(site, url))
        statuses.append((status, site.expected_urls[url]))
        if status == 200:
            break
        url = urljoin(url, fields["location"])
    assert statuses == [(301, "redirect"), (302, "redirect"), (200, "cited")]


def test_the_third_outlet_drips_for_about_two_seconds(site: Site) -> None:
    began = time.monotonic()
    with Line(site, SLOW) as line:
        line.send(SLOW, "Connection: close")
        line.socket.recv(65_536)
        assert time.monotonic() - began < 1
        line.rest()
    assert 2 - MARGIN < time.monotonic() - began < 8


def test_a_client_that_leaves_early_is_entered_with_what_was_sent_to_it(site: Site) -> None:
    with Line(site, SLOW) as line:
        line.send(SLOW)
        line.socket.recv(65_536)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    entry = site.served()[-1]
    assert (entry.target, entry.whole) == ("/evening-ledger/ten-minutes.html", False)
    assert len(entry.body) < len(stored("outlets.example/evening-ledger/ten-minutes.html"))


def test_the_courier_and_the_posts_verify_and_the_static_host_has_expired(site: Site) -> None:
    for url in (site.url, FILM):
        with Line(site, url) as line:
            assert isinstance(line.socket, ssl.SSLSocket)
            assert line.socket.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(ssl.SSLCertVerificationError) as refused, Line(site, BELL):
        pass
    assert refused.value.verify_code == 10  # X509_V_ERR_CERT_HAS_EXPIRED


def test_the_expired_certificate_held_until_a_year_ago_and_for_no_other_name(site: Site) -> None:
    with Line(site, BELL, believed=True) as line:
        chain = _chain(line.socket)
    root = x509.load_pem_x509_certificate(site.ca_file.read_bytes())
    then = datetime.now(UTC) - timedelta(days=366)
    policy = PolicyBuilder().store(Store([root])).time(then)
    policy.build_server_verifier(x509.DNSName("static.courier.example")).verify(chain[0], chain[1:])
    with pytest.raises(x509.verification.VerificationError):
        policy.build_server_verifier(x509.DNSName("courier.example")).verify(chain[0], chain[1:])


def _chain(connection: Any) -> list[x509.Certificate]:
    # SSLSocket.get_unverified_chain is public from 3.13 on, and gives DER there.
    if hasattr(connection, "get_unverified_chain"):
        return [x509.load_der_x509_certificate(each) for each in connection.get_unverified_chain()]
    chain = connection._sslobj.get_unverified_chain()
    return [x509.load_pem_x509_certificate(each.public_bytes(1).encode()) for each in chain]  # 1: PEM


def test_one_connection_carries_many_requests_even_sent_at_once(site: Site) -> None:
    icon = "https://post.social.example/icon.svg"
    with Line(site, icon) as line:
        line.send(icon)
        line.send(EMBED)
        line.send(icon, "Connection: close")
        octets = line.rest()
    assert octets == b"".join(entry.head + entry.body for entry in site.served()[-3:])
    assert octets.count(stored("post.social.example/icon.svg")) == 2


def test_http_client_of_the_standard_library_understands_the_site(site: Site) -> None:
    for method, length in (("HEAD", 0), ("GET", len(stored("courier.example/img/vigil.jpg")))):
        address = dict(each.split("=") for each in site.resolve)["courier.example"]
        context = ssl.create_default_context(cafile=site.ca_file)
        plain = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=20)
        connection = http.client.HTTPConnection("courier.example")
        connection.sock = context.wrap_socket(plain, server_hostname="courier.example")
        with contextlib.closing(connection):
            connection.request(method, "/img/vigil.jpg")
            answer = connection.getresponse()
            assert len(answer.read()) == length
            assert answer.headers["Content-Length"] == str(len(stored("courier.example/img/vigil.jpg")))


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 421),
        (b"POST / HTTP/1.1\r\nHost: outlets.example\r\nContent-Length: 1\r\n\r\nx", 405),
        (b"GET /nowhere HTTP/1.1\r\nHost: outlets.example\r\nConnection: close\r\n\r\n", 404),
        (b"GET / HTTP/1.0\r\nHost: outlets.example\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    ],
)
def test_odd_requests_get_one_plain_answer_and_the_end_of_the_connection(
    site: Site, octets: bytes, status: int
) -> None:
    with Line(site, SLOW) as line:
        line.socket.sendall(octets)
        assert line.rest().startswith(b"HTTP/1.1 %d " % status)


def test_a_request_head_without_its_empty_line_is_no_request() -> None:
    with pytest.raises(FormatError, match="an empty line"):
        Asked.parse(b"GET / HTTP/1.1\r\nHost: outlets.example\r\n")


def test_fifty_clients_at_once_each_get_their_own_answer(site: Site) -> None:
    urls = [url for url in site.expected_urls if url not in (BELL, SLOW)][:50]
    alone = {url: read(asked(site, url))[2] for url in urls}
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        together = dict(zip(urls, pool.map(lambda url: read(asked(site, url))[2], urls), strict=True))
    assert together == alone


def test_the_site_ends_without_a_thread_a_socket_or_a_key_left(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        with serve(tmp_path) as site, Line(site, site.url) as idle, Line(site, SLOW) as plain:
            idle.send(EMBED.replace("post.social", "courier"))
            plain.send(SLOW)
            plain.socket.recv(10)
            port = int(site.resolve[0].rpartition(":")[2])
            began = time.monotonic()
        ended = time.monotonic() - began
        gc.collect()
    assert [each for each in raised if issubclass(each.category, ResourceWarning)] == []
    assert set(threading.enumerate()) <= before
    assert ended < 2 - MARGIN
    assert [path.name for path in tmp_path.iterdir()] == ["ca.pem"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_given_port_is_the_first_of_four_and_a_taken_one_is_refused_by_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(JobError, match=f"port {number} of 127.0.0.1 cannot be used"), serve(tmp_path, port=number):
            pass
    first = next(start for start in range(20_011, 30_000, 7) if _free(start))
    with serve(tmp_path, port=first) as site:
        assert [int(each.rpartition(":")[2]) for each in site.resolve] == list(range(first, first + 4))


def _free(start: int) -> bool:
    with contextlib.ExitStack() as held:
        try:
            for number in range(start, start + 4):
                held.enter_context(socket.create_server(("127.0.0.1", number)))
        except OSError:
            return False
    return True
