"""Tokens as they are read, and what they prove; `openssl ts` is the authority, and the judge."""

import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from authorities import Issued, Tsa, new_key, new_root, new_tsa
from muniment import timestamp
from muniment.digest import Digest
from muniment.errors import (
    ChainLapsed,
    FormatError,
    IntegrityError,
    SignatureInvalid,
    TrustError,
    Unsupported,
    WrongImprint,
    WrongNonce,
)
from muniment.timestamp import der

MESSAGE = b"case.abcdef\n2\nroot\n\n- a signature\n"
KINDS = [("rsa", False, True), ("rsa", True, True), ("ec", False, True), ("ec", True, True), ("ec", True, False)]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1:]}")
def tsa(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    kind, intermediate, inside = request.param
    return new_tsa(tmp_path_factory.mktemp("tsa") / "a", kind=kind, intermediate=intermediate, inside=inside)


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return new_tsa(tmp_path_factory.mktemp("tsa") / "simple", kind="ec", intermediate=True)


def token(tsa: Tsa, message: bytes = MESSAGE) -> timestamp.Token:
    return timestamp.read(tsa.reply(timestamp.request(message).octets), "the token")


def test_a_real_answer_proves_a_time_to_who_believes_its_root(tsa: Tsa) -> None:
    asked = timestamp.request(MESSAGE)
    read = timestamp.read(tsa.reply(asked.octets), "the token")
    proved = timestamp.verified(read, MESSAGE, tsa.roots, nonce=asked.nonce, beside=tsa.between)
    assert abs(proved.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert proved.accuracy == timedelta(seconds=1.5)
    assert proved.latest == proved.at + timedelta(seconds=1.5)
    assert proved.authority == "Alpha Time"
    assert proved.chain == (tsa.leaf.certificate, *tsa.between, *tsa.roots)
    assert proved.lapses == min(each.not_valid_after_utc for each in proved.chain)
    assert (read.policy, read.serial > 0) == ("1.2.3.4.1", True)


def test_openssl_agrees_with_what_is_asked_and_with_what_is_accepted(tsa: Tsa, tmp_path: Path) -> None:
    asked = timestamp.request(MESSAGE)
    proved = timestamp.verified(
        timestamp.read(tsa.reply(asked.octets), "it"), MESSAGE, tsa.roots, nonce=asked.nonce, beside=tsa.between
    )
    for name, octets in (
        ("message", MESSAGE),
        ("q.tsq", asked.octets),
        ("r.tsr", proved.token.octets),
        ("chain.pem", timestamp.pem(proved.chain)),
    ):
        (tmp_path / name).write_bytes(octets)
    common = ["openssl", "ts", "-verify", "-in", "r.tsr", "-CAfile", str(tsa.root_file), "-untrusted", "chain.pem"]
    for what in (["-data", "message"], ["-queryfile", "q.tsq"]):
        done = subprocess.run([*common, *what], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "Verification: OK" in done.stdout + done.stderr
    read = timestamp.read_request(asked.octets, "q.tsq")
    assert read == asked


def test_certificates_that_are_no_sorted_set_are_read_and_the_octets_stay(simple: Tsa) -> None:
    asked = timestamp.request(MESSAGE).octets
    octets = simple.reply(asked)
    shown = _certificates(octets)
    assert len(shown) == 3
    orders = set()
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        changed = octets.replace(b"".join(shown), b"".join(shown[each] for each in order))
        assert len(changed) == len(octets)
        read = timestamp.read(changed, "it")
        assert read.octets == changed
        assert read.digest == Digest.of_bytes(changed)
        timestamp.verified(read, MESSAGE, simple.roots)
        orders.add(changed)
    assert len(orders) == 3


def _certificates(octets: bytes) -> list[bytes]:
    answer = list(der.members(der.whole(octets, der.SEQUENCE, "it").content, "it"))
    signed = list(der.members(answer[1].content, "it"))[1]
    parts = list(der.members(der.whole(signed.content, der.SEQUENCE, "it").content, "it"))
    return [each.octets for each in der.members(parts[3].content, "it")]


def test_a_token_over_other_octets_is_told_apart(simple: Tsa) -> None:
    with pytest.raises(WrongImprint, match="expected a token over sha256:"):
        timestamp.verified(token(simple), MESSAGE + b"\n", simple.roots)


def test_a_token_that_answers_another_request_is_told_apart(simple: Tsa) -> None:
    first, second = timestamp.request(MESSAGE), timestamp.request(MESSAGE)
    assert first.nonce != second.nonce
    with pytest.raises(WrongNonce):
        timestamp.verified(timestamp.read(simple.reply(first.octets), "it"), MESSAGE, simple.roots, nonce=second.nonce)


def test_a_root_that_is_not_believed_is_unverifiable_and_no_forgery(simple: Tsa, tmp_path: Path) -> None:
    other = new_tsa(tmp_path / "other", "Other", "ec")
    for roots in ((), other.roots, simple.between):
        with pytest.raises(TrustError, match="none of the roots"):
            timestamp.verified(token(simple), MESSAGE, roots)


def test_a_root_of_the_same_name_with_another_key_is_not_believed(simple: Tsa) -> None:
    impostor = new_root("Alpha Root", "ec")
    with pytest.raises(TrustError):
        timestamp.verified(token(simple), MESSAGE, (impostor.certificate,))


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["ended", "not-begun"])
def test_a_chain_that_was_not_valid_at_the_time_of_the_token_is_told_apart(
    tmp_path: Path, days: tuple[float, float]
) -> None:
    tsa = new_tsa(tmp_path / "a", kind="ec", days=days)
    with pytest.raises(ChainLapsed, match="a time while 'Alpha Time' was valid"):
        timestamp.verified(token(tsa), MESSAGE, tsa.roots)


def test_of_two_certificates_of_one_issuer_the_valid_one_leads_to_the_root(tmp_path: Path) -> None:
    tsa = new_tsa(tmp_path / "a", kind="ec", intermediate=True, inside=False)
    read = token(tsa)
    old = tsa.root.issue("Alpha Intermediate", tsa.issuer.key, authority=True, days=(-9, -1)).certificate
    with pytest.raises(ChainLapsed, match="'Alpha Intermediate'"):
        timestamp.verified(read, MESSAGE, tsa.roots, beside=[old])
    proved = timestamp.verified(read, MESSAGE, tsa.roots, beside=[old, *tsa.between])
    assert proved.chain == (tsa.leaf.certificate, *tsa.between, *tsa.roots)


def test_many_certificates_that_issue_one_another_are_no_labyrinth(tmp_path: Path) -> None:
    tsa = new_tsa(tmp_path / "a", kind="ec", intermediate=True, inside=False)
    read = token(tsa)
    other = new_root("Alpha Intermediate", "ec")
    ring = [
        Issued(other.certificate, tsa.issuer.key).issue("Alpha Intermediate", tsa.issuer.key, authority=True)
        for _ in range(40)
    ]
    begun = time.monotonic()
    with pytest.raises(TrustError):
        timestamp.verified(read, MESSAGE, tsa.roots, beside=[each.certificate for each in ring])
    assert time.monotonic() - begun < 5


def test_an_accuracy_of_years_is_no_time(simple: Tsa) -> None:
    octets = token(simple).octets
    said = bytes.fromhex("3007020101800201f4")  # 1 s, 500 ms
    assert octets.count(said) == 1
    with pytest.raises(FormatError, match="an accuracy of at most a day"):
        timestamp.read(octets.replace(said, bytes.fromhex("3007020500ffffffff")), "it")


def test_a_certificate_for_more_than_time_may_not_sign_it(simple: Tsa) -> None:
    names = ExtendedKeyUsageOID
    for purposes, critical in (
        ((names.TIME_STAMPING,), False),
        ((names.TIME_STAMPING, names.CODE_SIGNING), True),
        ((names.SERVER_AUTH,), True),
        ((), True),
    ):
        leaf = simple.root.issue("Alpha Time", new_key("ec"), purposes=purposes, critical=critical)
        read = token(simple)
        forged = replace(
            read,
            signer=(leaf.certificate.issuer, leaf.certificate.serial_number),
            signed_with=replace(read.signed_with, digest=leaf.certificate.fingerprint(read.signed_with.algorithm)),
        )
        with pytest.raises(IntegrityError, match="for time-stamping alone"):
            timestamp.verified(forged, MESSAGE, simple.roots, beside=[leaf.certificate])


def test_a_twin_of_the_certificate_that_signed_is_no_signer(simple: Tsa) -> None:
    read = token(simple)
    said = replace(read, signed_with=replace(read.signed_with, digest=bytes(32)))
    with pytest.raises(SignatureInvalid, match="that the token names"):
        timestamp.verified(said, MESSAGE, simple.roots)


def test_a_certificate_that_is_nowhere_is_unverifiable(tmp_path: Path) -> None:
    tsa = new_tsa(tmp_path / "a", kind="ec", inside=False)
    asked = timestamp.request(MESSAGE).octets
    without = tsa.reply(asked.replace(b"\x01\x01\xff", b"\x01\x01\x00"))  # certReq FALSE
    read = timestamp.read(without, "it")
    assert read.certificates == ()
    with pytest.raises(TrustError, match="neither in the token nor kept beside it"):
        timestamp.verified(read, MESSAGE, tsa.roots)
    timestamp.verified(read, MESSAGE, tsa.roots, beside=[tsa.leaf.certificate])


def test_every_changed_octet_of_what_is_signed_is_found(simple: Tsa) -> None:
    octets = token(simple).octets
    shown = b"".join(_certificates(octets))
    # No signature covers the version of SignerInfo, nor which algorithm it is: that follows from key and digest.
    named = octets.rindex(bytes.fromhex("300a06082a8648ce3d0403"))
    version = octets.index(bytes.fromhex("020101"), octets.index(shown) + len(shown))
    spared = {*_range(octets.index(shown), shown), *range(named, named + 12), *range(version, version + 3)}
    unnoticed = []
    for at in range(octets.index(bytes.fromhex("060b2a864886f70d0109100104")), len(octets)):
        if at in spared:
            continue
        changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        try:
            timestamp.verified(timestamp.read(changed, "it"), MESSAGE, simple.roots)
        except (FormatError, IntegrityError, TrustError):
            continue
        unnoticed.append(at)
    assert unnoticed == []


def _range(begin: int, octets: bytes) -> range:
    return range(begin, begin + len(octets))


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_stronger_imprints_are_judged(simple: Tsa, tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "message").write_bytes(MESSAGE)
    command = ["openssl", "ts", "-query", "-data", "message", f"-{algorithm}", "-cert", "-out", "q.tsq"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    read = timestamp.read(simple.reply((tmp_path / "q.tsq").read_bytes()), "it")
    assert read.algorithm == algorithm
    timestamp.verified(read, MESSAGE, simple.roots)


def test_the_older_way_to_name_the_certificate_is_judged(tmp_path: Path) -> None:
    tsa = new_tsa(tmp_path / "a", kind="ec", ess="sha1")
    read = token(tsa)
    assert read.signed_with.algorithm.name == "sha1"
    timestamp.verified(read, MESSAGE, tsa.roots)


def test_a_weak_imprint_is_unsupported(simple: Tsa, tmp_path: Path) -> None:
    configuration = simple.folder / "tsa.cnf"
    weak = tmp_path / "weak.cnf"
    weak.write_text(configuration.read_text().replace("digests = ", "digests = sha1, "))
    (tmp_path / "message").write_bytes(MESSAGE)
    for command in (
        ["-query", "-data", "message", "-sha1", "-cert", "-out", "q.tsq"],
        ["-reply", "-config", str(weak), "-queryfile", "q.tsq", "-out", "r.tsr"],
    ):
        subprocess.run(["openssl", "ts", *command], cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(Unsupported, match="an imprint by SHA-256"):
        timestamp.read((tmp_path / "r.tsr").read_bytes(), "it")


def test_a_refusal_is_told_in_the_words_of_the_authority(simple: Tsa, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(MESSAGE)
    command = ["openssl", "ts", "-query", "-data", "message", "-tspolicy", "1.2.3.9.9", "-out", "q.tsq"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    refused = simple.reply((tmp_path / "q.tsq").read_bytes())
    with pytest.raises(FormatError, match="expected status 0, granted, found 2 'Requested policy is not supported"):
        timestamp.read(refused, "it")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<!DOCTYPE html><title>Sign in</title>",
        b"\x30\x80\x00\x00",
        b"\x30\x03\x02\x01\x00",
        b"\x30\x84\xff\xff\xff\xff" + bytes(9),
        b"\x30" + bytes(70_000),
        b"\x30\x05\x30\x03\x02\x01\x00",
    ],
    ids=["nothing", "html", "indefinite", "flat", "long", "huge", "no-token"],
)
def test_what_is_no_token_is_one_kind_of_error(octets: bytes) -> None:
    with pytest.raises(FormatError):
        timestamp.read(octets, "it")
    with pytest.raises(FormatError):
        timestamp.read_request(octets, "it")


def test_tokens_of_others_are_judged_as_their_authors_say(corpus: Path) -> None:
    folder = corpus / "rfc3161"
    roots = timestamp.certificates((folder / "ts_chain.pem").read_bytes(), "roots")
    for name in ("sha256", "sha384", "sha512", "no-embedded-cert"):
        read = timestamp.read((folder / f"response-{name}.tsr").read_bytes(), name)
        assert timestamp.verified(read, b"hello", roots).authority == "sigstore-tsa"
    forged = timestamp.read((folder / "response-invalid-signature.tsr").read_bytes(), "forged")
    with pytest.raises(SignatureInvalid):
        timestamp.verified(forged, b"hello", roots)
    for name in ("response.tsr", "response-injected-certs.tsr", "issue-104.tsr"):
        read = timestamp.read((folder / name).read_bytes(), name)
        with pytest.raises((TrustError, WrongImprint)):
            timestamp.verified(read, b"hello", roots)
    for name in ("request.der", "other_request.der"):
        assert timestamp.read_request((folder / name).read_bytes(), name).nonce
