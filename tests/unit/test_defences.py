"""Defences that lie across several modules: each of these tests fails when one line of them is taken away."""

import base64
import datetime as dt
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cryptography.hazmat.primitives import serialization

import archives
import hostile
from captures import SEED, Step, answer, captured, desk, page
from commands import Ran, muniment
from hostile import Authority, Served, Talk
from muniment import catalogue, layout, manifest
from muniment.canonical import Fields
from muniment.capture import commit, recovery
from muniment.capture.archive import begin_with_keys, opened
from muniment.cli.listing import _print_resources, print_account
from muniment.errors import FormatError, StoreError
from muniment.fetch import tls_peer
from muniment.fetch.cookies import Cookies
from muniment.fetch.dial import Place, Surroundings
from muniment.fetch.http import StaticEngine, Wanted
from muniment.fetch.wire import Request
from muniment.log.note import Checkpoint
from muniment.message.chunked import Chunked, End
from muniment.message.coding import decoded
from muniment.message.head import request_head
from muniment.message.url import Url, join
from muniment.model import Exchange, Reason, Role, Truncation
from muniment.rules import Limits, Rules
from muniment.seal import dsse

ESCAPES = "\x1b[31m\nmuniment: PASS\u202e\x9b"


@pytest.fixture
def engine() -> Iterator[StaticEngine]:
    made = hostile.engine(limits=Limits(delay=0, idle_timeout=5))
    yield made
    made.close()


def got(engine: StaticEngine, url: str) -> list[Exchange]:
    found = list(engine.fetch(Wanted(url, page=False, referer="", cap=1 << 20, until=time.monotonic() + 15)))
    for exchange in found:
        if exchange.response:
            exchange.response.close()
    return found


# HTTP.


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
    ids=["it says so", "an old protocol", "two lengths, as requests are smuggled"],
)
def test_a_connection_that_does_not_last_is_not_used_again_though_the_server_keeps_it(
    octets: bytes, engine: StaticEngine
) -> None:
    with Served(hostile.routing(lambda _: octets)) as served:
        reasons = [exchange.reason for _ in range(2) for exchange in got(engine, served.url())]
        assert served.connections == 2
    assert reasons == [Reason.OK] * 2


def test_idle_connections_are_bounded_in_number() -> None:
    names = [f"host{number}.example" for number in range(70)]
    engine = hostile.engine(*names, limits=Limits(delay=0))
    closed = threading.Semaphore(0)

    def script(talk: Talk) -> None:
        try:
            hostile.routing(lambda _: hostile.answer(b"x"))(talk)
        finally:
            closed.release()

    with Served(script) as served:
        for name in names:
            got(engine, served.url(host=name))
        assert served.connections == 70
        for _ in range(6):
            assert closed.acquire(timeout=10), "more than 64 connections are kept open"
        engine.close()


def test_a_resource_has_its_own_deadline_within_that_of_the_capture() -> None:
    engine = hostile.engine(limits=Limits(delay=0, idle_timeout=10, max_resource_time=0.3))

    def half(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        talk.until_closed()

    with Served(half) as served:
        [exchange] = got(engine, served.url())
    engine.close()
    assert (exchange.truncated, exchange.rule) == (Truncation.TIME, "max-resource-time")


def test_a_site_sets_no_cookie_for_all_of_a_countrys_companies() -> None:
    jar = Cookies()
    jar.take("http://first.co.uk/", (("Set-Cookie", "spy=1; Domain=co.uk"), ("Set-Cookie", "own=1")))
    assert jar.field("http://first.co.uk/") == "own=1"
    assert jar.field("http://second.co.uk/") == ""


@pytest.mark.parametrize("bad", ["; Max-Age", "; Max-Age=" + "9" * 400, "; Expires=Wed, 09 Jen 2027 10:18:14 GMT"])
def test_a_cookie_that_the_jar_stumbles_over_writes_nothing_on_the_terminal(bad: str) -> None:
    program = (
        "import sys; from muniment.fetch.cookies import Cookies; jar = Cookies();"
        "jar.take('http://a.example/', (('Set-Cookie', 'a=b' + sys.argv[1]), ('Set-Cookie', 'c=d')))"
    )
    done = subprocess.run([sys.executable, "-c", program, bad], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_cookies_that_make_a_field_too_long_are_not_sent() -> None:
    jar = Cookies()
    for number in range(10):
        jar.take("http://site.example/", (("Set-Cookie", f"c{number}=" + "x" * 1000),))
    assert jar.field("http://site.example/") == ""


def test_a_flood_after_an_answer_that_is_none_is_not_kept_in_memory(engine: StaticEngine) -> None:
    def flood(talk: Talk) -> None:
        talk.request()
        for _ in range(2000):
            talk.send(b"x" * 65536)

    with Served(flood) as served:
        tracemalloc.start()
        [exchange] = got(engine, served.url())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert exchange.reason is Reason.NOT_HTTP
    assert peak < 4 << 20


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "PROXY-AUTHORIZATION"])
def test_what_lets_a_peer_act_as_the_user_goes_to_a_verified_one_only(name: str) -> None:
    request = Request("https://site.example/", Place("https", "site.example", 443), "/", ((name, "secret"),))
    assert b"secret" in request.octets(trusted=True)
    assert b"secret" not in request.octets(trusted=False)


def test_no_old_protocol_counts_as_verified_whatever_the_system_allows() -> None:
    policy = tls_peer.Policy(())
    assert policy.verified.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (policy.verified.verify_mode, policy.verified.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "", "G T", "GET\x00"])
def test_a_method_that_is_no_token_is_never_written(method: str) -> None:
    with pytest.raises(FormatError, match="a method"):
        request_head(method, "/", ())


def test_trailers_are_bounded_however_large_the_body_was() -> None:
    chunked = Chunked()
    chunked.feed(b"100000\r\n" + bytes(1 << 20) + b"\r\n0\r\n")
    for _ in range(2000):
        chunked.feed(b"X-Trailer: " + b"x" * 1000 + b"\r\n")
    assert chunked.end is End.FAULT


def test_a_zstd_frame_that_asks_for_more_memory_than_browsers_give_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24, write_content_size=0)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = compressor.compress(bytes(100)) + compressor.flush()
    with pytest.raises(FormatError, match="the coding zstd"):
        list(decoded(iter([frame]), ("zstd",), cap=1000))


def test_a_url_is_bounded_as_it_is_written_and_not_only_as_it_is_read() -> None:
    long = "http://site.example/" + "./" * 40_000  # which means http://site.example/
    for read in (Url.parse, lambda text: join("http://site.example/", text)):
        with pytest.raises(FormatError, match="at most 65536 octets"):
            read(long)


def test_half_a_character_in_a_link_is_read_as_browsers_read_it() -> None:
    assert join("http://site.example/", "a\ud800b").href == "http://site.example/a%EF%BF%BDb"


def test_the_second_attempt_at_an_unverified_peer_is_judged_like_the_first() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    def rebinding(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    rules = Rules(allow_net=("127.0.0.1/32",), limits=Limits(delay=0))
    engine = StaticEngine(rules, Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC)), look_up=rebinding)
    with Served(hostile.sending(hostile.answer(b"caught")), tls=Authority().context()) as served:
        # The canary listens on the very port that the name leads to.
        with socket.create_server(("127.0.0.2", served.port)) as canary:
            canary.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            [exchange] = got(engine, served.url())
            with pytest.raises(BlockingIOError):
                canary.accept()
        assert served.requests == []
    engine.close()
    assert exchange.reason is Reason.BLOCKED_ADDRESS


def test_a_name_that_changes_its_mind_reaches_no_canary_on_the_very_port() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    rules = Rules(allow_net=("127.0.0.1/32",), limits=Limits(delay=0))
    made = StaticEngine(rules, Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC)), look_up=rebinding)
    closing = hostile.answer(b"", "302 Found", "Location: /again", "Connection: close")
    with Served(hostile.sending(closing)) as served, socket.create_server(("127.0.0.2", served.port)) as canary:
        canary.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        first, second = got(made, served.url())
        with pytest.raises(BlockingIOError):
            canary.accept()
        assert served.connections == 1
    made.close()
    assert (first.reason, second.reason) == (Reason.REDIRECT, Reason.BLOCKED_ADDRESS)
    assert asked == ["site.example"] * 2


# Signed JSON.


@pytest.mark.parametrize("content", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_line_that_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError, match="a JSON object"):
        Fields(content, "line 1")
    with pytest.raises(FormatError, match=r"a manifest line .* `object`"):
        manifest.decode_record(content, "line 1")


def test_a_field_that_nobody_knows_is_refused_by_its_name() -> None:
    with pytest.raises(FormatError, match="colour"):
        Fields(b'{"colour":"red"}', "line 1").finish(b'{"colour":"red"}')


def test_a_constant_is_of_its_type_too() -> None:
    with pytest.raises(FormatError):
        Fields(b'{"n":true}', "line 1").constant("n", 1)


def test_no_salt_is_used_twice_in_an_archive(tmp_path: Path) -> None:
    made = archives.archive(tmp_path)
    salts = []
    for capture in made.captures:
        lines = made.path(layout.manifest(capture)).read_bytes().splitlines()
        salts += [json.loads(line)["salt"] for line in lines]
        opening = dsse.unverified_payload(made.path(layout.opening(capture)).read_bytes())
        salts.append(json.loads(opening)["predicate"]["salt"])
    assert len(set(salts)) == len(salts) > 20
    assert all(len(set(bytes.fromhex(salt))) > 4 for salt in salts)


def test_no_salt_is_used_twice_by_recovery(tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    for minute in range(2):
        start = dt.datetime(2024, 12, 10, 9, minute, tzinfo=dt.UTC)
        with archives.drafted(made, archives.article("k"), start) as capture:
            capture.recorder.close()
    held = commit.signers(made.archive, None)
    done = list(recovery.recover(made.archive, held, recovery.unfinished(made.archive), dt.datetime.now(dt.UTC)))
    assert len(done) == 2
    lines = [made.path(layout.manifest(each.capture)).read_bytes().splitlines()[0] for each in done]
    assert len({json.loads(line)["salt"] for line in lines}) == 2


@pytest.mark.parametrize("folder", [layout.claims, layout.evidence])
def test_a_capture_never_goes_into_a_folder_that_is_there(
    folder: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = archives.begun(tmp_path)
    start = dt.datetime(2024, 12, 10, 9, 30, tzinfo=dt.UTC)
    monkeypatch.setattr(commit, "token_bytes", bytes)
    capture = layout.capture_id(start + dt.timedelta(seconds=1), bytes(4))
    made.path(folder(capture)).mkdir(parents=True)
    with pytest.raises(StoreError, match="never overwritten"), archives.drafted(made, [], start):
        pass
    assert not list(made.path(folder(capture)).iterdir())


@pytest.mark.parametrize("passphrase", [None, b"correct horse"], ids=["plain", "encrypted"])
def test_nothing_in_an_archive_or_of_what_is_told_holds_a_part_of_a_private_key(
    passphrase: bytes | None, tmp_path: Path
) -> None:
    home, root = tmp_path / "home", tmp_path / "case"
    made = begin_with_keys(root, "case", "Desk 1", home, passphrase)
    held = commit.signers(opened(root, home), passphrase)
    clear = [
        serialization.load_pem_private_key(key.pkcs8(None), None).private_bytes_raw()  # type: ignore[union-attr]
        for key in (held.operator, held.log)
    ]
    folder = tmp_path / "secret"
    folder.write_bytes(passphrase or b"unused")
    desk_ = commit.Desk(opened(root, home), held, Rules(), commit.Clock())
    captured(desk_, [Step(answer(SEED, page()), Role.ARTICLE, title="x", links=[])])
    where = {"cwd": root, "MUNIMENT_HOME": str(home)}
    told = [
        muniment(*arguments, **where)  # type: ignore[arg-type]
        for arguments in (
            ["verify", "--json"], ["trust", "show"], ["keys", "list", "--json"], ["keys", "export"],
            ["doctor", "--json"], ["list", "--json"],
            ["keys", "backup", str(tmp_path / "copy"), "--passphrase-file", str(folder), "--backup-passphrase-file",
             str(folder)],
        )
    ]  # fmt: skip
    assert [each.status for each in told][-1] == 0, told[-1].err
    octets = [each.read_bytes() for each in root.rglob("*") if each.is_file()]
    octets += [gzip.decompress(each) for each in octets if each.startswith(b"\x1f\x8b")]
    octets += [(each.out + each.err).encode() for each in told]
    octets += [(tmp_path / "copy").read_bytes(), repr(made).encode(), repr(held).encode()]
    files = b"".join(each.read_bytes() for each in made.keys.glob("*.pem"))
    for secret in clear:
        # base64 in the three ways in which it may begin within three octets, without the ends that depend on them
        spelt = [base64.b64encode(b"\0" * begin + secret)[begin + 4 : -4] for begin in range(3)]
        assert any(form in files for form in spelt) is (passphrase is None)  # the search finds what is there
        for form in (secret, secret.hex().encode(), passphrase or secret, *spelt):
            assert not [each for each in octets if form in each]


def test_digits_of_other_scripts_make_no_capture_and_no_time() -> None:
    with pytest.raises(FormatError):
        layout.opened_at("\uff12\uff10\uff12\uff140101T000000Z-aaaaaa")
    with pytest.raises(FormatError):
        manifest.instant("\u0662\u0660\u0662\u0664-01-01T00:00:00Z", "line 1")


# Terminals.


def harmless(text: str) -> bool:
    return all(letter == "\n" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in text)


def test_whatever_an_account_holds_is_shown_without_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = desk(tmp_path)
    steps = [Step(answer(SEED, page(), tls="expired"), Role.ARTICLE, title="x", links=[])]
    document: dict[str, Any] = catalogue.account(made.archive.root, captured(made, steps))
    document["url"] += ESCAPES
    document["engine"] += ESCAPES
    document["article"]["title"] = ESCAPES
    document["warcs"][0]["file"] += ESCAPES
    document["problems"] = [ESCAPES]
    for name in ("url", "tls", "final", "media_type"):
        document["resources"][0][name] += name + ESCAPES
    missing = {"url": ESCAPES, "role": "image", "reason": "dns", "status": None, "rule": ESCAPES, "retryable": False}
    document["missing"] = [missing]
    print_account(document)
    _print_resources(document)
    written = capsys.readouterr().out
    assert harmless(written)
    assert not [line for line in written.splitlines() if line.startswith("muniment: PASS")]


def test_what_is_told_of_extracted_payloads_is_harmless(tmp_path: Path) -> None:
    made = desk(tmp_path)
    capture = captured(made, [Step(answer(SEED, page(), tls=ESCAPES), Role.ARTICLE, links=[])])
    out = str(tmp_path / f"out{ESCAPES}")
    told = muniment("extract", capture, "--out", out, cwd=made.archive.root)
    assert told.status == 0
    assert "TLS not verified" in told.out
    assert harmless(told.out + told.err)


BUG = """
import muniment.cli.__main__ as door

class Broken:
    def main(self, **_):
        raise ValueError("\\u202e\\x9b\\nmuniment: PASS")

door.muniment = Broken()
door.main()
"""


def test_the_report_of_a_bug_of_ours_is_harmless_too() -> None:
    done = subprocess.run([sys.executable, "-c", BUG], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert harmless(done.stderr)
    assert "this is a bug in muniment" in done.stderr


def test_a_list_shows_no_seed_without_escaping_it(tmp_path: Path) -> None:
    made = desk(tmp_path)
    captured(made, [Step(answer(SEED, page()), Role.ARTICLE, links=[])], seed=SEED + ESCAPES)
    told = muniment("list", cwd=made.archive.root)
    assert "\\x1b[31m\\x0amuniment: PASS" in told.out
    assert harmless(told.out + told.err)


HOSTS = {
    "xn--80ak6aa92e.com": ("\u0430\u0440\u0440\u04cf\u0435.com", "in Cyrillic letters"),
    "xn--pple-43d.com": ("\u0430pple.com", "mixes Cyrillic and Latin"),
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_imitates_another_is_shown_as_punycode_with_a_warning(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters, warning = HOSTS[host]
    made = desk(tmp_path)
    steps = [
        Step(answer(SEED, page()), Role.ARTICLE, title="x", links=[]),
        Step(answer(f"https://{host}/logo", page()), Role.IMAGE, 0),
    ]
    print_account(catalogue.account(made.archive.root, captured(made, steps)))
    [line] = [each for each in capsys.readouterr().out.splitlines() if each.startswith("  host")]
    assert host in line
    assert letters in line
    assert warning in line


def test_a_seed_that_imitates_another_is_told_before_it_is_captured(tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    told = muniment("capture", "http://\u0430pple.com/", "--no-dns", cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert "xn--pple-43d.com" in told.err
    assert "mixes Cyrillic and Latin" in told.err


def test_a_folder_with_a_hostile_name_writes_nothing_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"case{ESCAPES}"
    monkeypatch.setenv("MUNIMENT_HOME", str(tmp_path / f"home{ESCAPES}"))
    made = archives.archive(folder, "a")
    shutil.copytree(made.home, Path(os.environ["MUNIMENT_HOME"]))
    [capture] = made.captures
    secret = tmp_path / "secret"
    secret.write_bytes(b"correct horse")
    told: list[Ran] = [
        muniment(*arguments, cwd=made.root)
        for arguments in (
            ["list"],
            ["show", capture],
            ["verify"],
            ["verify", "--html", str(folder / "page.html")],
            ["keys", "list"],
            ["log", "checkpoint"],
            ["doctor"],
            ["recover", "--dry-run"],
            ["index", "rebuild"],
            ["extract", capture, "--out", str(folder / "out")],
            ["extract", capture, "--out", str(folder / "out")],
            ["keys", "backup", str(folder / "copy"), "--backup-passphrase-file", str(secret)],
            ["init", ".", "--operator", "x"],
            ["init", str(folder / "new"), "--name", "new\u202e", "--operator", "x"],
            ["trust", "init", str(folder / "trust.toml")],
            ["trust", "init", str(folder / "trust.toml")],
        )
    ]
    (made.root / "index.db").write_bytes(b"no index" * 1000)
    told.append(muniment("show", capture, cwd=made.root))
    assert "muniment: " in told[-1].err
    settings = made.root / "muniment.toml"
    settings.write_text(settings.read_text() + '\n"\\u001b[31m\\nmuniment: PASS" = 1\n')
    told += [muniment(*arguments, cwd=made.root) for arguments in (["verify"], ["capture", "http://127.0.0.1:1/"])]
    for each in told:
        assert harmless(each.out + each.err), each
        assert "Traceback" not in each.err
        assert not [line for line in (each.out + each.err).splitlines() if line.startswith("muniment: PASS")]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe no text",
        b"x\x1b[31m\n1\nAAAA\n\n",
        Checkpoint("case", 2, bytes(32), (f"note {ESCAPES[-2:]}",)).text.encode() + "\n— case AAAAAAA=\n".encode(),
    ],
    ids=["no text", "escapes", "a malicious extension line"],
)
def test_a_hostile_checkpoint_writes_nothing_on_a_terminal(content: bytes, tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "a")
    newest = made.path(layout.checkpoint_at(made.origin, 2))
    newest.chmod(0o644)
    newest.write_bytes(content)
    told = muniment("log", "checkpoint", cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert harmless(told.out + told.err)
    assert "Traceback" not in told.err
    assert told.status in {0, 1}


UNWRITABLE = {
    "an operator with a line end": ["init", "new", "--operator", "Desk\r\nWARC-Type: response"],
    "an operator that is no text": ["init", "new", "--operator", "Desk\udcff"],
    "a name with an escape": ["init", "new", "--operator", "Desk", "--name", "\x1b[31m"],
    "a user agent with a line end": ["capture", "http://127.0.0.1:1/", "--user-agent", "x\r\nCookie: y=1"],
    "a user agent that is no text": ["capture", "http://127.0.0.1:1/", "--user-agent", "x\udcff"],
    "a URL that is no text": ["capture", "http://127.0.0.1:1/\udcff"],
    "an id that is no text": ["show", "2024\udcff"],
    "an id to extract that is no text": ["extract", "2024\udcff", "--out", "out"],
    "a folder that is no text": ["verify", "here\udcff"],
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_an_argument_that_no_record_can_hold_is_refused_and_writes_nothing(name: str, tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    before = archives.tree(tmp_path)
    told = muniment(*UNWRITABLE[name], cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert told.status == 2, told.err
    assert len(told.err.splitlines()) <= 2
    assert harmless(told.err)
    after = {path for path in archives.tree(tmp_path) if "index.db" not in path}
    assert after - {f"{made.root.name}/work/lock"} == set(before)
