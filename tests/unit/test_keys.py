"""Key files: made for their owner alone, refused when exposed, never shown."""

import base64
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from muniment import durable
from muniment.errors import JobError
from muniment.seal import keys
from muniment.seal.keys import KeyRole

OPERATOR, LOG = KeyRole.OPERATOR, KeyRole.LOG
PASSPHRASE = b"correct horse battery staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys"


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_key_is_its_owners_alone_whatever_the_umask(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700)
    folder.parent.chmod(0o700)
    keys.create(folder, OPERATOR, None)
    assert (mode(folder), mode(keys.path(folder, OPERATOR))) == (0o700, 0o600)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_key_loads_as_the_key_that_was_made(folder: Path, passphrase: bytes | None) -> None:
    made = keys.create(folder, OPERATOR, passphrase)
    loaded = keys.load(folder, OPERATOR, passphrase)
    assert loaded.public == made.public == keys.public(folder, OPERATOR)
    made.public.verify(loaded.sign(b"x"), b"x")
    assert keys.needs_passphrase(folder, OPERATOR) is (passphrase is not None)


def test_the_two_roles_have_two_keys_and_are_exported_without_a_passphrase(folder: Path) -> None:
    made = {role: keys.create(folder, role, PASSPHRASE).public for role in KeyRole}
    assert made[OPERATOR] != made[LOG]
    assert keys.export(folder) == made


def test_openssl_reads_both_halves_of_a_key_file(folder: Path) -> None:
    made = keys.create(folder, OPERATOR, PASSPHRASE)
    where = str(keys.path(folder, OPERATOR))
    command = ["openssl", "pkey", "-in", where, "-passin", f"pass:{PASSPHRASE.decode()}", "-pubout"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == made.public.pem
    command = ["openssl", "pkey", "-pubin", "-in", where, "-pubout"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == made.public.pem


def test_a_key_is_never_overwritten(folder: Path) -> None:
    keys.create(folder, OPERATOR, None)
    before = keys.path(folder, OPERATOR).read_bytes()
    with pytest.raises(JobError, match="never overwritten"):
        keys.create(folder, OPERATOR, None)
    assert keys.path(folder, OPERATOR).read_bytes() == before


@pytest.mark.parametrize("exposed", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o777])
def test_a_key_that_others_may_touch_is_refused_with_the_command_that_mends_it(folder: Path, exposed: int) -> None:
    keys.create(folder, OPERATOR, None)
    keys.path(folder, OPERATOR).chmod(exposed)
    for attempt in (lambda: keys.load(folder, OPERATOR, None), lambda: keys.public(folder, OPERATOR)):
        with pytest.raises(JobError, match=f"mode {exposed:04o}.*chmod 600 '"):
            attempt()


@pytest.mark.parametrize("exposed", [0o770, 0o707, 0o777])
def test_a_folder_whose_keys_others_may_exchange_is_refused(folder: Path, exposed: int) -> None:
    keys.create(folder, OPERATOR, None)
    folder.chmod(exposed)
    with pytest.raises(JobError, match="chmod 700 '"):
        keys.load(folder, OPERATOR, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_is_refused(folder: Path) -> None:
    keys.create(folder, OPERATOR, None)
    os.chown(keys.path(folder, OPERATOR), 65534, 65534)
    with pytest.raises(JobError, match=r"another user \(uid 65534\)"):
        keys.load(folder, OPERATOR, None)


def test_a_missing_key_says_how_to_get_one(folder: Path) -> None:
    with pytest.raises(JobError, match="muniment keys restore"):
        keys.load(folder, OPERATOR, None)
    with pytest.raises(JobError, match="muniment keys restore"):
        keys.export(folder)


def test_a_link_or_a_folder_in_place_of_a_key_is_refused(folder: Path) -> None:
    keys.create(folder, OPERATOR, None)
    keys.path(folder, LOG).symlink_to(keys.path(folder, OPERATOR))
    with pytest.raises(JobError, match="plain file"):
        keys.load(folder, LOG, None)
    keys.path(folder, LOG).unlink()
    keys.path(folder, LOG).mkdir()
    with pytest.raises(JobError, match="plain file"):
        keys.load(folder, LOG, None)


@pytest.mark.parametrize("wrong", [b"open sesame", PASSPHRASE + b" ", b"\xff\x00"])
def test_a_wrong_passphrase_is_told_and_never_shown(folder: Path, wrong: bytes) -> None:
    keys.create(folder, OPERATOR, PASSPHRASE)
    with pytest.raises(JobError, match="the passphrase is wrong") as refused:
        keys.load(folder, OPERATOR, wrong)
    assert wrong.decode("latin-1") not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("missing", [None, b""])
def test_an_encrypted_key_without_a_passphrase_says_so(folder: Path, missing: bytes | None) -> None:
    keys.create(folder, OPERATOR, PASSPHRASE)
    with pytest.raises(JobError, match="is encrypted"):
        keys.load(folder, OPERATOR, missing)


def test_an_empty_passphrase_is_not_taken_for_none(folder: Path) -> None:
    with pytest.raises(JobError, match="empty"):
        keys.create(folder, OPERATOR, b"")
    assert not folder.exists()


def other_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private + key.public_key().public_bytes(serialization.Encoding.PEM, spki)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a key file"),
        (b"\xff\xfe", "not a key file"),
        (b"x" * 100_000, "not a key file"),
        (other_pem(), "another kind"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a key file"),
    ],
)
def test_what_is_no_key_is_told_in_one_sentence(folder: Path, content: bytes, said: str) -> None:
    durable.private_folder(folder)
    durable.create(keys.path(folder, OPERATOR), content, mode=0o600)
    with pytest.raises(JobError, match=said):
        keys.load(folder, OPERATOR, None)


def test_halves_of_two_keys_are_refused(folder: Path) -> None:
    keys.create(folder, OPERATOR, None)
    other = keys.create(folder, LOG, None).public.pem
    where = keys.path(folder, OPERATOR)
    private = where.read_text().partition("-----BEGIN PUBLIC")[0]
    durable.replace(where, (private + other).encode(), mode=0o600)
    with pytest.raises(JobError, match="do not belong together"):
        keys.load(folder, OPERATOR, None)


@pytest.mark.parametrize("half", ["PRIVATE", "PUBLIC"])
def test_a_damaged_half_is_told_and_not_shown(folder: Path, half: str) -> None:
    keys.create(folder, OPERATOR, None)
    where = keys.path(folder, OPERATOR)
    text = where.read_text()
    at = text.index("\n", text.index(f"BEGIN {half}")) + 1
    durable.replace(where, (text[:at] + "AAAA" + text[at + 4 :]).encode(), mode=0o600)
    with pytest.raises(JobError, match="damaged") as refused:
        keys.load(folder, OPERATOR, None)
    assert text[at + 4 : at + 40] not in str(refused.value)


@pytest.mark.parametrize("unlock", [None, b"the first passphrase"])
def test_a_backup_is_one_private_file_that_brings_the_same_keys_back(
    folder: Path, tmp_path: Path, unlock: bytes | None
) -> None:
    made = {role: keys.create(folder, role, unlock).public for role in KeyRole}
    destination = tmp_path / "backup.pem"
    keys.backup(folder, destination, PASSPHRASE, unlock=unlock)
    assert mode(destination) == 0o600
    assert destination.read_text().count("ENCRYPTED PRIVATE KEY") == 4
    restored = tmp_path / "restored"
    assert keys.restore(destination, restored, PASSPHRASE) == made
    for role in KeyRole:
        assert keys.load(restored, role, PASSPHRASE).public == made[role]


def test_a_backup_needs_a_passphrase_and_a_free_name(folder: Path, tmp_path: Path) -> None:
    keys.create(folder, OPERATOR, None)
    destination = tmp_path / "backup.pem"
    with pytest.raises(JobError, match="always encrypted"):
        keys.backup(folder, destination, b"")
    assert not destination.exists()
    destination.write_bytes(b"somebody's")
    with pytest.raises(JobError, match="never overwritten"):
        keys.backup(folder, destination, PASSPHRASE)
    assert destination.read_bytes() == b"somebody's"


def test_a_restore_overwrites_nothing_and_takes_only_a_whole_backup(folder: Path, tmp_path: Path) -> None:
    keys.create(folder, OPERATOR, None)
    keys.create(folder, LOG, None)
    destination = tmp_path / "backup.pem"
    keys.backup(folder, destination, PASSPHRASE)
    with pytest.raises(JobError, match="never overwritten"):
        keys.restore(destination, folder, PASSPHRASE)
    with pytest.raises(JobError, match="passphrase is wrong"):
        keys.restore(destination, tmp_path / "new", b"wrong")
    durable.replace(destination, destination.read_bytes()[:-9], mode=0o600)
    with pytest.raises(JobError, match="not a backup"):
        keys.restore(destination, tmp_path / "new", PASSPHRASE)
    assert not (tmp_path / "new").exists()


def test_no_error_ever_holds_a_part_of_the_private_key(folder: Path) -> None:
    keys.create(folder, OPERATOR, None)
    where = keys.path(folder, OPERATOR)
    text = where.read_text()
    secret = "".join(text.split("-----")[2].split())
    said = []
    for cut in range(0, len(text), 7):
        durable.replace(where, text[:cut].encode(), mode=0o600)
        with pytest.raises(JobError) as refused:
            keys.load(folder, OPERATOR, None)
        said.append(str(refused.value))
    told = " ".join(said)
    assert not any(secret[at : at + 12] in told for at in range(len(secret) - 12))
    assert base64.b64decode(secret)[-32:].hex() not in told
