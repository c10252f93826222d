"""What leaves the archive for others, as an archivist makes it: packets, and a draft of a certification."""

from pathlib import Path

import pytest

from archives import SEED, VIDEO, Made, archive
from authorities import new_tsa, serving
from commands import Ran, muniment
from packets import VERIFIERS, asked


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return archive(tmp_path_factory.mktemp("disclose"), "ab")


def run(made: Made, *arguments: str | Path) -> Ran:
    return muniment(*arguments, cwd=made.root, MUNIMENT_HOME=str(made.home))


def test_the_packet_of_a_video_is_verified_by_whoever_gets_it(made: Made, tmp_path: Path) -> None:
    assert run(made, "index", "rebuild").status == 0
    done = run(made, "disclose", VIDEO, "--out", tmp_path / "packet", "--json")
    assert done.status == 0, done.err
    assert done.json["records"] == [
        {
            "capture": made.captures[-1],
            "n": 7,
            "record_id": done.json["records"][0]["record_id"],
            "url": VIDEO,
            "whole": True,
            "why": "",
            "files": [f"{made.captures[-1]}/records/7.{each}" for each in ("json", "path", "payload.mp4", "warc.gz")],
        }
    ]
    lines = run(made, "trust", "show")
    trust = tmp_path / "trust.toml"
    trust.write_text(lines.out, encoding="utf-8")
    for verifier in VERIFIERS:
        found = asked(verifier, tmp_path / "packet", trust)
        assert found.status == 0, (verifier, found.text)
    shown = run(made, "verify", tmp_path / "packet", "--trust", trust)
    assert shown.status == 0
    assert shown.out.startswith("PASS")
    assert "The packet is in" in run(made, "disclose", f"{made.captures[0]}:3", "--out", tmp_path / "other").out


def test_a_record_that_is_named_wrongly_is_told_what_would_name_it(made: Made, tmp_path: Path) -> None:
    done = run(made, "disclose", "video", "--out", tmp_path / "packet")
    assert done.status == 2
    assert "20241210T093012Z-k7f3qa:17" in done.err
    assert not (tmp_path / "packet").exists()
    done = run(made, "disclose", "20991210T093012Z-k7f3qa:17", "--out", tmp_path / "packet")
    assert (done.status, "Traceback" in done.err) == (2, False), done.err


def test_a_certification_is_drafted_with_its_facts_and_with_blanks(made: Made, tmp_path: Path) -> None:
    done = run(made, "certify", made.captures[0], "--out", tmp_path / "draft.txt")
    assert done.status == 0, done.err
    text = (tmp_path / "draft.txt").read_text(encoding="utf-8")
    sums = made.path(f"manifests/2024/12/10/{made.captures[0]}/SHA256SUMS").read_text(encoding="utf-8")
    for line in sums.splitlines():
        digest, name = line.split("  ")
        assert digest in text
        assert name in text
    for fact in (SEED, made.captures[0], made.origin, "not legal advice", "902(13)", "902(14)", "penalty of perjury"):
        assert fact in " ".join(text.split())
    assert "Every required check was made and passed" in " ".join(text.split())
    assert text.count("______") > 10
    assert run(made, "certify", made.captures[0], "--out", tmp_path / "draft.txt").status == 2  # never overwritten


def test_no_certification_is_drafted_as_if_damage_were_none(made: Made, tmp_path: Path) -> None:
    spoilt = made.copied(tmp_path / "spoilt")
    content = bytearray(spoilt.warc().read_bytes())
    content[-40] ^= 1
    spoilt.warc().write_bytes(content)
    done = run(spoilt, "certify", made.captures[0])
    assert done.status == 1
    assert "IT DID NOT PASS" in done.out
    spoilt.warc().unlink()
    done = run(spoilt, "certify", made.captures[0])
    assert done.status == 1, done.err
    assert "NOT IN THE ARCHIVE ANY MORE" in done.out


def test_the_lines_for_a_recipient_name_an_authority_that_was_asked_once(tmp_path: Path) -> None:
    made = archive(tmp_path, "a")
    tsa = new_tsa(tmp_path / "tsa", "Alpha", "ec")
    with serving(tsa.reply) as served:
        whom = ("--tsa", served.url, "--tsa-root", tsa.root_file, "--allow-net", "127.0.0.0/8")
        done = run(made, "stamp", *whom)
    assert done.status == 0, done.out + done.err
    lines = run(made, "trust", "show").out
    assert lines.count("[[tsa]]") == 1
    assert tsa.root_file.read_text(encoding="ascii").strip() in lines
