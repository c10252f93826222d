"""Cosignatures: the specification's own example, what a witness signs, and every way of faking it."""

from datetime import UTC, datetime

import pytest

from muniment import canonical
from muniment.errors import FormatError, SignatureInvalid, TrustError
from muniment.log import VerifierKey, open_checkpoint
from muniment.log.cosignature import WitnessKey, cosign, cosignatures, joined
from muniment.log.note import Checkpoint, sign, unverified_note
from muniment.seal import SigningKey

LOG = SigningKey.of_seed(b"log key".ljust(32, b"."))
FIRST = SigningKey.of_seed(b"first witness".ljust(32, b"."))
SECOND = SigningKey.of_seed(b"second witness".ljust(32, b"."))
VKEY = VerifierKey("case-017", LOG.public)
ONE = WitnessKey("witness.example/w1", FIRST.public)
TWO = WitnessKey("witness.example/w2", SECOND.public)
NOON = datetime(2026, 11, 20, 12, 0, 0, 900000, tzinfo=UTC)
NOTE = sign(Checkpoint("case-017", 5, bytes(range(32))), LOG)
SIGNED = cosign(NOTE, ONE.name, FIRST, NOON)


def test_a_witness_signs_the_time_and_the_text_that_the_log_signed() -> None:
    (found,) = cosignatures(SIGNED, [TWO, ONE])
    assert found.key == ONE
    assert found.at == NOON.replace(microsecond=0)
    assert found.checkpoint == Checkpoint("case-017", 5, bytes(range(32)))
    assert SIGNED.startswith(NOTE.partition(b"\n\n")[0] + b"\n\n")
    assert SIGNED.count(b"\n") == 5
    payload = ONE.id + int(NOON.timestamp()).to_bytes(8)
    message = b"cosignature/v1\ntime %d\n" % int(NOON.timestamp()) + NOTE.partition(b"\n\n")[0] + b"\n"
    assert SIGNED.endswith(canonical.encode_base64(payload + FIRST.sign(message)).encode() + b"\n")


def test_a_stranger_counts_for_nothing_and_does_no_harm() -> None:
    assert cosignatures(SIGNED, [TWO]) == ()
    assert cosignatures(SIGNED, []) == ()
    assert cosignatures(NOTE, [ONE, TWO]) == ()


def test_a_note_of_several_holds_them_all_and_is_still_the_logs_checkpoint() -> None:
    whole = joined(NOTE, [SIGNED, cosign(NOTE, TWO.name, SECOND, NOON), SIGNED])
    assert [each.key for each in cosignatures(whole, [ONE, TWO])] == [ONE, TWO]
    assert whole.startswith(NOTE)
    assert whole.count(b"\n") == NOTE.count(b"\n") + 2
    assert open_checkpoint(whole, [VKEY]).size == 5
    with pytest.raises(FormatError):
        joined(NOTE, [cosign(sign(Checkpoint("case-017", 6, bytes(32)), LOG), ONE.name, FIRST, NOON)])


def test_a_cosignature_over_another_checkpoint_or_at_another_time_is_forged() -> None:
    line = SIGNED.partition(b"\n\n")[2]
    other = sign(Checkpoint("case-017", 6, bytes(range(32))), LOG)
    with pytest.raises(SignatureInvalid):
        cosignatures(other + line, [ONE])
    payload = bytearray(canonical.decode_base64(line.split(b" ")[2].strip().decode(), "line"))
    for place in (4, 11, 12, 75):
        changed = bytearray(payload)
        changed[place] ^= 1
        forged = NOTE + f"— {ONE.name} {canonical.encode_base64(bytes(changed))}\n".encode()
        with pytest.raises(SignatureInvalid):
            cosignatures(forged, [ONE])
    for size in (75, 77):
        cut = (bytes(payload) + b"\0")[:size]
        with pytest.raises(SignatureInvalid):
            cosignatures(NOTE + f"— {ONE.name} {canonical.encode_base64(cut)}\n".encode(), [ONE])


def test_a_known_witness_whose_name_or_key_id_was_changed_is_not_taken_for_a_stranger() -> None:
    with pytest.raises(SignatureInvalid, match="which made the signature"):
        cosignatures(SIGNED.replace(b"w1", b"w9"), [ONE])


def test_the_logs_own_signature_is_no_cosignature() -> None:
    same = WitnessKey("case-017", LOG.public)
    assert cosignatures(NOTE, [same]) == ()
    # Nor is a cosignature the log's own.
    with pytest.raises(TrustError):
        open_checkpoint(cosign(NOTE, "case-017", LOG, NOON), [VKEY])


def test_the_vkey_of_a_witness_is_not_that_of_a_log() -> None:
    assert WitnessKey.parse(str(ONE)) == ONE
    with pytest.raises(FormatError, match="0x04"):
        WitnessKey.parse(str(VerifierKey(ONE.name, FIRST.public)))
    with pytest.raises(FormatError, match="0x01"):
        VerifierKey.parse(str(ONE))


def test_the_example_of_the_specification_has_the_form_that_is_read_here() -> None:
    # C2SP tlog-cosignature, the checkpoint at its beginning; its keys are not published with it.
    example = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
        "zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nN"
        "o0xUe+mbIUBkBIfZ+qnA==\n"
    ).encode()
    assert cosignatures(example, [ONE]) == ()
    _, (name, _, signature) = unverified_note(example).lines
    assert name == "witness.example.com/w1"
    assert int.from_bytes(signature[:8]) == 1679315147
    assert len(signature) == 72


@pytest.mark.parametrize("at", [datetime(1969, 12, 31, tzinfo=UTC)])
def test_no_time_before_the_epoch_is_signed(at: datetime) -> None:
    with pytest.raises(FormatError):
        cosign(NOTE, ONE.name, FIRST, at)
