"""A program of the user's may sign: what it answers is verified; it may neither hang, flood nor outlive its call."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.errors import JobError
from muniment.seal import PublicKey, SigningKey, command, dsse, keys
from muniment.seal.command import CommandSigner
from muniment.seal.keys import KeyRole
from signing_programs import KINDS, described


def python(code: str, public: PublicKey, timeout: float = 60.0) -> CommandSigner:
    return CommandSigner(public, (sys.executable, "-c", code), timeout)


SOMEBODY = SigningKey.of_seed(b"s" * 32).public


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_signs_for_us_with_a_key_that_we_never_see(tmp_path: Path, kind: str) -> None:
    signer = command.parse(described(tmp_path, kind), tmp_path / "operator.toml")
    sealed = dsse.seal(b"{}" * 200_000, "text/x", [signer])
    assert dsse.open(sealed, [signer.public], "text/x").signers == (signer.public,)


def test_a_program_that_signs_by_another_key_seals_nothing(tmp_path: Path) -> None:
    signer = command.parse(described(tmp_path, "p-256"), tmp_path / "operator.toml")
    with pytest.raises(JobError, match="is no signature by the ed25519 key"):
        CommandSigner(SOMEBODY, signer.command).sign(b"message")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit(3)", "ended with status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9"),
        ("import sys; sys.stdout.write('x' * 100_000)", "more than 4096 octets"),
        ("", "is no signature"),
    ],
)
def test_a_program_that_fails_is_a_mistake_that_is_told(code: str, said: str) -> None:
    with pytest.raises(JobError, match=said):
        python(code, SOMEBODY).sign(b"m" * 1_000_000)


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(JobError, match="could not be started"):
        CommandSigner(SOMEBODY, ("no-such-program-here",)).sign(b"")


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = f"import subprocess; c = subprocess.Popen(['sleep', '600']); open({str(mark)!r}, 'w').write(str(c.pid)); "
    code += "c.wait()"
    started = time.monotonic()
    with pytest.raises(JobError, match=r"did not answer before its time was over \(3 s"):
        python(code, SOMEBODY, timeout=3).sign(b"")
    assert time.monotonic() - started < 60
    status = Path(f"/proc/{mark.read_text()}/stat")
    ended = time.monotonic() + 30
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < ended


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda text: text.replace("command", "comand"), "comand"),
        (lambda text: text.replace("[", '["", '), "names no program"),
        (lambda text: text.replace("BEGIN", "BEGUN"), "PEM block"),
        (lambda text: text + 'timeout = "2h"\n', "at most 10m"),
        (lambda text: text + 'timeout = "0s"\n', "above 0s"),
    ],
)
def test_a_description_that_is_wrong_is_refused(tmp_path: Path, changed: Callable[[str], str], said: str) -> None:
    text = described(tmp_path, "ed25519").decode()
    with pytest.raises(JobError, match=said):
        command.parse(changed(text).encode(), tmp_path / "operator.toml")


def test_a_folder_of_keys_may_name_a_program_for_each_role(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    signer = keys.use_command(folder, KeyRole.OPERATOR, described(tmp_path, "rsa"))
    own = keys.create(folder, KeyRole.LOG, b"secret")
    assert keys.load(folder, KeyRole.OPERATOR, None) == signer
    assert keys.export(folder) == {KeyRole.OPERATOR: signer.public, KeyRole.LOG: own.public}
    assert not keys.needs_passphrase(folder, KeyRole.OPERATOR)
    assert keys.is_locked(folder)
    assert keys.path(folder, KeyRole.OPERATOR).name == "operator.toml"
    with pytest.raises(JobError, match="a key is there already"):
        keys.create(folder, KeyRole.OPERATOR, None)
    with pytest.raises(JobError, match="a key is there already"):
        keys.use_command(folder, KeyRole.LOG, described(tmp_path, "ed25519"))
    keys.backup(folder, tmp_path / "copy", b"other", unlock=b"secret")
    assert set(keys.restore(tmp_path / "copy", tmp_path / "again", b"other")) == {KeyRole.LOG}
    (folder / "operator.toml").chmod(0o660)
    with pytest.raises(JobError, match="others may read or write"):
        keys.load(folder, KeyRole.OPERATOR, None)


def test_a_log_signs_by_ed25519_only(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="a log signs with Ed25519"):
        keys.use_command(tmp_path / "keys", KeyRole.LOG, described(tmp_path, "p-256"))


def test_two_that_would_sign_for_one_role_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.use_command(folder, KeyRole.OPERATOR, described(tmp_path, "p-256"))
    keys.create(tmp_path / "other", KeyRole.OPERATOR, None)
    (tmp_path / "other" / "operator.pem").rename(folder / "operator.pem")
    for ask in (keys.public, keys.needs_passphrase):
        with pytest.raises(JobError, match="both say who signs as operator"):
            ask(folder, KeyRole.OPERATOR)
