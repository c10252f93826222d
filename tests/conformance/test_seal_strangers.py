"""Strangers read what is sealed and logged: openssl, securesystemslib, rfc8785; and we read theirs."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

import archives
from muniment import canonical, layout, seal
from muniment.capture.keys import rotate
from muniment.capture.sealing import signers
from muniment.digest import Digest
from muniment.errors import FormatError, SignatureInvalid
from muniment.log import Journal, Leaf, LeafType
from muniment.seal import PublicKey, SigningKey, keys

TYPE = "application/vnd.in-toto+json"
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"n":1}}'
SEED = b"operator".ljust(32, b".")
KEY = SigningKey.of_seed(SEED)
CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "jcs"


def openssl_verifies(folder: Path, pem: str, message: bytes, signature: bytes) -> bool:
    for name, content in (("key.pem", pem.encode()), ("message", message), ("signature", signature)):
        (folder / name).write_bytes(content)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "message"]
    finished = subprocess.run([*command, "-sigfile", "signature"], cwd=folder, capture_output=True, check=False)
    return finished.returncode == 0 and b"Signature Verified Successfully" in finished.stdout


def test_openssl_verifies_a_seal_by_the_bytes_that_were_signed(tmp_path: Path) -> None:
    envelope = json.loads(seal.seal(PAYLOAD, TYPE, [KEY]))
    signature = canonical.decode_base64(envelope["signatures"][0]["sig"], "sig")
    message = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(PAYLOAD), PAYLOAD)
    assert openssl_verifies(tmp_path, KEY.public.pem, message, signature)
    assert not openssl_verifies(tmp_path, KEY.public.pem, message + b" ", signature)


def test_openssl_verifies_a_checkpoint_cut_out_with_plain_text_tools(tmp_path: Path) -> None:
    leaf = Leaf(LeafType.OPEN, "20241210T093012Z-k7f3qa", Digest.of_bytes(b"x")).encode()
    appended = Journal(tmp_path, "case-017").append(leaf, KEY, tmp_path / "home" / "checkpoint")
    text, _, line = appended.checkpoint.decode().partition("\n\n")
    signature = canonical.decode_base64(line.split(" ")[2].strip(), "line")[4:]
    assert openssl_verifies(tmp_path, KEY.public.pem, f"{text}\n".encode(), signature)
    assert not openssl_verifies(tmp_path, KEY.public.pem, text.encode(), signature)


def test_openssl_verifies_by_the_public_half_of_a_key_file(tmp_path: Path) -> None:
    key = keys.create(tmp_path / "keys", keys.KeyRole.OPERATOR, b"passphrase")
    pem = keys.path(tmp_path / "keys", keys.KeyRole.OPERATOR).read_text()
    assert openssl_verifies(tmp_path, pem, b"message", key.sign(b"message"))


def foreign_key(public: PublicKey) -> SSlibKey:
    """Return *public* as securesystemslib holds it, under our keyid."""
    made = SSlibKey.from_crypto(public_of(public))
    return SSlibKey(public.keyid, made.keytype, made.scheme, made.keyval)


def test_securesystemslib_verifies_a_rotation_by_both_keys_and_by_neither_alone_twice(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "a")
    held = signers(made.archive, None)
    event = rotate(made.archive, held, KEY, datetime(2025, 1, 1, tzinfo=UTC))
    envelope = Envelope.from_dict(json.loads(made.path(layout.event(event.id)).read_bytes()))
    old, new = foreign_key(held.operator.public), foreign_key(KEY.public)
    assert len(envelope.verify([old, new], 2)) == 2
    with pytest.raises(VerificationError):
        envelope.verify([old, foreign_key(SigningKey.of_seed(b"x" * 32).public)], 2)


def public_of(key: PublicKey) -> Any:
    return load_der_public_key(key.spki)


def test_securesystemslib_verifies_our_envelope_and_refuses_a_changed_one() -> None:
    other = SigningKey.of_seed(b"other".ljust(32, b"."))
    sealed = json.loads(seal.seal(PAYLOAD, TYPE, [KEY, other]))
    theirs = [foreign_key(KEY.public), foreign_key(other.public)]
    assert len(Envelope.from_dict(json.loads(json.dumps(sealed))).verify(theirs, 2)) == 2
    sealed["payload"] = canonical.encode_base64(PAYLOAD.replace(b'"n":1', b'"n":2'))
    with pytest.raises(VerificationError):
        Envelope.from_dict(sealed).verify(theirs, 1)


@pytest.mark.parametrize(
    "private",
    [
        Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-pss"],
)
def test_we_verify_what_securesystemslib_sealed_with_each_accepted_algorithm(private: Any) -> None:
    public = PublicKey.parse_der(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    envelope = Envelope(PAYLOAD, TYPE, {})
    envelope.sign(CryptoSigner(private, foreign_key(public)))
    sealed = canonical.encode(envelope.to_dict())
    assert seal.open(sealed, [public], TYPE).payload == PAYLOAD
    envelope.payload += b" "
    with pytest.raises(SignatureInvalid):
        seal.open(canonical.encode(envelope.to_dict()), [public], TYPE)


ASCII = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ASCII, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=2000, deadline=None)
@given(VALUES)
def test_our_bytes_are_those_of_rfc_8785_and_read_back(value: Any) -> None:
    content = canonical.encode(value)
    assert content == rfc8785.dumps(value)
    assert canonical.decode(content, "x") == value


CASES = sorted((CORPUS / "input").glob("*.json"))


@pytest.mark.skipif(not CASES, reason="MUNIMENT_CORPUS names no folder with jcs")
@pytest.mark.parametrize("case", CASES, ids=[path.stem for path in CASES])
def test_a_published_case_is_canonicalised_as_published_or_refused_as_outside_our_values(case: Path) -> None:
    value = json.loads(case.read_text())
    if case.stem in OUTSIDE:
        with pytest.raises(FormatError, match=OUTSIDE[case.stem]):
            canonical.encode(value)
    else:
        assert canonical.encode(value) == (CORPUS / "output" / case.name).read_bytes()


OUTSIDE = {"french": "ASCII keys", "weird": "ASCII keys", "values": "found float", "structures": "float|ASCII"}
