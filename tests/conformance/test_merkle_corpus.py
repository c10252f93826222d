"""Inclusion proofs that others made, most of them malformed: their own ``wantErr`` decides."""

import base64
import json
import os
from pathlib import Path

import pytest

from muniment.errors import FormatError, NotInLog
from muniment.log import tree

CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "merkle-inclusion"
CASES = sorted(CORPUS.rglob("*.json"))

pytestmark = pytest.mark.skipif(not CASES, reason="MUNIMENT_CORPUS names no folder with merkle-inclusion")


@pytest.mark.parametrize("case", CASES, ids=[path.relative_to(CORPUS).as_posix() for path in CASES])
def test_an_inclusion_proof_is_accepted_exactly_when_its_authors_accept_it(case: Path) -> None:
    content = json.loads(case.read_text())
    hashes = tuple(base64.b64decode(text) for text in content["proof"] or ())
    proof = tree.InclusionProof(content["leafIdx"], content["treeSize"], hashes)
    leaf, root = (base64.b64decode(content[name]) for name in ("leafHash", "root"))
    if content["wantErr"]:
        with pytest.raises((NotInLog, FormatError)):
            tree.verify_inclusion(proof, leaf, root)
    else:
        tree.verify_inclusion(proof, leaf, root)


def test_the_corpus_holds_both_kinds_of_cases() -> None:
    wanted = {json.loads(case.read_text())["wantErr"] for case in CASES}
    assert wanted == {True, False}
