"""Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, clause by clause."""

import base64
import dataclasses

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from muniment.errors import FormatError, SignatureInvalid, TrustError
from muniment.log.cosignature import WitnessKey
from muniment.log.note import Checkpoint, VerifierKey, open_checkpoint, sign, unverified_checkpoint
from muniment.seal import PublicKey, SigningKey

KEY = SigningKey.of_seed(b"log key".ljust(32, b"."))
OTHER = SigningKey.of_seed(b"another".ljust(32, b"."))
CHECKPOINT = Checkpoint("case-017", 42, bytes(range(32)))
VKEY = VerifierKey("case-017", KEY.public)
NOTE = sign(CHECKPOINT, KEY)


def rewritten(old: str, new: str) -> bytes:
    """Return the note with *old* changed, signed anew: well signed, but malformed."""
    text = CHECKPOINT.text.replace(old, new, 1)
    return noted(text)


def noted(text: str, key: VerifierKey = VKEY, signer: SigningKey = KEY) -> bytes:
    return f"{text}\n{line(text, key, signer)}".encode()


def line(text: str, key: VerifierKey = VKEY, signer: SigningKey = KEY) -> str:
    return f"— {key.name} {base64.b64encode(key.id + signer.sign(text.encode())).decode()}\n"


def test_a_signed_checkpoint_comes_back_as_it_was() -> None:
    assert open_checkpoint(NOTE, [VKEY]) == CHECKPOINT


def test_a_checkpoint_is_written_line_by_line_as_the_specification_shows() -> None:
    lines = NOTE.decode().split("\n")
    assert lines[:4] == ["case-017", "42", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith("— case-017 ")
    assert lines[5:] == [""]


def test_the_published_vkey_and_note_of_the_go_library_verify_here() -> None:
    # golang.org/x/mod/sumdb/note, the example of its documentation.
    vkey = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
        "\n— PeterNeumann "
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    signature = base64.b64decode(text.rsplit(" ", 1)[1])
    assert signature[:4] == vkey.id
    vkey.public.verify(signature[4:], text.split("\n\n", maxsplit=1)[0].encode() + b"\n")


def test_the_example_of_tlog_checkpoint_reads() -> None:
    example = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        "\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo"
        "+zyWE+xeMcTOAYQ8=\n"
    )
    found = unverified_checkpoint(example.encode())
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)


def test_extension_lines_are_signed_and_come_back() -> None:
    extended = dataclasses.replace(CHECKPOINT, extensions=("one", "two words"))
    assert open_checkpoint(sign(extended, KEY), [VKEY]) == extended


def test_a_vkey_reads_back_and_names_name_and_type_in_its_id() -> None:
    assert VerifierKey.parse(str(VKEY)) == VKEY
    assert VerifierKey("case-018", KEY.public).id != VKEY.id


def test_every_single_bit_flip_of_a_note_is_refused() -> None:
    for position in range(len(NOTE)):
        for bit in range(8):
            flipped = bytearray(NOTE)
            flipped[position] ^= 1 << bit
            # The sixth letter of the base64 holds the last bits of the key id and the first of the signature: with
            # both changed nothing tells damage from a stranger's key.
            shared = position == NOTE.rindex(b" ") + 6
            with pytest.raises((FormatError, SignatureInvalid, *[TrustError] * shared)):
                open_checkpoint(bytes(flipped), [VKEY])


def test_lines_by_unknown_keys_are_ignored_even_with_the_same_name() -> None:
    stranger = VerifierKey("witness.example", OTHER.public)
    namesake = VerifierKey("case-017", OTHER.public)
    extra = line(CHECKPOINT.text, stranger, OTHER) + line(CHECKPOINT.text, namesake, OTHER)
    assert open_checkpoint(NOTE + extra.encode(), [VKEY]) == CHECKPOINT


def test_a_known_key_that_fails_refuses_the_note_though_another_verifies() -> None:
    witness = VerifierKey("witness.example", OTHER.public)
    failing = line("something else\n", witness, OTHER).encode()
    assert open_checkpoint(NOTE + failing, [VKEY]) == CHECKPOINT
    with pytest.raises(SignatureInvalid):
        open_checkpoint(NOTE + failing, [VKEY, witness])


def test_a_note_by_a_key_that_nobody_named_is_unverifiable_and_not_forged() -> None:
    with pytest.raises(TrustError, match=r"trust\.toml"):
        open_checkpoint(NOTE, [])
    with pytest.raises(TrustError):
        open_checkpoint(NOTE, [VerifierKey("case-017", OTHER.public)])


def test_a_note_under_a_changed_key_id_is_damage_and_not_an_unknown_key() -> None:
    raw = bytearray(base64.b64decode(NOTE.rsplit(b" ", 1)[1]))
    raw[0] ^= 1
    changed = NOTE.rsplit(b" ", 1)[0] + b" " + base64.b64encode(bytes(raw)) + b"\n"
    with pytest.raises(SignatureInvalid, match="which made the signature"):
        open_checkpoint(changed, [VKEY])


def test_a_stripped_note_is_a_failure() -> None:
    with pytest.raises(SignatureInvalid, match="stripped"):
        open_checkpoint(CHECKPOINT.text.encode() + b"\n", [VKEY])
    with pytest.raises(FormatError):
        open_checkpoint(CHECKPOINT.text.encode(), [VKEY])


def test_a_checkpoint_that_another_known_log_signed_is_not_this_logs() -> None:
    other = VerifierKey("case-018", OTHER.public)
    with pytest.raises(SignatureInvalid, match="by the log 'case-017'"):
        open_checkpoint(noted(CHECKPOINT.text, other, OTHER), [VKEY, other])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n42\n", "\n042\n"),
        ("\n42\n", "\n+42\n"),
        ("\n42\n", "\n-42\n"),
        ("\n42\n", "\n4 2\n"),
        ("\n42\n", "\n٤٢\n"),
        ("\n42\n", "\n\n"),
        ("\n42\n", "\n99999999999999999999\n"),
        ("case-017", ""),
        ("HR4fHwo", "HR4fHwo="),
        ("Hh8=\n", "Hh9=\n"),
        ("AAECAwQF", ""),
        ("Hh8=\n", "Hh8=\n\nextension after an empty line\n"),
        ("case-017", "case\r017"),
        ("case-017", "case\x00017"),
        ("case-017", "case\t017"),
    ],
)
def test_a_malformed_checkpoint_is_refused_though_it_is_signed(old: str, new: str) -> None:
    if old not in CHECKPOINT.text:
        old = CHECKPOINT.text.split("\n")[2]
        new = old + "="
    with pytest.raises(FormatError):
        open_checkpoint(rewritten(old, new), [VKEY])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\n\n",
        b"\xff" + NOTE,
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + b"garbage\n",
        NOTE.replace("—".encode(), b"-"),
        NOTE.replace("— ".encode(), "—  ".encode()),
        NOTE + "— name \n".encode(),
        NOTE + "— na+me AAAAAAAA\n".encode(),
        NOTE + "— na\u2003me AAAAAAAA\n".encode(),
        NOTE + "— name AAAAAA==\n".encode(),
        NOTE + "— name AAAAAAAB=\n".encode(),
        NOTE + "— name AAAAAAAA\n".encode() * 101,
        NOTE + b"x" * (1 << 20),
    ],
)
def test_a_malformed_note_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        open_checkpoint(content, [VKEY])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "case-017",
        "case-017+00000000",
        str(VKEY).replace(VKEY.id.hex(), "00000000"),
        str(VKEY).replace(VKEY.id.hex(), VKEY.id.hex().upper() + "0"),
        str(VKEY)[:-4],
        str(VKEY).replace("case-017", "case 017"),
        str(VKEY).replace("case-017", ""),
        str(VKEY) + "\n",
        "x+00000000+" + base64.b64encode(b"\x04" + bytes(32)).decode(),
    ],
)
def test_a_malformed_vkey_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        VerifierKey.parse(text)


def test_a_vkey_of_another_signature_type_is_refused_though_its_id_is_right() -> None:
    name, key_id, _ = str(VKEY).split("+", 2)
    cosigning = base64.b64encode(b"\x04" + KEY.public.raw).decode()  # C2SP tlog-cosignature
    with pytest.raises(FormatError, match="signature type 0x01"):
        VerifierKey.parse(f"{name}+{key_id}+{cosigning}")


def test_a_note_beyond_its_bound_is_refused_though_it_is_well_formed_and_signed() -> None:
    long = noted(CHECKPOINT.text + ("x" * 1000 + "\n") * 1100)
    with pytest.raises(FormatError, match="at most 1 MiB"):
        open_checkpoint(long, [VKEY])


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\u2028b", "\x1b[2J"])
def test_an_origin_that_cannot_be_a_key_name_is_never_signed(origin: str) -> None:
    with pytest.raises(FormatError):
        sign(dataclasses.replace(CHECKPOINT, origin=origin), KEY)


def test_a_malformed_root_or_extension_is_never_signed() -> None:
    for bad in (
        dataclasses.replace(CHECKPOINT, root=b"short"),
        dataclasses.replace(CHECKPOINT, extensions=("",)),
        dataclasses.replace(CHECKPOINT, size=-1),
    ):
        with pytest.raises(FormatError):
            sign(bad, KEY)


def test_a_vkey_holds_an_ed25519_key_only() -> None:
    spki = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(FormatError, match="Ed25519"):
        str(VerifierKey("case-017", PublicKey.parse_der(spki)))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\x1b", "a\ud800", "\udfff"])
def test_a_key_has_no_name_that_a_note_cannot_hold(name: str) -> None:
    with pytest.raises(FormatError, match="key name"):
        VerifierKey(name, KEY.public)


def test_a_vkey_and_a_checkpoint_that_cannot_be_signed_say_which_it_was() -> None:
    with pytest.raises(FormatError, match=r"^vkey: expected a key name"):
        VerifierKey("a b", KEY.public)
    with pytest.raises(FormatError, match=r"^line 3: expected a key name"):
        VerifierKey.parse(str(VKEY).replace("case-017", "case 017"), "line 3")
    with pytest.raises(FormatError, match=r"^checkpoint: expected a key name"):
        sign(dataclasses.replace(CHECKPOINT, origin="case 017"), KEY)
    with pytest.raises(FormatError, match=r"^checkpoint: expected a root hash of 32 octets, found 31 octets"):
        sign(dataclasses.replace(CHECKPOINT, root=bytes(31)), KEY)


def test_a_vkey_whose_base64_holds_a_plus_reads_back() -> None:
    keys = (VerifierKey("a", SigningKey.of_seed(bytes([number]) * 32).public) for number in range(256))
    key = next(key for key in keys if str(key).count("+") > 2)
    assert VerifierKey.parse(str(key)) == key


def test_a_note_has_at_most_100_signature_lines() -> None:
    stranger = VerifierKey("stranger", OTHER.public)
    strange = line(CHECKPOINT.text, stranger, OTHER).encode()
    assert open_checkpoint(NOTE + strange * 99, [VKEY]) == CHECKPOINT
    with pytest.raises(FormatError, match="at most 100 signature lines, found 101"):
        open_checkpoint(NOTE + strange * 100, [VKEY])


def test_a_note_of_one_mebibyte_is_read_and_a_longer_one_is_not() -> None:
    room = (1 << 20) - len(sign(dataclasses.replace(CHECKPOINT, extensions=("x",)), KEY)) + 1
    largest = sign(dataclasses.replace(CHECKPOINT, extensions=("x" * room,)), KEY)
    assert len(largest) == 1 << 20
    assert open_checkpoint(largest, [VKEY]).extensions == ("x" * room,)
    with pytest.raises(FormatError, match="at most 1 MiB, found 1048577 octets"):
        open_checkpoint(sign(dataclasses.replace(CHECKPOINT, extensions=("x" * (room + 1),)), KEY), [VKEY])


def test_whoever_signed_a_checkpoint_that_is_not_believed_is_named_up_to_four() -> None:
    strangers = [VerifierKey(f"s{number}", OTHER.public) for number in range(5)]
    lines = "".join(line(CHECKPOINT.text, each, OTHER) for each in strangers)
    with pytest.raises(TrustError) as unknown:
        open_checkpoint(f"{CHECKPOINT.text}\n{lines}".encode(), [VKEY], "here")
    named = ", ".join(f"'{each.name}' (key id {each.id.hex()})" for each in strangers[:4])
    assert str(unknown.value) == f"here: signed by {named}; trust.toml names no log with that key"


def test_a_signature_line_holds_a_key_id_and_at_least_an_octet_of_signature() -> None:
    assert open_checkpoint(NOTE + "\u2014 name AAAAAAA=\n".encode(), [VKEY]) == CHECKPOINT
    with pytest.raises(FormatError, match=r"expected a key id and a signature, found 4 octets"):
        open_checkpoint(NOTE + "\u2014 name AAAAAA==\n".encode(), [VKEY])


def test_the_key_of_a_witness_is_no_log_s_and_the_other_way_round() -> None:
    public = SigningKey.of_seed(bytes(32)).public
    log, witness = VerifierKey("a.example", public), WitnessKey("a.example", public)
    with pytest.raises(FormatError) as refusal:
        VerifierKey.parse(str(witness))
    assert refusal.value.expected == "signature type 0x01 (Ed25519, a log's)"
    assert refusal.value.found == "0x04 (Ed25519, a witness's)"
    with pytest.raises(FormatError) as refusal:
        WitnessKey.parse(str(log))
    assert refusal.value.expected == "signature type 0x04 (Ed25519, a witness's)"
    assert refusal.value.found == "0x01 (Ed25519, a log's)"
