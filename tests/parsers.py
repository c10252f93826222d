"""Every parser that reads what a stranger wrote: what it reads when all is well, and how it may refuse.

One table for the tests in ``tests/fuzz``. A parser gives an answer or one of its ``refusals``; nothing else, ever.
"""

import gzip
import io
import ipaddress
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import brotlicffi
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from selectolax.lexbor import LexborHTMLParser

from muniment import canonical, extract, manifest, sample, settings, timestamp
from muniment.capture.archive import Settings
from muniment.catalogue import facts
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, JobError, TrustError
from muniment.extract import article, jsonld, schema_org, visible
from muniment.extract.assertion import Assertions
from muniment.extract.charset import decoded_css, decoded_html
from muniment.extract.css import references
from muniment.extract.dates import instant_or_day
from muniment.extract.srcset import candidates
from muniment.extract.tags import flattened
from muniment.fetch.cookies import Cookies
from muniment.index.folding import folded, phrases, tokens
from muniment.index.passages import passage
from muniment.log import batch, consistency, cosignature, leaf, note, proof, tree
from muniment.message import entity
from muniment.message.chunked import Chunked
from muniment.message.coding import decoded
from muniment.message.head import parse_head
from muniment.message.response import ResponseReader
from muniment.message.url import Url, join, spoken
from muniment.model import EventType, Kind, Position, Reason, Record, Role, State, Truncation
from muniment.seal import PublicKey, SigningKey, command, dsse
from muniment.tls import evidence
from muniment.tls.attribution import Claim, attributed, names
from muniment.tls.connection import Connection as Passive
from muniment.tls.evidence import Evidence
from muniment.tls.handshake import Message
from muniment.tls.keylog import KeyLog
from muniment.tls.session import Side
from muniment.verify import trust
from muniment.warc import fields, metadata, reader
from rfc8448 import SIMPLE
from tls_forged import certificate, forged, message
from warc_entries import ODD_MESSAGES, every_kind, record, stored

__all__ = ["PARSERS", "Parser"]

PAGE: Final = "https://courier.example/2024/a.html"
ID: Final = "urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786"
DIGEST: Final = Digest.of_bytes(b"x")
NOON: Final = datetime(2024, 12, 10, 12, 0, 0, 125000, tzinfo=UTC)
KEY: Final = SigningKey.of_seed(b"k" * 32)
ASSETS: Final = Path(sample.__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser: valid documents to begin with, the words of its format, the call, and how it may refuse.

    ``found`` are inputs that once did harm. They come straight after the seeds, and are no valid documents.
    """

    seeds: Sequence[bytes]
    words: Sequence[bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = (FormatError,)
    found: Sequence[bytes] = ()


def text(octets: bytes) -> str:
    """Return *octets* as text that may hold anything, lone surrogates too: a str in Python is no promise."""
    return octets.decode("utf-8", "surrogateescape")


def words(line: str) -> tuple[bytes, ...]:
    return tuple(each.encode() for each in line.split(" "))


# HTTP

ANSWER: Final = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: keep-alive, x\r\n"
    b"Transfer-Encoding: chunked\r\nX-Folded: a\r\n b\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\nHTTP/1.1 200"
)
HTTP_WORDS: Final = words(
    "HTTP/1.1 HTTP/0.9 100 101 204 304 200 Content-Length: Transfer-Encoding: Content-Encoding: chunked gzip br zstd"
    ' deflate identity Connection: close \r\n\r\n \r\n \n 0\r\n\r\n ;ext="a" , : ffffffffffffffff'
)
URL_WORDS: Final = words(
    "http:// https:// // / \\ ? # @ : [::ffff:1.2.3.4] [ ] xn-- xn--a %2e %00 .. 0x7f.1 \u3002 \u00ad data: ws:"
)
PLAIN: Final = b"<p>Two people were killed, three were wounded.</p>" * 8


def _answer(octets: bytes) -> None:
    pieces = ResponseReader("GET", 1 << 12)
    third = len(octets) // 3
    for each in (octets[:third], octets[third : 2 * third], octets[2 * third :]):
        list(pieces.feed(each))
    pieces.finish()


def _head(octets: bytes) -> None:
    head = parse_head(octets)
    assert head.lasts in {True, False}
    head.members("Content-Encoding")


def _chunked(octets: bytes) -> None:
    chunked = Chunked(1 << 12)
    chunked.feed(octets[: len(octets) // 2])
    chunked.feed(octets[len(octets) // 2 :])


def _coding(name: str) -> Callable[[bytes], None]:
    def read(octets: bytes) -> None:
        for _ in decoded(iter((octets[:9], octets[9:])), (name,), cap=1 << 24):
            pass

    return read


def _entity(octets: bytes) -> None:
    found = entity.measure(io.BytesIO(octets), cap=1 << 22)
    assert found.block == Digest.of_bytes(octets)
    for _ in entity.content(io.BytesIO(octets), cap=1 << 22):
        pass


def _url(octets: bytes) -> None:
    url = Url.parse(text(octets))
    assert Url.parse(url.href).href == url.href
    assert "@" not in url.authority


def _reference(octets: bytes) -> None:
    url = join(PAGE, text(octets))
    assert join(PAGE, url.href).href == url.href
    assert spoken(url.host).isprintable()


def _spoken(octets: bytes) -> None:
    assert spoken(text(octets)).isprintable()


def _cookies(octets: bytes) -> None:
    jar = Cookies()
    jar.take(PAGE, tuple(("Set-Cookie", each) for each in octets.decode("latin-1").split("\n")))
    assert "\r" not in jar.field(PAGE)


def _message(body: bytes, coding: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding.encode() + b"\r\n\r\n" + body


GZIPPED: Final = gzip.compress(PLAIN, mtime=0)
HTTP: Final = {
    "answer": Parser(
        [ANSWER, *(each for each in ODD_MESSAGES.values() if 100 < len(each) < 5000)], HTTP_WORDS, _answer
    ),
    "head": Parser([ANSWER.partition(b"\r\n\r\n")[2].partition(b"5;a")[0]], HTTP_WORDS, _head),
    "chunked": Parser([b"5;a=b\r\nhello\r\n1A\n" + b"x" * 26 + b"\n0\r\nX: y\r\n\r\n"], HTTP_WORDS, _chunked),
    "gzip": Parser([GZIPPED, GZIPPED * 2], (b"\x1f\x8b\x08", b"\x00\x00\xff\xff"), _coding("gzip")),
    "deflate": Parser([zlib.compress(PLAIN), zlib.compress(PLAIN)[2:-4]], (b"\x78\x9c",), _coding("deflate")),
    "br": Parser([brotlicffi.compress(PLAIN)], (b"\x03", b"\x06"), _coding("br")),
    "zstd": Parser([zstandard.compress(PLAIN)], (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"), _coding("zstd")),
    "entity": Parser([_message(GZIPPED, "gzip"), ANSWER.partition(b"\r\n\r\n")[2]], HTTP_WORDS, _entity),
    "url": Parser(
        [b"https://courier.example:8443/a/../b?q=1&q=%e9#x", "https://b\u00fccher.example/\u5317".encode()],
        URL_WORDS,
        _url,
    ),
    "reference": Parser([b"//[::1]:80/", b"../b?c#d", "\u5317?\u00e9".encode()], URL_WORDS, _reference),
    "host": Parser(
        [b"xn--bcher-kva.example", "\u0430pple.com".encode()], words("xn-- xn--a . \u202e - \u0430"), _spoken
    ),
    "cookies": Parser(
        [b"a=b; Path=/; Domain=courier.example; Max-Age=60\nb=c; Expires=Wed, 09 Jun 2027 10:18:14 GMT; Secure"],
        words(
            'a=b ; = " Path= Domain=.example Max-Age= Expires= Secure HttpOnly Version=1 Port="80" , GMT 99-Jan-9999'
        ),
        _cookies,
    ),
}

# Pages and style sheets

HTML_WORDS: Final = words(
    "<img srcset='a.png 2x, b.png 3x' src= <a href= <base href= > </a> <style> </style> <script"
    " type=application/ld+json> </script> <meta charset=utf-16> <meta http-equiv=refresh content='0;url=b'>"
    " <template> <svg> <iframe srcdoc='"
    " <noscript> <table> <tr> <!-- --> <![CDATA[ ]]> &#0; &#xD800; &amp; itemprop=author itemscope <time datetime= <p"
    " class=byline> <h1> <video poster= <object data= style='a:url(b)' &NotEqualTilde; <plaintext> <frameset> <select>"
)
CSS_WORDS: Final = words(
    'url( image-set( @import @charset @font-face { } ( ) [ ] ; : , " \' \\ \\75 \\0 /* */ <!-- --> url("a") src( type('
)
JSON_WORDS: Final = words(
    '{ } [ ] , : "" " \\u0000 \\ud800 \\" true false null NaN Infinity -0 1e999 "@graph": "@id": "@type":'
    ' "Article" [[ {"a":'
)
LD: Final = (
    b'{"@context":"https://schema.org","@graph":[{"@type":["NewsArticle","Thing"],"@id":"#a","headline":"A market",'
    b'"author":[{"@id":"#w"},"B"],"datePublished":"2024-03-12T07:00:00+02:00","image":{"@type":"ImageObject",'
    b'"url":"i.png"},"video":"v.mp4","publisher":{"name":"Courier"},"inLanguage":"en","wordCount":512},'
    b'{"@id":"#w","name":"A. Writer"}]}'
)


def _assets(suffix: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(ASSETS.rglob(f"*{suffix}"))]


def _links(octets: bytes) -> None:
    canonical.encode(extract.encode(extract.from_html(octets, PAGE, charset=None)))


def _sheet(octets: bytes) -> None:
    canonical.encode(extract.encode(extract.from_css(octets, PAGE, charset=None)))
    list(references(text(octets)))


def _article(octets: bytes) -> None:
    found = article.from_html(octets, PAGE, charset=None, remaining=lambda: 0.0)
    canonical.encode(article.encode(found))


def _structured(octets: bytes) -> None:
    schema_org.read([text(octets)], Assertions(PAGE))
    list(jsonld.references(text(octets)))


def _standfirst(octets: bytes) -> None:
    page = LexborHTMLParser(decoded_html(octets, None).text)
    visible.standfirst(page, "Two people were killed when the market was hit.", "The rest of it.")


def _charset(octets: bytes) -> None:
    for name in (None, text(octets[:12]), "utf-16", "shift_jis", "gb18030"):
        for read in (decoded_html, decoded_css):
            assert read(octets, name).text.isprintable() in {True, False}


PAGES: Final = _assets(".html")
HTML: Final = {
    "html links": Parser(PAGES, HTML_WORDS, _links),
    "html article": Parser(PAGES, HTML_WORDS, _article),
    "html standfirst": Parser(PAGES, HTML_WORDS, _standfirst),
    "html tag by tag": Parser(PAGES, HTML_WORDS, lambda octets: flattened(text(octets))),
    "css": Parser(_assets(".css"), CSS_WORDS, _sheet),
    "srcset": Parser(
        [b"a.png 1x, b.png 2x", b"data:,a(b),c 100w, (d) e 3x"],
        words(", ( ) 2x 100w data:, \t"),
        lambda octets: list(candidates(text(octets))),
    ),
    "json-ld": Parser([LD], JSON_WORDS, _structured),
    "charset": Parser(
        ["<meta charset=windows-1251>\u0412\u0437\u0440\u044b\u0432".encode("cp1251"), b'@charset "utf-8"; a{}'],
        words(
            '<meta charset= utf-16 gb18030 iso-2022-jp \x1b$B \x0e \xff\xfe @charset " x-user-defined replacement <!--'
        ),
        _charset,
    ),
    "date": Parser(
        [
            b"2024-03-12T07:00:00.5+02:00",
            b"12 March 2024, 7:00 GMT",
            "12 \u043c\u0430\u0440\u0442\u0430 2024".encode(),
            b"1710229272",
        ],
        words("T Z +99:99 -24:00 March 24:00:60 / . , BC 00 9999 0000 31 February \u0663"),
        lambda octets: instant_or_day(text(octets)),
    ),
}

# What is signed

RECORD: Final = Record(
    n=17,
    kind=Kind.RESPONSE,
    salt=bytes(range(16)),
    record_id=ID,
    url="https://courier.example/\u5317",
    date=NOON,
    position=Position("c-00000.warc.gz", 275, 370, DIGEST),
    record=DIGEST,
    size=92274688,
    role=Role.VIDEO,
    status=200,
    media_type="video/mp4",
    parent=ID,
    payload=DIGEST,
    content=DIGEST,
    address="192.0.2.7",
    connection="c3",
    tls="ok",
    chain=DIGEST,
    truncated=Truncation.LENGTH,
    outcome=Reason.TRUNCATED_LENGTH,
)
DESCRIPTION: Final = manifest.Description(
    bytes(16), "c", "https://courier.example/", "static", State.FETCHED, 3, 2, "j", {"muniment.links": "1"}
)
PLACE: Final = manifest.LogPlace("case.abcdef", 0, 1, DIGEST, DIGEST, (DIGEST,))
STATEMENT: Final = manifest.encode_statement(
    manifest.Statement(
        (("a", DIGEST),), "c", NOON, NOON, "muniment", "0", 5, 1, DIGEST, PLACE, manifest.Recovery(3, 40, "muniment")
    )
)
OPENING: Final = manifest.encode_opening(
    manifest.Opening("c", NOON, bytes(16), "https://courier.example/", {"cited": 1, "net": []}, "muniment", "0")
)
HAPPENED: Final = manifest.Event(
    "event-20241210T120000Z-k7f3qa",
    EventType.ACCESS,
    NOON,
    (manifest.Agent("Reading room", "reader"),),
    (("a", DIGEST),),
    "success",
    "muniment",
    "0",
    "a note",
)
ABOUT_KEYS: Final = (
    manifest.KeyChange(manifest.Change.ROTATION, KEY.public.pem, successor=KEY.public.pem),
    manifest.KeyChange(manifest.Change.REVOCATION, KEY.public.pem, since=NOON),
)
EVENTS: Final = [
    manifest.encode_event(HAPPENED),
    *(
        manifest.encode_event(replace(HAPPENED, type=EventType.KEY_EVENT, detail=manifest.encode_key_change(each)))
        for each in ABOUT_KEYS
    ),
    manifest.encode_event(replace(HAPPENED, type=EventType.TRANSFER, detail={"to": "somebody"})),
    manifest.encode_event(replace(HAPPENED, type=EventType.LEGAL_HOLD, detail=manifest.Hold(HAPPENED.id).detail())),
    manifest.encode_event(
        replace(HAPPENED, type=EventType.ACCEPTANCE, detail=manifest.Acceptance(HAPPENED.id, DIGEST, "{}").detail())
    ),
]
DETAILS: Final[dict[EventType, Callable[[manifest.Event, object], object]]] = {
    EventType.KEY_EVENT: lambda event, where: manifest.decode_key_change(event.detail, where),
    EventType.TRANSFER: manifest.receiver,
    EventType.LEGAL_HOLD: manifest.hold,
    EventType.ACCEPTANCE: manifest.acceptance,
}


def _event(octets: bytes) -> None:
    event = manifest.decode_event(octets, "event")
    assert manifest.encode_event(event) == octets
    DETAILS.get(event.type, lambda *_: None)(event, "event")


LINE_WORDS: Final = (
    *JSON_WORDS,
    *words(
        '"v":1 "n":0 "kind":"attempt" "kind":"capture" "salt" "record_id" "url" "date" "offset":0 "length" "member"'
        ' "sha512: "sha256: "size" "role":"other" "status" "truncated" "outcome" "parent" "tls" "verdict"'
        ' "extractors":{} "subject":[] "digest":{} "predicate":{} "_type" "predicateType" "opening":{} "tokens":[]'
        ' "recovered":{} "rules":{}'
    ),
)
EVENT_WORDS: Final = (
    *LINE_WORDS,
    *words(
        '"type":"transfer" "type":"key event" "type":"acceptance" "type":"legal hold" "detail":{} "agents":[] "to"'
        ' "change" "since" "successor" "key" "hold":"lifted" "placed" "paper" "sealed" "transfer" "note" "outcome"'
    ),
)
SEALED: Final = dsse.seal(STATEMENT, manifest.PAYLOAD_TYPE, [KEY])
VKEY: Final = note.VerifierKey("case.abcdef", KEY.public)
SIGNED: Final = note.sign(note.Checkpoint("case.abcdef", 3, DIGEST.value, ("extension",)), KEY)
WITNESS: Final = cosignature.WitnessKey("witness.example/w1", KEY.public)
COSIGNED: Final = cosignature.joined(SIGNED, [cosignature.cosign(SIGNED, WITNESS.name, KEY, NOON)])
LEAF: Final = leaf.Leaf(leaf.LeafType.CAPTURE, "20241210T093012Z-k7f3qa", DIGEST).encode()
LEAVES: Final = [tree.leaf_hash(bytes([each])) for each in range(7)]


def _once_more(decode: Callable[[bytes, object], Any], encode: Callable[[Any], bytes]) -> Callable[[bytes], None]:
    """Return the reading of a form that has one spelling: what is read is written again as it stood."""

    def read(octets: bytes) -> None:
        assert encode(decode(octets, "here")) == octets

    return read


def _json(octets: bytes) -> None:
    canonical.encode(canonical.decode(octets, "here"))


def _opened(octets: bytes) -> None:
    dsse.open(octets, [KEY.public], manifest.PAYLOAD_TYPE)
    assert octets == SEALED


def _checkpoint(octets: bytes) -> None:
    assert note.unverified_checkpoint(octets).text.encode() == octets[: octets.rindex(b"\n\n") + 1]


def _opened_checkpoint(octets: bytes) -> None:
    note.open_checkpoint(octets, [VKEY])
    assert SIGNED.startswith(octets[: octets.rindex(b"\n\n")])


def _proof(octets: bytes) -> None:
    index, size, rest = int.from_bytes(octets[:2]), int.from_bytes(octets[2:4]), octets[4:]
    hashes = tuple(rest[at : at + 32] for at in range(0, len(rest), 32))
    root = tree.root(LEAVES)
    try:
        tree.verify_inclusion(tree.InclusionProof(index, size, hashes), LEAVES[3], root)
    except (FormatError, IntegrityError):
        tree.verify_consistency(tree.ConsistencyProof(index, size, hashes), tree.root(LEAVES[:3]), root)


def _proofs() -> list[bytes]:
    nodes = tree.nodes_of(LEAVES)
    inclusion, consistency = tree.inclusion_proof(nodes, 3, 7), tree.consistency_proof(nodes, 3, 7)
    return [b"\0\x03\0\x07" + b"".join(each.hashes) for each in (inclusion, consistency)]


def _facts(octets: bytes) -> None:
    # A stranger's archive holds metadata records of a stranger's making.
    facts._Gathering().take(RECORD, metadata.decode(octets, "here"))


FACTS: Final = (
    {
        "v": 1,
        "type": "links",
        "title": "A",
        "links": [{"url": PAGE, "role": "image", "kind": "requisite", "source": "a"}],
    },
    {"v": 1, "type": "exchange", "rule": "max-bytes", "detail": "cut"},
    {
        "v": 1,
        "type": "connection",
        "id": "c1",
        "host": "h",
        "port": 443,
        "opened": "2024-12-10T12:00:00Z",
        "alpn": "h2",
    },
    {
        "v": 1,
        "type": "article",
        "extractor": "e/1",
        "text": "t",
        "text_source": "s",
        "assertions": [{"field": "headline", "value": "A", "raw": "A", "source": "meta"}],
    },
)
EVIDENCE: Final = (FormatError, IntegrityError, TrustError)
SIGNED_WORDS: Final = (*JSON_WORDS, *words('"payload" "payloadType" "signatures":[] "keyid" "sig" = == A ' + "0" * 64))
NOTE_WORDS: Final = (b"\n", b"\n\n", "\u2014 ".encode(), b"case.abcdef", b" ", b"+", b"=", SIGNED[-80:])
EVIDENCED: Final = {
    "json": Parser(
        [LD, b'{"a":[1,-2,true,null,"\xe5\x8c\x97"],"b":{"c":{}}}', b"[" * 30 + b"]" * 30], JSON_WORDS, _json
    ),
    "base64": Parser(
        [b"aGVsbG8=", b"/+8A"],
        (b"=", b"==", b"-", b"_", b"\n"),
        lambda octets: canonical.decode_base64(octets.decode("latin-1"), "here"),
    ),
    "digest": Parser(
        [str(DIGEST).encode()], words("sha256: sha512: md5: :"), lambda octets: Digest.parse(text(octets))
    ),
    "line": Parser(
        [
            manifest.encode_record(RECORD),
            manifest.encode_record(replace(RECORD, kind=Kind.METADATA, status=None, truncated=None, outcome=None)),
        ],
        LINE_WORDS,
        _once_more(manifest.decode_record, manifest.encode_record),
    ),
    "description": Parser(
        [manifest.encode_description(DESCRIPTION)],
        LINE_WORDS,
        _once_more(manifest.decode_description, manifest.encode_description),
    ),
    "statement": Parser([STATEMENT], LINE_WORDS, _once_more(manifest.decode_statement, manifest.encode_statement)),
    "opening": Parser([OPENING], LINE_WORDS, _once_more(manifest.decode_opening, manifest.encode_opening)),
    "event": Parser(EVENTS, EVENT_WORDS, _event),
    "facts": Parser([metadata.block(canonical.encode(each)) for each in FACTS], (*JSON_WORDS, b'"type":'), _facts),
    "envelope": Parser([SEALED], SIGNED_WORDS, dsse.unverified_payload),
    "opened envelope": Parser([SEALED], SIGNED_WORDS, _opened, EVIDENCE),
    "pem": Parser(
        [KEY.public.pem.encode()],
        words("-----BEGIN -----END PUBLIC KEY----- PRIVATE CERTIFICATE = \n"),
        lambda octets: PublicKey.parse_pem(text(octets)),
    ),
    "der": Parser(
        [KEY.public.spki], (b"\x30", b"\x06\x03\x2b\x65\x70", b"\x03\x82\xff\xff", b"\x02\x01"), PublicKey.parse_der
    ),
    "proof": Parser(
        [proof.Proof(2, (bytes(32), DIGEST.value), COSIGNED, LEAF).encode(), proof.Proof(0, (), SIGNED).encode()],
        (*NOTE_WORDS, b"c2sp.org/tlog-proof@v1\n", b"extra ", b"index "),
        _once_more(proof.Proof.decode, proof.Proof.encode),
    ),
    "batch": Parser(
        [batch.Batch(7, (LEAF, LEAF)).encode()],
        (b"0\n", b"\0\0", b"\xff\xff", b"\0\x80"),
        _once_more(batch.Batch.decode, batch.Batch.encode),
    ),
    "extension": Parser(
        [consistency.Extension(2, (DIGEST.value,), COSIGNED).encode(), consistency.Extension(0, (), SIGNED).encode()],
        (*NOTE_WORDS, b"old ", b"old 0\n", b"\n\n"),
        _once_more(consistency.Extension.decode, consistency.Extension.encode),
    ),
    "cosignature": Parser(
        [COSIGNED, cosignature.cosign(SIGNED, WITNESS.name, KEY, NOON)],
        NOTE_WORDS,
        lambda octets: cosignature.cosignatures(octets, [WITNESS]),
        (FormatError, IntegrityError),
    ),
    "witness key": Parser(
        [str(WITNESS).encode()], NOTE_WORDS, lambda octets: cosignature.WitnessKey.parse(text(octets))
    ),
    "vkey": Parser([str(VKEY).encode()], NOTE_WORDS, lambda octets: note.VerifierKey.parse(text(octets))),
    "checkpoint": Parser([SIGNED], NOTE_WORDS, _checkpoint),
    "opened checkpoint": Parser([SIGNED], NOTE_WORDS, _opened_checkpoint, EVIDENCE),
    "leaf": Parser(
        [LEAF],
        (*JSON_WORDS, *words('"v":1 "type":"open" "id" "sha256"')),
        _once_more(leaf.Leaf.decode, leaf.Leaf.encode),
    ),
    "bundle": Parser(
        [leaf.bundle([LEAF, b"x", LEAF])],
        (b"\0\0", b"\xff\xff", b"\x04\x00", b"\0\x01"),
        _once_more(leaf.unbundle, leaf.bundle),
    ),
    "paths": Parser(_proofs(), (b"\0\0", LEAVES[0], LEAVES[3]), _proof, EVIDENCE),
}

# WARC

WARC: Final = stored(every_kind())[0]
FIRST: Final = record("WARC-IP-Address: 192.0.2.7", f"WARC-Block-Digest: sha1:{'A' * 32}", "X-Own:\r\n folded")
WARC_WORDS: Final = (
    *(f"{rule.name}: ".encode() for rule in fields.RULES),
    *words("WARC/1.1 WARC/1.0 \r\n \r\n\r\n : revisit continuation <urn:uuid:1> sha1: md5: 0000-00-00 text/plain ["),
)


def _walk(octets: bytes) -> None:
    for _ in reader.walk(io.BytesIO(octets), file="c"):
        pass


def _walk_compressed(octets: bytes) -> None:
    """Read *octets* as a file that gzip made: damage reaches the records and not only their covers."""
    _walk(gzip.compress(octets, compresslevel=1, mtime=0))


def _at(octets: bytes) -> None:
    reader.record_at(io.BytesIO(octets), 0, len(octets) or 1, file="c")


def _header(octets: bytes) -> None:
    head = fields.checked(fields.parse(octets, "here"), "here")
    assert head.length >= 0
    assert head.date.tzinfo is UTC


MEMBER: Final = gzip.compress(record(block=PLAIN), mtime=0)
WARCS: Final = {
    "warc header": Parser([FIRST.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"], WARC_WORDS, _header),
    "warc": Parser([gzip.decompress(WARC), record(block=PLAIN)], WARC_WORDS, _walk),
    "warc by member": Parser([WARC, MEMBER * 2], (b"\x1f\x8b\x08", b"\0\0\xff\xff", MEMBER), _walk),
    "warc in one member": Parser([record(block=PLAIN)], WARC_WORDS, _walk_compressed),
    "warc record": Parser([MEMBER], (b"\x1f\x8b\x08", b"\0\0\xff\xff", MEMBER), _at),
}

# What people write

SETTINGS: Final = (
    b'# a comment\n[archive]\nname = "Case 017"\norigin = "case.abcdef"\noperator = "Desk 1"\n'
    b'created = "2024-12-10T09:30:12Z"\n[capture]\ncited = 3\ntls = "strict"\nca-file = ["a.pem"]\n'
    b'[[tsa]]\nname = "A"\nurl = "http://tsa.example/"\nroot = "root.pem"\n'
    b'[limits]\nmax-time = "15m"\nmax-bytes = "5GiB"\nmax-resources = 2000\n'
)
TOML_WORDS: Final = words(
    '[ ] [[ ]] = . " """ \'\'\' { } # \\u0000 \\ud800 \\x true 1979-05-27T07:32:00Z 1979-05-27 07:32:00 inf nan 0x1 1_0'
    " a.b.c [archive] [limits] [[log]] origin vkey [[operator]] name key from until revoked [[tsa]] root [[witness]] 1h"
)
TRUST: Final = (
    trust.lines("case.abcdef", str(VKEY), "Desk 1", KEY.public)
    + "from = 2024-01-01T00:00:00Z\nuntil = 2027-01-01T00:00:00+02:00\n"
    + f'[[witness]]\nname = "w"\nvkey = {settings.text(str(WITNESS))}\n'
).encode()
PEOPLE: Final = {
    "muniment.toml": Parser(
        [SETTINGS], TOML_WORDS, lambda octets: settings.parse(octets, Settings, Path("muniment.toml")), (JobError,)
    ),
    "trust.toml": Parser(
        [b"witnesses_needed = 1\n" + TRUST],
        TOML_WORDS,
        lambda octets: trust.parse(octets, Path("trust.toml")),
        (JobError,),
    ),
    "operator.toml": Parser(
        [f'public-key = """\n{KEY.public.pem}"""\ncommand = ["sign", "--slot", "9c"]\ntimeout = "9s"\n'.encode()],
        (*TOML_WORDS, *words("public-key command timeout [] 0s 99h")),
        lambda octets: command.parse(octets, Path("operator.toml")),
        (JobError,),
    ),
    "duration": Parser(
        [b"20s", b"0.2h"], words("ms s m h d . 9"), lambda octets: settings.duration(text(octets)), (JobError,)
    ),
    "size": Parser(
        [b"500MB", b"2GiB"], words("B KB GiB TiB . 9"), lambda octets: settings.size(text(octets)), (JobError,)
    ),
}

# Words


def _words(octets: bytes) -> None:
    written = text(octets)
    folded(written)
    found = list(tokens(written))
    assert all(0 <= begin < end <= len(written) for _, begin, end in found)
    passage("text", written, phrases(text(octets[: len(octets) // 8])))


WORDS: Final = {
    "words": Parser(
        ["\u063a\u0632\u0629 \u0412\u0437\u0440\u044b\u0432 pr\u00e9fet \u5317\u4eac market".encode() * 9],
        words('" * NEAR( OR AND - ( ) \u0640 \u0622 \u0130 \ufdfa \u0301 \ud55c\uae00 \U0001f600 \u00df \u200d'),
        _words,
    )
}

# TLS


def _trace() -> tuple[Evidence, Claim]:
    """Return the evidence of RFC 8448's first connection, and what a record of it says."""
    keys = KeyLog()
    keys.feed(SIMPLE.key_log)
    connection = Passive(keys)
    for side, octets in zip(Side, SIMPLE.streams, strict=True):
        connection.feed(side, octets)
    found, facts = evidence.of(connection), connection.handshake
    assert found is not None
    return found, Claim("server", verified=False, version="tls/1.3", cipher=facts.cipher, alpn="", chain=facts.chain)


KEPT, CLAIM = _trace()


OF_SERVER: Final = ec.derive_private_key(7, ec.SECP256R1())


def _certificate(*shown: x509.GeneralName) -> bytes:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "news.example")])
    builder = x509.CertificateBuilder(name, name, OF_SERVER.public_key(), 1000)
    builder = builder.not_valid_before(NOON).not_valid_after(NOON + timedelta(days=9))
    builder = builder.add_extension(x509.SubjectAlternativeName(shown), critical=False) if shown else builder
    return builder.sign(key, None).public_bytes(serialization.Encoding.DER)


def _names(octets: bytes) -> None:
    assert names(octets, "www.news.example") in {True, False, None}


def _shown(octets: bytes) -> None:
    made = forged(OF_SERVER, message(Message.CERTIFICATE, certificate(octets)))
    keys = KeyLog()
    keys.feed(made.key_log)
    connection = Passive(keys)
    connection.feed(Side.CLIENT, made.client)
    connection.feed(Side.SERVER, made.server)
    found = evidence.of(connection)
    assert found is not None
    evidence.verified(found)


def _handshake(octets: bytes) -> None:
    attributed(evidence.decode(octets), CLAIM)


CERTIFICATES: Final = (
    _certificate(),
    _certificate(x509.DNSName("*.news.example"), x509.IPAddress(ipaddress.ip_address("192.0.2.7"))),
)
DER_WORDS: Final = (
    b"\x30\x80",
    b"\x06\x03\x55\x1d\x11",
    b"\x04\x82",
    b"\x82\x0c",
    b"\x87\x04",
    b"*.",
    b"xn--",
    b"\0",
    b"\xff",
)
# A serial number of nothing, a version 19, and a common name in bits.
CERTIFICATES_FOUND: Final = (
    CERTIFICATES[1].replace(b"\x02\x02\x03\xe8", b"\x02\x02\x83\xe8", 1),
    CERTIFICATES[1].replace(b"\x02\x01\x02", b"\x02\x01\x12", 1),
    CERTIFICATES[0].replace(b"\x0c\x0cnews", b"\x03\x0cnews", 2),
)
TLS: Final = {
    "names of a certificate": Parser([*CERTIFICATES, *CLAIM.chain], DER_WORDS, _names, found=CERTIFICATES_FOUND),
    "certificate of a handshake": Parser(
        CERTIFICATES, DER_WORDS, _shown, (FormatError, IntegrityError), CERTIFICATES_FOUND
    ),
    "evidence of a handshake": Parser(
        [evidence.encode(KEPT)],
        words('{" "greeting":" "protected":" "secret":" "v":1} "," AAAA FgMD'),
        _handshake,
        (FormatError, IntegrityError),
    ),
}

# Time

STAMPS: Final = Path(__file__).parent / "vectors" / "timestamps"
STAMPED: Final = (STAMPS / "message").read_bytes()
ROOTS: Final = tuple(
    root for name in ("ec", "rsa") for root in timestamp.certificates((STAMPS / f"{name}.pem").read_bytes(), name)
)


_EC: Final = (STAMPS / "ec.tsr").read_bytes()
_NO_SERIAL: Final = _EC[:225] + b"\x80" + _EC[226:]  # a certificate whose serial number is below zero


def _token(octets: bytes) -> None:
    proved = timestamp.verified(timestamp.read(octets, "here"), STAMPED, ROOTS)
    assert proved.at.year == 2026, "a changed token proves what the whole one did, or nothing"


TIME: Final = {
    "time-stamp token": Parser(
        [(STAMPS / f"{name}.tsr").read_bytes() for name in ("ec", "rsa")],
        (b"\x30\x80", b"\x31", b"\xa0\x82", b"\x02\x01\x00", b"\x04\x20", b"20261125203128Z", b"\x06\x0b\x2a"),
        _token,
        (FormatError, IntegrityError, TrustError),
        [_NO_SERIAL],
    ),
    "time-stamp request": Parser(
        [(STAMPS / f"{name}.tsq").read_bytes() for name in ("ec", "rsa")],
        (b"\x30", b"\x02\x09", b"\x04\x20", b"\x01\x01\xff"),
        lambda octets: timestamp.read_request(octets, "here"),
    ),
    "time-stamp chain": Parser(
        [(STAMPS / f"{name}.pem").read_bytes() for name in ("ec", "rsa")],
        words("-----BEGIN -----END CERTIFICATE ----- MII AAAA =="),
        lambda octets: timestamp.certificates(octets, "here"),
    ),
}

PARSERS: Final = HTTP | HTML | EVIDENCED | WARCS | PEOPLE | WORDS | TLS | TIME
