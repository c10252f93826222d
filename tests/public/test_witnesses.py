"""Two institutions and a reader, by the commands alone: publish, cosign, file, prove, and find the insider."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from archives import Made, archive, captured
from commands import Ran, muniment
from muniment import layout


@dataclass
class Room:
    """An archive, a witness's own machine, and a place for what goes by mail."""

    made: Made
    base: Path

    def archive(self, *arguments: str | Path, status: int = 0) -> Ran:
        return self._run(self.made.home, *arguments, status=status)

    def witness(self, *arguments: str | Path, status: int = 0) -> Ran:
        return self._run(self.base / "witness", *arguments, status=status)

    def _run(self, home: Path, *arguments: str | Path, status: int) -> Ran:
        done = muniment(*arguments, cwd=self.made.root, MUNIMENT_HOME=str(home), NO_COLOR="1")
        assert done.status == status, done.err + done.out
        assert "Traceback" not in done.err
        return done

    def mail(self, name: str, text: str = "") -> Path:
        path = self.base / name
        if text:
            path.write_text(text)
        return path


@pytest.fixture
def room(tmp_path: Path) -> Room:
    found = Room(archive(tmp_path, "a"), tmp_path)
    found.mail("trust.toml", found.archive("trust", "show").out)
    return found


@pytest.fixture
def cosigned(room: Room) -> Room:
    """Return the room after a witness has cosigned the first checkpoint and everybody knows its key."""
    shown = room.mail("shown.txt", room.archive("log", "checkpoint").out)
    done = room.witness("log", "cosign", shown, "--trust", room.mail("trust.toml"), "--name", "library.example/w1")
    room.mail("cosigned.txt", done.out)
    lines = done.err[done.err.index("[[witness]]") : done.err.index("It lies")]
    own = room.made.home / "trust.toml"
    own.write_text(own.read_text() + lines)
    return room


def test_a_cosignature_goes_by_mail_and_counts(cosigned: Room) -> None:
    assert cosigned.archive("verify", "--json").json["anchored"] == "absent"
    added = cosigned.archive("log", "witness", "add", cosigned.mail("cosigned.txt"))
    assert "library.example/w1 cosigned 2 leaves" in added.out
    again = cosigned.archive("log", "witness", "add", cosigned.mail("cosigned.txt"))
    assert again.out == added.out
    report = cosigned.archive("verify", "--json").json
    assert report["anchored"] == "witnessed"
    assert {each["word"]: each["state"] for each in report["words"]}["witnessed"] == "pass"
    assert cosigned.archive("list", "--json").json["captures"][0]["anchored"] == "witnessed"
    shown = cosigned.archive("show", cosigned.made.captures[0])
    assert "anchored: witnessed" in shown.out
    proof = cosigned.archive("log", "prove", cosigned.made.captures[0]).out
    assert "— library.example/w1 " in proof
    cosigned.archive("log", "publish", cosigned.base / "public")
    assert "— library.example/w1 " in (cosigned.base / "public" / "checkpoint").read_text()


def test_a_mail_program_that_changes_ends_of_lines_does_no_harm(cosigned: Room) -> None:
    text = cosigned.mail("cosigned.txt").read_text().replace("\n", "\r\n")
    cosigned.archive("log", "witness", "add", cosigned.mail("crlf.txt", f"\r\n{text}\r\n"))
    only = text.replace("\r\n", "\n").partition("\n\n")[2]
    assert "cosigned 2 leaves" in cosigned.archive("log", "witness", "add", cosigned.mail("line.txt", only)).out


def test_the_next_checkpoint_needs_a_proof_by_file_or_from_the_published_log(cosigned: Room) -> None:
    cosigned.made = captured(cosigned.made, "b")
    newest = cosigned.mail("newest.txt", cosigned.archive("log", "checkpoint").out)
    arguments = ("--trust", cosigned.mail("trust.toml"))
    refused = cosigned.witness("log", "cosign", newest, *arguments, status=2)
    assert "a proof from there is needed" in refused.err
    proof = cosigned.mail("proof.txt", cosigned.archive("log", "consistency", "--from", cosigned.mail("shown.txt")).out)
    assert cosigned.witness("log", "cosign", proof, *arguments).out
    cosigned.made = captured(cosigned.made, "c")
    cosigned.archive("log", "publish", cosigned.base / "public")
    newest = cosigned.mail("newer.txt", cosigned.archive("log", "checkpoint").out)
    for folder in (cosigned.base / "public", cosigned.made.root):
        assert cosigned.witness("log", "cosign", newest, "--log", folder, *arguments).out


def test_a_witness_refuses_a_log_that_was_made_anew_and_so_does_the_published_folder(cosigned: Room) -> None:
    cosigned.archive("log", "publish", cosigned.base / "public")
    _made_anew(cosigned)
    newest = cosigned.mail("newest.txt", cosigned.archive("log", "checkpoint").out)
    arguments = ("--log", cosigned.made.root, "--trust", cosigned.mail("trust.toml"))
    refused = cosigned.witness("log", "cosign", newest, *arguments, status=1)
    assert refused.out == ""
    assert len(list((cosigned.base / "witness" / "witness" / "refused").iterdir())) == 1
    cosigned.archive("log", "publish", cosigned.base / "public", status=1)
    cosigned.archive("log", "witness", "add", cosigned.mail("cosigned.txt"), status=1)
    cosigned.archive("verify")
    cosigned.archive("verify", "--against", cosigned.mail("shown.txt"), status=1)
    cosigned.archive("verify", "--against", cosigned.mail("cosigned.txt"), status=1)
    cosigned.archive("log", "consistency", "--from", cosigned.mail("shown.txt"), status=1)


def _made_anew(room: Room) -> None:
    # An insider with every key: the same log, the same operator, other captures, and nothing inside tells.
    made = room.made
    for each in (made.root / "archive" / "2024", made.root / "manifests" / "2024", made.path(layout.log(made.origin))):
        shutil.rmtree(each)
    made.archive.remembered.unlink()
    made.path(layout.log(made.origin)).mkdir()
    room.made = captured(captured(Made(made.root, made.home, ()), "x"), "y")


@pytest.mark.parametrize(
    "arguments",
    [
        ("log", "prove", "20200101T000000Z-aaaaaa"),
        ("log", "consistency", "--from", "muniment.toml"),
        ("log", "cosign", "muniment.toml"),
        ("log", "cosign", "nowhere"),
        ("log", "publish", "archive/public"),
        ("log", "witness", "add", "muniment.toml"),
        ("verify", "--against", "muniment.toml"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said_in_one_sentence(room: Room, arguments: tuple[str, ...]) -> None:
    done = room.archive(*arguments, status=2)
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1


def test_a_forged_cosignature_is_not_filed(cosigned: Room) -> None:
    text = cosigned.mail("cosigned.txt").read_text()
    at = text.rindex(" ") + 20
    forged = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    cosigned.archive("log", "witness", "add", cosigned.mail("forged.txt", forged), status=1)
    assert not cosigned.made.path(layout.cosignatures(cosigned.made.origin, 2)).exists()
