"""The attack corpus: every fault in it is found, and for its own reason; what it was made from is sound.

It lies in tests/vectors/attacks, is described in docs/conformance.md, and is made by
``python tests/vectors_make.py``. Other verifiers can be held to it.
"""

import json
from pathlib import Path

import pytest

from attack import EXPECTED, FOLDER, attacks, unpack
from muniment import manifest
from muniment.errors import FormatError, IntegrityError, MunimentError, TrustError
from muniment.log.note import open_checkpoint
from muniment.log.proof import Proof
from muniment.model import Finding, Verdict
from muniment.seal import dsse
from muniment.verification import Verification
from muniment.verify import Outside, verify, verify_packet
from muniment.verify import trust as trusted
from packets import VERIFIERS, asked
from vectors_stock import bench, stocked

LISTED = json.loads(EXPECTED.read_text(encoding="utf-8"))
WHOLE = frozenset({"archive", "attested", "packet"})
KINDS = sorted({each["kind"] for each in LISTED.values()})


def whole(folder: Path, kind: str) -> Verification:
    """Return what muniment finds about an archive or a packet in *folder*."""
    trust = trusted.read(folder / "trust.toml")
    if kind == "packet":
        return verify_packet(folder / "evidence", trust)
    old = folder / "old-checkpoint"
    against = ((str(old), old.read_bytes()),) if old.exists() else ()
    return verify(folder / "evidence", trust, outside=Outside(against=against))


def piece(folder: Path, kind: str) -> str:
    """Return the verdict on a piece that travels alone."""
    trust = trusted.read(folder / "trust.toml")
    evidence = folder / "evidence"
    try:
        if kind == "note":
            open_checkpoint((evidence / "checkpoint").read_bytes(), trust.logs)
        elif kind == "envelope":
            sealed = (evidence / "statement.dsse.json").read_bytes()
            found = dsse.open(sealed, trust.keys, manifest.PAYLOAD_TYPE)
            manifest.decode_statement(found.payload, "statement")
        else:
            proof = Proof.decode((evidence / "statement.tlog-proof").read_bytes())
            proof.verify((evidence / "leaf").read_bytes(), trust.logs)
    except TrustError:
        return "unverifiable"
    except (FormatError, IntegrityError):
        return "fail"
    return "pass"


@pytest.mark.parametrize("name", sorted(LISTED))
def test_each_attack_is_found_for_its_own_reason(name: str, tmp_path: Path) -> None:
    expected = LISTED[name]
    folder = unpack(name, tmp_path)
    if expected["kind"] not in WHOLE:
        assert piece(folder, expected["kind"]) == expected["verdict"]
        return
    found = whole(folder, expected["kind"])
    assert found.verdict.value == expected["verdict"], [each for each in found.findings if _weighs(each)]
    reasons = {each.check.value for each in found.findings if each.verdict.value == expected["verdict"]}
    assert expected["check"] in reasons


def _weighs(finding: Finding) -> bool:
    return finding.verdict in {Verdict.FAIL, Verdict.UNVERIFIABLE}


@pytest.mark.parametrize("name", sorted(name for name in LISTED if LISTED[name]["kind"] == "packet"))
def test_each_attack_on_a_packet_is_found_by_the_programs_in_it(name: str, tmp_path: Path) -> None:
    folder = unpack(name, tmp_path)
    status = {"fail": 1, "unverifiable": 4}[LISTED[name]["verdict"]]
    for verifier in set(VERIFIERS) - {"muniment"}:
        found = asked(verifier, folder / "evidence", folder / "trust.toml")
        assert found.status == status, (verifier, found.text)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_attacks_were_made_from_is_sound(kind: str, tmp_path: Path) -> None:
    bench(stocked(tmp_path), kind, tmp_path / "sound")
    if kind in WHOLE:
        found = whole(tmp_path / "sound", kind)
        assert found.verdict is Verdict.PASS, [each for each in found.findings if _weighs(each)]
    else:
        assert piece(tmp_path / "sound", kind) == "pass"


def test_the_list_is_that_of_the_attacks_and_each_has_its_file() -> None:
    assert {each.name: each.document for each in attacks()} == LISTED
    assert {path.stem for path in FOLDER.glob("*.zip")} == set(LISTED)
    assert len(LISTED) >= 60


def test_the_corpus_can_be_made_anew(tmp_path: Path) -> None:
    stock = stocked(tmp_path / "stock")
    for each in attacks():
        made = bench(stock, each.kind, tmp_path / each.name)
        try:
            each.make(made)
        except MunimentError as failure:  # pragma: no cover - says which attack could not be made
            pytest.fail(f"{each.name}: {failure}")


def test_the_published_list_is_that_of_the_corpus() -> None:
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    rows = page.partition("<!-- table: attacks -->")[2].strip().splitlines()[2:]
    said = {
        name: f"| `{name}` | {each['what']} | {each['verdict']} | `{each['check']}` |" for name, each in LISTED.items()
    }
    assert rows == list(said.values())
