"""DSSE envelopes and the keys in them: each way of breaking one is a failure of its own kind."""

import base64
import itertools
import json
import pickle

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa

from muniment import canonical, seal
from muniment.errors import FormatError, JobError, SignatureInvalid, TrustError
from muniment.seal import Algorithm, PublicKey, SigningKey

TYPE = "application/vnd.in-toto+json"
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
KEY = SigningKey.of_seed(b"operator".ljust(32, b"."))
OTHER = SigningKey.of_seed(b"other".ljust(32, b"."))
SEALED = seal.seal(PAYLOAD, TYPE, [KEY])


class ForeignSigner:
    """A signer of another algorithm, as a token or a hardware module would be."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *how: object) -> None:
        self.private = private
        self.how = how

    @property
    def public(self) -> PublicKey:
        return PublicKey.parse_der(spki(self.private.public_key()))

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, *self.how)


def spki(key: object) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def changed(**fields: object) -> bytes:
    return canonical.encode(json.loads(SEALED) | fields)


def signature(keyid: str, sig: bytes) -> dict[str, str]:
    return {"keyid": keyid, "sig": base64.b64encode(sig).decode()}


def test_what_was_sealed_comes_back_with_the_key_that_signed() -> None:
    opened = seal.open(SEALED, [OTHER.public, KEY.public], TYPE)
    assert (opened.payload, opened.signers, opened.unknown) == (PAYLOAD, (KEY.public,), ())


def test_sealing_the_same_bytes_gives_the_same_envelope_in_canonical_json() -> None:
    assert seal.seal(PAYLOAD, TYPE, [KEY]) == SEALED
    assert list(json.loads(SEALED)) == ["payload", "payloadType", "signatures"]
    assert canonical.encode(json.loads(SEALED)) == SEALED


def test_the_signed_bytes_are_those_of_the_protocols_own_example() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert seal.pae("http://example.com/HelloWorld", b"hello world") == expected


def test_every_single_bit_flip_of_an_envelope_is_refused() -> None:
    for position, bit in itertools.product(range(len(SEALED)), range(8)):
        flipped = bytearray(SEALED)
        flipped[position] ^= 1 << bit
        with pytest.raises((FormatError, SignatureInvalid)):
            seal.open(bytes(flipped), [KEY.public], TYPE)


def test_a_stripped_envelope_is_a_failure_and_not_merely_unverifiable() -> None:
    with pytest.raises(SignatureInvalid, match="stripped"):
        seal.open(changed(signatures=[]), [KEY.public], TYPE)


def test_an_envelope_by_an_unknown_key_is_unverifiable() -> None:
    with pytest.raises(TrustError, match=r"trust\.toml"):
        seal.open(SEALED, [OTHER.public], TYPE)
    with pytest.raises(TrustError):
        seal.open(SEALED, [], TYPE)


def test_another_payload_type_is_a_failure_even_when_it_is_well_signed() -> None:
    with pytest.raises(SignatureInvalid, match="a seal on"):
        seal.open(seal.seal(PAYLOAD, "text/plain", [KEY]), [KEY.public], TYPE)


def test_a_signature_moved_from_another_envelope_is_a_failure() -> None:
    elsewhere = json.loads(seal.seal(b"{}", TYPE, [KEY]))["signatures"]
    with pytest.raises(SignatureInvalid, match="does not verify"):
        seal.open(changed(signatures=elsewhere), [KEY.public], TYPE)


def test_an_extra_signature_by_an_unknown_key_is_reported_and_not_trusted() -> None:
    opened = seal.open(seal.seal(PAYLOAD, TYPE, [KEY, OTHER]), [KEY.public], TYPE)
    assert opened.signers == (KEY.public,)
    assert opened.unknown == (OTHER.public.keyid,)


def test_a_failing_signature_of_a_held_key_refuses_the_envelope_though_another_verifies() -> None:
    good = json.loads(SEALED)["signatures"]
    bad = signature(OTHER.public.keyid, OTHER.sign(b"something else"))
    with pytest.raises(SignatureInvalid):
        seal.open(changed(signatures=[*good, bad]), [KEY.public, OTHER.public], TYPE)


def test_a_good_signature_under_a_changed_keyid_is_damage_and_not_an_unknown_key() -> None:
    sig = KEY.sign(seal.pae(TYPE, PAYLOAD))
    with pytest.raises(SignatureInvalid, match="whose key made the signature"):
        seal.open(changed(signatures=[signature("0" * 64, sig)]), [KEY.public], TYPE)


def test_an_attackers_key_under_a_held_keyid_is_a_failure() -> None:
    sig = OTHER.sign(seal.pae(TYPE, PAYLOAD))
    with pytest.raises(SignatureInvalid):
        seal.open(changed(signatures=[signature(KEY.public.keyid, sig)]), [KEY.public], TYPE)


def test_a_signature_over_the_bare_payload_is_no_seal() -> None:
    with pytest.raises(SignatureInvalid):
        seal.open(changed(signatures=[signature(KEY.public.keyid, KEY.sign(PAYLOAD))]), [KEY.public], TYPE)


GOOD = json.loads(SEALED)["signatures"][0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        SEALED + b"\n",
        b" " + SEALED,
        b"\xef\xbb\xbf" + SEALED,
        SEALED + SEALED,
        json.dumps(json.loads(SEALED), indent=1).encode(),
        SEALED.replace(b'{"payload"', b'{"payload":"","payload"', 1),
        changed(extra=1),
        changed(payload=None),
        changed(payload="e30"),
        changed(payload="e31="),
        changed(payload="e3 0="),
        changed(payload="e3_-"),
        changed(payloadType=1),
        changed(payloadType=""),
        changed(payloadType="text/plain\x1b[2J"),
        changed(signatures={}),
        changed(signatures=[None]),
        changed(signatures=[GOOD, GOOD]),
        changed(signatures=[GOOD | {"cert": "x"}]),
        changed(signatures=[GOOD | {"keyid": ""}]),
        changed(signatures=[GOOD | {"keyid": GOOD["keyid"].upper()}]),
        changed(signatures=[GOOD | {"keyid": None}]),
        changed(signatures=[GOOD | {"sig": None}]),
        changed(signatures=[GOOD | {"sig": GOOD["sig"] + "="}]),
        changed(signatures=[{"sig": GOOD["sig"]}]),
        changed(signatures=[GOOD | {"keyid": f"{number:064x}"} for number in range(17)]),
        b"[" * 100_000,
    ],
)
def test_anything_but_one_well_formed_envelope_is_malformed(content: bytes) -> None:
    for attempt in (lambda: seal.open(content, [KEY.public], TYPE, "file"), lambda: seal.unverified_payload(content)):
        with pytest.raises(FormatError):
            attempt()


def test_an_unverified_payload_says_so_in_its_name_and_is_the_payload() -> None:
    assert seal.unverified_payload(changed(signatures=[])) == PAYLOAD


@pytest.mark.parametrize("signers", [[], [KEY, KEY], [SigningKey.of_seed(bytes([n] * 32)) for n in range(17)]])
def test_nothing_is_sealed_by_no_key_or_twice_by_one(signers: list[SigningKey]) -> None:
    with pytest.raises(JobError, match="between 1 and 16 different keys"):
        seal.seal(PAYLOAD, TYPE, signers)


FOREIGN = {
    Algorithm.ECDSA_P256: ForeignSigner(ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())),
    Algorithm.ECDSA_P384: ForeignSigner(ec.generate_private_key(ec.SECP384R1()), ec.ECDSA(hashes.SHA384())),
    Algorithm.RSA_PSS: ForeignSigner(
        rsa.generate_private_key(65537, 2048), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
    ),
}


@pytest.mark.parametrize("algorithm", FOREIGN)
def test_the_accepted_algorithms_verify_and_refuse_other_bytes(algorithm: Algorithm) -> None:
    signer = FOREIGN[algorithm]
    assert signer.public.algorithm is algorithm
    sealed = seal.seal(PAYLOAD, TYPE, [signer])
    assert seal.open(sealed, [signer.public], TYPE).payload == PAYLOAD
    with pytest.raises(SignatureInvalid):
        signer.public.verify(signer.sign(b"one"), b"another")
    with pytest.raises(SignatureInvalid):
        signer.public.verify(b"", b"one")


def test_an_rsa_key_does_not_verify_under_the_older_scheme() -> None:
    signer = FOREIGN[Algorithm.RSA_PSS]
    with pytest.raises(SignatureInvalid):
        signer.public.verify(signer.private.sign(b"x", padding.PKCS1v15(), hashes.SHA256()), b"x")


def test_a_p384_key_does_not_verify_with_a_shorter_hash() -> None:
    signer = FOREIGN[Algorithm.ECDSA_P384]
    with pytest.raises(SignatureInvalid):
        signer.public.verify(signer.private.sign(b"x", ec.ECDSA(hashes.SHA256())), b"x")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        ec.generate_private_key(ec.SECP521R1()).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        rsa.generate_private_key(65537, 1024).public_key(),  # noqa: S505 - short on purpose
    ],
    ids=["secp256k1", "P-521", "Ed448", "RSA-1024"],
)
def test_other_algorithms_and_short_keys_are_refused_by_name(key: object) -> None:
    with pytest.raises(FormatError, match="expected an"):
        PublicKey.parse_der(spki(key))


def test_another_spelling_of_a_key_is_refused_so_that_a_key_has_one_id() -> None:
    point = FOREIGN[Algorithm.ECDSA_P256].private.public_key()
    compressed = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    short = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed
    assert serialization.load_der_public_key(short) == point
    with pytest.raises(FormatError, match="canonical"):
        PublicKey.parse_der(short)


@pytest.mark.parametrize("content", [b"", b"\x30", KEY.public.spki + b"\0", KEY.public.spki[:-1], b"x" * 44])
def test_what_is_no_public_key_is_malformed(content: bytes) -> None:
    with pytest.raises(FormatError):
        PublicKey.parse_der(content)
    with pytest.raises(FormatError):
        PublicKey.parse_pem(content.decode("latin-1"))
    with pytest.raises(FormatError):
        PublicKey.of_ed25519(content)


def test_a_public_key_reads_back_from_pem_der_and_raw() -> None:
    for key in (KEY.public, *(signer.public for signer in FOREIGN.values())):
        assert PublicKey.parse_pem(key.pem) == PublicKey.parse_der(key.spki) == key
    assert PublicKey.of_ed25519(KEY.public.raw) == KEY.public
    with pytest.raises(FormatError, match="Ed25519"):
        _ = FOREIGN[Algorithm.RSA_PSS].public.raw


def test_the_vector_of_rfc_8032_signs_as_printed() -> None:
    # RFC 8032 7.1, TEST 2.
    key = SigningKey.of_seed(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert key.public.raw.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da")


def test_a_private_key_shows_nothing_of_itself() -> None:
    seed = b"a seed that nobody may ever read"
    key = SigningKey.of_seed(seed)
    shown = f"{key!r} {key} {[key]}"
    for secret in (seed.hex(), seed.decode(), base64.b64encode(seed).decode(), repr(seed)):
        assert secret not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_seed_of_another_length_is_refused_without_being_shown() -> None:
    with pytest.raises(FormatError) as refused:
        SigningKey.of_seed(b"short secret")
    assert "short secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a b", "\u00e4", "a\n", "a" * 256])
def test_nothing_is_sealed_as_what_is_no_payload_type(name: str) -> None:
    with pytest.raises(FormatError, match=r"^payload type: expected a media type in ASCII, found "):
        seal.seal(PAYLOAD, name, [KEY])


def test_an_envelope_has_at_most_16_signatures() -> None:
    keys = [SigningKey.of_seed(bytes([number]) * 32) for number in range(17)]
    held = [key.public for key in keys]
    assert len(seal.open(seal.seal(PAYLOAD, TYPE, keys[:16]), held, TYPE).signers) == 16
    with pytest.raises(JobError, match="between 1 and 16 different keys; 17 were given"):
        seal.seal(PAYLOAD, TYPE, keys)
    one_more = json.loads(seal.seal(PAYLOAD, TYPE, keys[:16]))
    one_more["signatures"] += json.loads(seal.seal(PAYLOAD, TYPE, keys[16:]))["signatures"]
    with pytest.raises(FormatError, match="a list of at most 16 signatures"):
        seal.open(canonical.encode(one_more), held, TYPE)


def test_whoever_signed_an_envelope_that_is_not_believed_is_named() -> None:
    with pytest.raises(TrustError) as unknown:
        seal.open(seal.seal(PAYLOAD, TYPE, [KEY, OTHER]), [], TYPE, "here")
    named = f"{KEY.public.keyid[:16]}…, {OTHER.public.keyid[:16]}…"
    assert str(unknown.value) == f"here: signed by the unknown key {named}; trust.toml names no operator with that key"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"payloadType": "a b"}, "a payload type in ASCII, found 'a b'"),
        ({"signatures": [{"keyid": "00", "sig": ""}]}, "a keyid of 64 lowercase hex digits, found '00'"),
        ({"payload": 7}, "base64 text, found int"),
        ({"payload": "YR=="}, "canonical base64, found 'YR=='"),
    ],
)
def test_an_error_about_an_envelope_says_what_is_wrong(fields: dict[str, object], words: str) -> None:
    with pytest.raises(FormatError) as refused:
        seal.open(changed(**fields), [KEY.public], TYPE, "here")
    assert str(refused.value) == f"here: expected {words}"
