"""Whatever is made of evidence, or said of a connection: only what is true of both passes, and nothing breaks."""

import functools
import ssl
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

import archives
from muniment.errors import FormatError, IntegrityError
from muniment.model import Check, Connection, Role, Verdict
from muniment.tls import evidence
from muniment.tls.attribution import Claim, attributed, names
from muniment.tls.evidence import Evidence, Signed
from shaken import TLS12, TLS13, Site, Told, judged, over, records
from tls_streams import NAME

CLAIM = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["fake.example", "www.news.example", "192.0.2.7", "", NAME.upper()]),
        "version": st.sampled_from(["", "tls/1.2", "tls/1.3", "tls/1.1"]),
        "cipher": st.sampled_from(["", "TLS_CHACHA20_POLY1305_SHA256"]),
        "alpn": st.sampled_from(["", "h2", "http/1.1"]),
        "chain": st.sampled_from([(), (b"another",)]),
        "verified": st.booleans(),
    },
)
DAY = datetime(2024, 12, 10, tzinfo=UTC)
VERSION = st.sampled_from([TLS12, TLS13])
CHANGES = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3), st.binary(max_size=3)), max_size=2)


@functools.cache
def connected(version: ssl.TLSVersion) -> tuple[Connection, Evidence, Claim]:
    """Return a connection and its evidence; no fixture, because hypothesis would print them whole."""
    with tempfile.TemporaryDirectory() as folder:
        made = Site.of(Path(folder), NAME).connection("c1", NAME, version)
    claim = Claim(made.host, True, made.tls_version, made.cipher, made.alpn, made.chain)  # noqa: FBT003 - a field
    return made, evidence.decode(made.evidence), claim


@settings(max_examples=500, deadline=None)
@given(version=VERSION, said=CLAIM, changes=CHANGES)
def test_only_true_evidence_of_a_true_claim_passes(
    version: ssl.TLSVersion, said: dict[str, Any], changes: list[tuple[int, int, bytes]]
) -> None:
    _, kept, true = connected(version)
    claim = replace(true, **said)
    parts = [len(kept.greeting), len(kept.greeting) + len(kept.protected)]
    octets = bytearray(kept.greeting + kept.protected + kept.secret)
    for at, size, piece in changes:
        octets[at % len(octets) : at % len(octets) + size] = piece
    changed = Evidence(bytes(octets[: parts[0]]), bytes(octets[parts[0] : parts[1]]), bytes(octets[parts[1] :]))
    try:
        found = attributed(changed, claim)
    except (FormatError, IntegrityError):
        assert changed != kept or claim != true
        return
    if isinstance(found, Signed):
        facts = found.handshake
        assert facts.chain == claim.chain
        assert facts.server_name.lower() == claim.host.lower()
        assert not claim.version or (facts.version, facts.alpn) == (claim.version, claim.alpn)
        if version == TLS13:
            assert changed == kept


@settings(max_examples=300, deadline=None)
@given(octets=st.binary(max_size=200), host=st.text(max_size=40), at=st.integers(0, 400), piece=st.binary(max_size=6))
def test_names_of_any_octets_are_read_or_not(octets: bytes, host: str, at: int, piece: bytes) -> None:
    der = connected(TLS13)[2].chain[0]
    changed = der[:at] + piece + der[at + len(piece) :]
    for each in (octets, changed, der):
        assert names(each, host) in {True, False, None}


@settings(max_examples=200, deadline=None)
@given(
    labels=st.lists(st.text("abc*", min_size=1, max_size=2), min_size=1, max_size=4),
    host=st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=4),
)
def test_a_name_stands_for_itself_and_a_wildcard_for_one_label(labels: list[str], host: list[str]) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    empty = x509.Name([])
    certificate = (
        x509.CertificateBuilder(empty, empty, key.public_key(), 7)
        .not_valid_before(DAY)
        .not_valid_after(DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(".".join(labels))]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    wild = labels[0] == "*" and len(labels) == len(host) > 1 and labels[1:] == host[1:]
    assert names(certificate, ".".join(host)) is (labels == host or wild)


KEYS = st.sampled_from(["v", "evidence", "greeting", "type"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=6,
)
# What the evidence of a handshake decides in the record of its connection, and in its own.
DECISIVE = {
    "connection": ["type", "id", "host", "address", "tls", "tls_version", "cipher", "alpn", "chain", "handshake"],
    "handshake": ["type", "v", "connection", "evidence"],
}
FIELDS = st.sampled_from(sorted({"port", "look", "tls_detail", *DECISIVE["connection"], *DECISIVE["handshake"]}))


@functools.cache
def told() -> Told:
    with tempfile.TemporaryDirectory() as folder:
        made = connected(TLS13)[0]
        return records(archives.captured(archives.begun(Path(folder)), "", [(over(made), Role.ARTICLE)]))


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(FIELDS, JSON, min_size=1, max_size=3), kind=st.sampled_from(["connection", "handshake"]))
def test_whatever_a_record_says_is_a_finding_and_never_an_error(changes: dict[str, Any], kind: str) -> None:
    lied = [(line, said | changes if said and said["type"] == kind else said) for line, said in told()]
    found = judged(lied)
    assert found
    assert {each.check for each in found} == {Check.HANDSHAKE}
    if any(each.verdict is Verdict.PASS for each in found):
        original = next(said for _, said in told() if said and said["type"] == kind)
        assert [name for name in DECISIVE[kind] if changes.get(name, original.get(name)) != original.get(name)] == []
