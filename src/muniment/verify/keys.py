"""Public keys that lie beside the evidence, and who holds the private ones: noted, never trusted."""

from functools import partial
from pathlib import PurePosixPath

from muniment import layout
from muniment.errors import FormatError, IntegrityError
from muniment.log.note import VerifierKey
from muniment.model import Check, Verdict
from muniment.seal.signing import PublicKey
from muniment.verify.checks import Scope
from muniment.verify.files import content
from muniment.verify.logs import Logs
from muniment.verify.trust import Trust

__all__ = ["check_public_keys", "note_separation"]

_STRANGER = "You do not hold this key in your trust; that it lies beside the evidence proves nothing."


def check_public_keys(scope: Scope, there: tuple[tuple[str, bool], ...]) -> None:
    """Check that each key file is one key under its own name, and where trust holds one of that name, that one."""
    for path, is_empty in there:
        pure = PurePosixPath(path)
        if pure.parent != layout.public_keys() or is_empty or pure.suffix not in {".vkey", ".pem"}:
            continue
        held = scope.findings.attempt(Check.PUBLIC_KEYS, path, partial(_held, scope, pure))
        if held is not None:
            detail = "a key that you trust" if held else _STRANGER
            scope.findings.note(Check.PUBLIC_KEYS, path, Verdict.PASS if held else Verdict.ABSENT, detail)


def _held(scope: Scope, path: PurePosixPath) -> bool:
    octets = content(scope, path)
    return _vkey(octets, path, scope.trust) if path.suffix == ".vkey" else _pem(octets, path, scope.trust)


def _vkey(octets: bytes, path: PurePosixPath, trust: Trust) -> bool:
    """Say whether trust holds the key; FormatError or IntegrityError where the file is not what its name says."""
    key = VerifierKey.parse(_text(octets, path).removesuffix("\n"), path)
    if f"{key}\n".encode() != octets or path.name != f"{key.name}.vkey":
        raise FormatError(path, expected=f"{key.name}.vkey with that one key", found="another name or spelling")
    trusted = [each for each in trust.logs if each.name == key.name]
    if trusted and key not in trusted:
        raise IntegrityError(path, expected=f"the key that you trust, {trusted[0]}", found=str(key))
    return bool(trusted)


def _pem(octets: bytes, path: PurePosixPath, trust: Trust) -> bool:
    key = PublicKey.parse_pem(_text(octets, path), path)
    if key.pem.encode() != octets or path.name != f"{key.keyid}.pem":
        raise FormatError(path, expected=f"{key.keyid}.pem with that one key", found="another name or spelling")
    return key in trust.keys


def _text(octets: bytes, path: PurePosixPath) -> str:
    try:
        return octets.decode("ascii")
    except UnicodeDecodeError:
        raise FormatError(path, expected="a public key in ASCII", found="other octets") from None


def note_separation(scope: Scope, logs: Logs) -> None:
    """Note where the key of a log here and that of an operator who sealed here lie on one machine, or are one."""
    for log in scope.trust.logs:
        for operator in scope.trust.operators:
            if log.name not in logs.sizes or operator.name not in scope.findings.signers:
                continue
            subject = f"{log.name}, {operator.name}"
            if operator.key == log.public:
                detail = "The log and the operator have one key: two roles that should check each other are one."
                scope.findings.note(Check.KEY_SEPARATION, subject, Verdict.ABSENT, detail)
            elif {operator.key.keyid, log.public.keyid} <= scope.outside.host_keys:
                detail = "The private keys of the operator and of the log both lie on this machine: whoever has it has "
                detail += "both, and could seal and log in one hand."
                scope.findings.note(Check.KEY_SEPARATION, subject, Verdict.ABSENT, detail)
