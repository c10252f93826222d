"""Strangers judge the log: proofbundle reads our tlog-proofs and cosignatures, sigstore climbs our inclusion paths."""

import base64
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.digest import Digest
from muniment.log import Journal, Leaf, LeafType, Proof, VerifierKey
from muniment.log.cosignature import WitnessKey, cosign, joined
from muniment.log.note import unverified_checkpoint
from muniment.seal import SigningKey

JUDGES = Path(__file__).parents[2] / ".venv-judges" / "bin" / "python"
KEY = SigningKey.of_seed(b"log key".ljust(32, b"."))
WITNESSES = [SigningKey.of_seed(name.ljust(32, b".")) for name in (b"one", b"two", b"three")]
VKEY = VerifierKey("case-017.abcdef", KEY.public)
VKEYS = [WitnessKey(f"witness.example/{n}", each.public) for n, each in enumerate(WITNESSES)]
SIZE = 300

PROOFBUNDLE = """
import base64, json, sys
from proofbundle.errors import BundleFormatError
from proofbundle.tlogproof import verify_tlog_proof
for line in sys.stdin:
    one = json.loads(line)
    try:
        found = verify_tlog_proof(one["proof"], base64.b64decode(one["leaf"]), one["log"], one["witnesses"],
                                  threshold=one["threshold"], expected_origin=one["origin"])
        print(json.dumps([found["ok"], found["log_ok"], found["witnesses_ok"], found["inclusion_ok"], found["index"]]))
    except BundleFormatError as refused:
        print(json.dumps([False, str(refused)]))
"""

SIGSTORE = """
import json, sys
from types import SimpleNamespace
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore.errors import VerificationError
for line in sys.stdin:
    one = json.loads(line)
    proof = SimpleNamespace(log_index=one["index"], tree_size=one["size"], root_hash=bytes.fromhex(one["root"]),
                            hashes=[bytes.fromhex(each) for each in one["hashes"]])
    inner = SimpleNamespace(inclusion_proof=proof, canonicalized_body=bytes.fromhex(one["leaf"]))
    try:
        verify_merkle_inclusion(SimpleNamespace(_inner=inner))
        print("true")
    except VerificationError:
        print("false")
"""


def leaf(number: int) -> bytes:
    return Leaf(LeafType.CAPTURE, f"c{number}", Digest.of_bytes(b"%d" % number)).encode()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    root = tmp_path_factory.mktemp("judged")
    made = Journal(root, VKEY.name)
    for number in range(SIZE):
        made.append(leaf(number), KEY, root / "home" / "checkpoint")
    return made


def judged(library: str, script: str, cases: list[dict[str, Any]]) -> list[Any]:
    """Return what *script* answers to each of *cases* where *library* is installed, in an environment of its own."""
    asked = [JUDGES, "-c", f"import {library}"]
    if not JUDGES.exists() or subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip(f"{library} is not installed in .venv-judges; `make test` does that where it can")
    lines = "".join(json.dumps(each) + "\n" for each in cases)
    done = subprocess.run([JUDGES, "-c", script], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def case(proof: Proof, number: int, threshold: int = 0) -> dict[str, Any]:
    return {
        "proof": proof.encode().decode(),
        "leaf": base64.b64encode(leaf(number)).decode(),
        "log": str(VKEY),
        "witnesses": [str(each) for each in VKEYS],
        "threshold": threshold,
        "origin": VKEY.name,
    }


def witnessed(proof: Proof, number: int) -> Proof:
    """Return *proof* with the cosignatures of *number* witnesses in its checkpoint."""
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    given = [cosign(proof.checkpoint, key.name, signer, at) for key, signer in zip(VKEYS, WITNESSES, strict=True)]
    return Proof(proof.index, proof.hashes, joined(proof.checkpoint, given[:number]), proof.extra)


def test_proofbundle_verifies_our_proofs_and_their_witnesses(journal: Journal) -> None:
    places = [(0, 1), (0, 300), (6, 7), (255, 256), (255, 257), (299, 300), (128, 300)]
    cases = [case(journal.prove(index, size), index) for index, size in places]
    cases += [case(witnessed(journal.prove(7), 3), 7, threshold) for threshold in (1, 3)]
    found = judged("proofbundle", PROOFBUNDLE, cases)
    assert found == [[True, True, True, True, index] for index, _ in (*places, (7, 0), (7, 0))]


def test_proofbundle_refuses_what_we_refuse(journal: Journal) -> None:
    proof = journal.prove(7)
    older = Proof(7, proof.hashes, journal.checkpoint_at(SIZE - 1))
    cases = [
        case(proof, 8),
        case(Proof(8, proof.hashes, proof.checkpoint), 7),
        case(Proof(7, proof.hashes[:-1], proof.checkpoint), 7),
        case(older, 7),
        case(witnessed(proof, 2), 7, 3),
        case(proof, 7) | {"log": str(VerifierKey(VKEY.name, WITNESSES[0].public))},
    ]
    assert [each[0] for each in judged("proofbundle", PROOFBUNDLE, cases)] == [False] * len(cases)


def test_sigstore_climbs_our_inclusion_paths_and_no_others(journal: Journal) -> None:
    cases, expected = [], []
    for size in (1, 2, 7, 64, 255, 256, 257, 299, 300):
        for index in {0, size // 2, size - 1}:
            proof = journal.prove(index, size)
            root = unverified_checkpoint(proof.checkpoint).root
            hashes = [each.hex() for each in proof.hashes]
            good = {"index": index, "size": size, "root": root.hex(), "hashes": hashes, "leaf": leaf(index).hex()}
            cases += [good, good | {"leaf": leaf(index + 1).hex()}, good | {"root": bytes(32).hex()}]
            expected += [True, False, False]
    assert judged("sigstore", SIGSTORE, cases) == expected
