"""Evidence of a handshake is that of one connection: whatever the description of another one says is refused."""

import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from muniment.errors import FormatError, IntegrityError, SignatureInvalid, Unsupported
from muniment.tls import evidence
from muniment.tls.attribution import Claim, attributed, host_of, may_ask, names
from muniment.tls.connection import Connection
from muniment.tls.evidence import Evidence, Signed, Unsigned, Why
from muniment.tls.handshake import Message
from muniment.tls.keylog import KeyLog
from muniment.tls.session import Side
from tls_forged import certificate as certificate_of
from tls_forged import extension, forged, message
from tls_streams import NAME, Identity, contexts, decoded, identity, talk

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
KEY = ec.derive_private_key(7, ec.SECP256R1())


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("who"), ec.generate_private_key(ec.SECP256R1()))


def shaken(
    who: Identity,
    folder: Path,
    version: ssl.TLSVersion,
    ciphers: str = "",
    *,
    resumed: bool = False,
    name: str = NAME,
) -> tuple[Evidence, Claim]:
    """Return the evidence of a connection to *name*, and what an honest record of it says of NAME."""
    client, server = contexts(who, folder, version, ciphers)
    session = talk(client, server, name=name).session if resumed else None
    connection, _ = decoded(talk(client, server, session=session, name=name))
    found, facts = evidence.of(connection), connection.handshake
    assert found is not None
    return found, Claim(NAME, True, facts.version, facts.cipher, facts.alpn, facts.chain)  # noqa: FBT003 - a field


@VERSIONS
def test_evidence_and_the_record_of_its_own_connection_agree(
    version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    kept, claim = shaken(who, tmp_path, version)
    found = attributed(kept, claim)
    assert isinstance(found, Signed)
    assert found.handshake.chain == (who.der,)
    for host in ("NEWS.example", "news.example."):
        assert attributed(kept, replace(claim, host=host)) == found


@VERSIONS
def test_names_are_asked_for_in_any_case_and_addresses_not_at_all(
    version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    kept, claim = shaken(who, tmp_path, version, name="NEWS.Example")
    assert isinstance(attributed(kept, claim), Signed)
    kept, claim = shaken(who, tmp_path, version, name="127.0.0.1")
    for address in ("127.0.0.1", "::1"):
        assert isinstance(attributed(kept, replace(claim, host=address, verified=False)), Signed)
        with pytest.raises(
            IntegrityError, match=f"the handshake, certificate: expected one for {address}, found one for"
        ):
            attributed(kept, replace(claim, host=address))
    with pytest.raises(IntegrityError, match=r"name that the client asked for: expected news\.example, found none"):
        attributed(kept, claim)


@VERSIONS
def test_of_a_chain_the_first_certificate_is_for_the_host(
    version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    other = identity(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()), "other.example")
    for first, second, passes in ((who, other, True), (other, who, False)):
        both = tmp_path / "both.pem"
        both.write_bytes(first.certificate_file.read_bytes() + second.certificate_file.read_bytes())
        kept, claim = shaken(replace(first, certificate_file=both), tmp_path, version)
        assert claim.chain == (first.der, second.der)
        if passes:
            assert isinstance(attributed(kept, claim), Signed)
        else:
            with pytest.raises(IntegrityError, match="one for another name"):
                attributed(kept, claim)


def test_a_server_that_resumes_and_shows_a_chain_all_the_same_is_held_to_it(who: Identity) -> None:
    """No server does (RFC 8446 4.4.2), so it would be somebody who wants a chain to be passed over."""
    assert isinstance(who.key, ec.EllipticCurvePrivateKey)
    made = forged(who.key, message(Message.CERTIFICATE, certificate_of(who.der)), hello=extension(41, b"\0\0"))
    keys = KeyLog()
    keys.feed(made.key_log)
    connection = Connection(keys)
    connection.feed(Side.CLIENT, made.client)
    connection.feed(Side.SERVER, made.server)
    kept, facts = evidence.of(connection), connection.handshake
    assert kept is not None
    assert facts.resumed
    claim = Claim("192.0.2.7", False, "", "", "", (who.der,))  # noqa: FBT003 - a field
    assert isinstance(attributed(kept, claim), Signed)
    with pytest.raises(IntegrityError, match="chain"):
        attributed(kept, replace(claim, chain=(b"another",)))


CHANGES: dict[str, tuple[str, Callable[[Claim], Claim]]] = {
    "another chain": ("chain", lambda it: replace(it, chain=(b"another",))),
    "a longer chain": ("chain", lambda it: replace(it, chain=(*it.chain, *it.chain))),
    "no chain": ("chain", lambda it: replace(it, chain=())),
    "another host": ("name that the client asked for", lambda it: replace(it, host="fake.example")),
    "a host below": ("name that the client asked for", lambda it: replace(it, host="www.news.example")),
    "an address": ("name that the client asked for", lambda it: replace(it, host="192.0.2.7")),
    "another version": ("version", lambda it: replace(it, version="tls/1.1")),
    "another protocol": ("application protocol", lambda it: replace(it, alpn="h2")),
    "no protocol": ("application protocol", lambda it: replace(it, alpn="")),
}


@VERSIONS
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_record_says_otherwise_is_refused_by_its_name(
    change: str, version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    kept, claim = shaken(who, tmp_path, version)
    what, changed = CHANGES[change]
    with pytest.raises(IntegrityError) as refused:
        attributed(kept, changed(claim))
    assert refused.value.where == f"the handshake, {what}"
    if what == "chain":
        assert (refused.value.expected, refused.value.found) == (
            "the certificates that this connection showed",
            "others",
        )
    else:
        assert refused.value.expected != refused.value.found


def test_the_suite_is_held_against_the_record_where_all_clients_call_it_the_same(who: Identity, tmp_path: Path) -> None:
    kept, claim = shaken(who, tmp_path, TLS13)
    with pytest.raises(
        IntegrityError, match="the handshake, cipher suite: expected TLS_CHACHA20_POLY1305_SHA256, found"
    ):
        attributed(kept, replace(claim, cipher="TLS_CHACHA20_POLY1305_SHA256"))
    kept, claim = shaken(who, tmp_path, TLS12)
    assert isinstance(attributed(kept, replace(claim, cipher="ECDHE-ECDSA-AES256-GCM-SHA384")), Signed)


@VERSIONS
def test_of_a_handshake_that_was_broken_off_what_was_not_agreed_on_is_not_compared(
    version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    kept, claim = shaken(who, tmp_path, version)
    early = replace(claim, verified=False, version="", cipher="", alpn="")
    assert isinstance(attributed(kept, early), Signed)
    with pytest.raises(IntegrityError, match="chain"):
        attributed(kept, replace(early, chain=()))


@VERSIONS
def test_the_handshake_of_another_site_is_refused_also_under_its_own_chain(
    version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    """In TLS 1.2 the name is not signed, so that somebody may write another one: the certificate still tells."""
    kept, claim = shaken(who, tmp_path, version)
    moved = replace(kept, greeting=kept.greeting.replace(NAME.encode(), b"fake.example", 1))
    with pytest.raises(IntegrityError) as refused:
        attributed(moved, replace(claim, host="fake.example"))
    if version == TLS13:
        assert isinstance(refused.value, SignatureInvalid)
    else:
        assert refused.value.where == "the handshake, certificate"


def test_of_a_peer_that_was_not_verified_the_certificate_may_name_anybody(who: Identity, tmp_path: Path) -> None:
    kept, claim = shaken(who, tmp_path, TLS12)
    moved = replace(kept, greeting=kept.greeting.replace(NAME.encode(), b"fake.example", 1))
    assert isinstance(attributed(moved, replace(claim, host="fake.example", verified=False)), Signed)


@VERSIONS
def test_a_resumed_handshake_shows_no_chain_and_is_still_held_against_its_record(
    version: ssl.TLSVersion, who: Identity, tmp_path: Path
) -> None:
    kept, claim = shaken(who, tmp_path, version, resumed=True)
    for each in (claim, replace(claim, chain=(who.der,))):
        found = attributed(kept, each)
        assert isinstance(found, Unsigned)
        assert found.why is Why.RESUMED
    with pytest.raises(IntegrityError, match="name that the client asked for"):
        attributed(kept, replace(claim, host="fake.example"))


def test_a_handshake_by_static_rsa_is_held_against_its_chain(tmp_path: Path) -> None:
    who = identity(tmp_path / "rsa", rsa.generate_private_key(65537, 2048))
    kept, claim = shaken(who, tmp_path, TLS12, "AES128-GCM-SHA256")
    found = attributed(kept, claim)
    assert isinstance(found, Unsigned)
    assert found.why is Why.STATIC_RSA
    with pytest.raises(IntegrityError, match="chain"):
        attributed(kept, replace(claim, chain=(b"another",)))


def test_what_cannot_be_checked_here_is_still_held_against_its_record(who: Identity, tmp_path: Path) -> None:
    kept, claim = shaken(who, tmp_path, TLS12)
    # RFC 5246 7.4.1.4.1: the scheme stands before the signature; ecdsa_sha1 shows nothing.
    at = kept.greeting.rindex(b"\x04\x03")
    old = replace(kept, greeting=kept.greeting[:at] + b"\x02\x03" + kept.greeting[at + 2 :])
    with pytest.raises(Unsupported, match="scheme 0x0203"):
        attributed(old, claim)
    with pytest.raises(IntegrityError, match="chain"):
        attributed(old, replace(claim, chain=(b"another",)))
    broken = replace(kept, greeting=kept.greeting.replace(who.der, b"\x30\x00" + who.der[2:], 1))
    with pytest.raises(IntegrityError, match="chain"):
        attributed(broken, claim)
    with pytest.raises(Unsupported, match="one that can be read"):
        attributed(broken, replace(claim, chain=(b"\x30\x00" + who.der[2:],), verified=False))


def test_damage_is_told_from_contradiction(who: Identity, tmp_path: Path) -> None:
    kept, claim = shaken(who, tmp_path, TLS13)
    with pytest.raises(SignatureInvalid):
        attributed(replace(kept, secret=bytes(len(kept.secret))), claim)
    with pytest.raises(FormatError):
        attributed(replace(kept, greeting=b""), claim)


# Names


def certificate(common: str, *shown: x509.GeneralName) -> bytes:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    builder = (
        x509.CertificateBuilder(name, name, KEY.public_key(), 1000)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
    )
    if shown:
        builder = builder.add_extension(x509.SubjectAlternativeName(shown), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


NAMED = certificate(
    "common.example",
    x509.DNSName("news.example"),
    x509.DNSName("*.Press.example"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("news.example", True),
        ("News.Example.", True),
        ("www.press.example", True),
        ("192.0.2.7", True),
        ("2001:db8::7", True),
        ("press.example", False),
        ("a.b.press.example", False),
        (".press.example", False),
        ("common.example", False),
        ("ews.example", False),
        ("192.0.2.8", False),
        ("example", False),
        ("", False),
    ],
)
def test_a_certificate_is_for_the_names_that_it_shows(host: str, expected: bool) -> None:  # noqa: FBT001
    assert names(NAMED, host) is expected


def test_a_wildcard_is_a_whole_label_and_no_part_of_an_address() -> None:
    shown = certificate("", *map(x509.DNSName, ("*.2.0.192", "f*.news.example", "*", "*.0.2.7")))
    for host in ("7.2.0.192", "foo.news.example", "news", "192.0.2.7"):
        assert names(shown, host) is False


def test_a_common_name_counts_where_there_is_no_other() -> None:
    assert names(certificate("News.example"), "news.example") is True
    assert names(certificate("news.example"), "fake.example") is False
    assert names(certificate(""), "news.example") is False


def test_of_a_certificate_that_cannot_be_read_nothing_is_said() -> None:
    assert names(b"", "news.example") is None
    assert names(NAMED[:-1], "news.example") is None
    odd = NAMED.replace(b"news.example", b"n\xe9ws.example", 1)
    assert names(odd, "news.example") in {None, False}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://news.example/a?b#c", "news.example"),
        ("https://News.Example.:8443", "news.example"),
        ("wss://news.example?x=//fake.example/", "news.example"),
        ("https://news.example#@fake.example", "news.example"),
        ("https://user:news.example@fake.example/", "fake.example"),
        ("https://[2001:DB8::7]:8443/", "2001:db8::7"),
        ("https://[2001:db8::7", "2001:db8::7"),
        ("https://~odd~/", "~odd~"),
        ("about:invalid#x", ""),
        ("", ""),
        ("https://" + "a" * 300, "a" * 255),
    ],
)
def test_the_host_of_a_url_is_told_for_any_text(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        ("https://elsewhere.example/", "elsewhere.example", True),
        ("https://elsewhere.example/", "Elsewhere.example.", True),
        ("https://news.example/", "elsewhere.example", True),
        ("https://www.press.example/", "news.example", True),
        ("https://fake.example/", "news.example", False),
        ("https://[2001:db8::9]/", "2001:db8::9", True),
        ("https://[2001:db8::9]/", "[2001:db8::9]", True),
        ("https://[2001:db8::7]/", "news.example", True),
        ("about:invalid", "news.example", False),
    ],
)
def test_a_url_may_be_asked_for_where_the_host_or_the_certificate_says_so(
    url: str,
    host: str,
    expected: bool,  # noqa: FBT001
) -> None:
    assert may_ask(url, host, NAMED) is expected
    assert may_ask("https://news.example/", "news.example", b"no certificate") is True
    assert may_ask("https://news.example/", "fake.example", b"no certificate") is False
