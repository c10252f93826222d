"""Events about keys: sealed as they must be, reported, and never a reason to trust a key.

Trust stays the verifier's. What a trusted key says of another one is worth telling her, so that she asks its owner.
"""

from functools import partial

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, SignatureInvalid, TrustError
from muniment.manifest import Change, KeyChange
from muniment.model import Check, EventType, Verdict
from muniment.seal import dsse
from muniment.seal.signing import PublicKey
from muniment.verify.checks import Happened, Scope
from muniment.verify.files import content

__all__ = ["check_key_changes"]


def check_key_changes(scope: Scope) -> None:
    """Check every key event that was found, and say what it means for the verifier's trust."""
    for happened in scope.findings.events:
        if happened.event.type is EventType.KEY_EVENT:
            found = scope.findings.attempt(Check.KEY_EVENT, happened.path, partial(_opened, scope, happened))
            if found is not None:
                _report(scope, happened, *found)


def _opened(scope: Scope, happened: Happened) -> tuple[KeyChange, PublicKey, PublicKey | None]:
    said = manifest.decode_key_change(happened.event.detail, happened.path)
    key = _key(said.key, happened.path)
    successor = _key(said.successor, happened.path) if said.successor else None
    if successor is not None:
        _refuse_one_sided(scope, happened, key, successor)
    return said, key, successor


def _key(text: str, where: str) -> PublicKey:
    key = PublicKey.parse_pem(text, where)
    if key.pem != text:
        raise FormatError(where, expected="a public key in canonical PEM", found="another spelling of it")
    return key


def _refuse_one_sided(scope: Scope, happened: Happened, key: PublicKey, successor: PublicKey) -> None:
    # The old key's owner hands over, the new key's owner takes: either alone could be somebody else.
    sealed = content(scope, happened.path)
    if key == successor or Digest.of_bytes(sealed) != happened.digest:
        raise IntegrityError(happened.path, expected="two keys, and the same file as before", found="something else")
    try:
        signers = dsse.open(sealed, [key, successor], manifest.PAYLOAD_TYPE, happened.path).signers
    except TrustError:
        signers = ()
    for each, whose in ((key, "old"), (successor, "new")):
        if each not in signers:
            expected = f"a signature by the {whose} key {each.keyid[:16]}…, because both seal a rotation"
            raise SignatureInvalid(happened.path, expected=expected, found="none by it")


def _report(scope: Scope, happened: Happened, said: KeyChange, key: PublicKey, successor: PublicKey | None) -> None:
    by = happened.by
    if by is None:
        detail = f"Somebody whom you do not trust says that a key changed ({said.change} of {key.keyid[:16]}…)."
        scope.findings.note(Check.KEY_EVENT, happened.path, Verdict.ABSENT, detail)
    elif said.change is Change.REVOCATION:
        _report_revocation(scope, happened, said, key)
    elif successor in scope.trust.keys:
        detail = f"{by.name!r} went over from the key {key.keyid[:16]}… to {_short(successor)}, which you trust"
        scope.findings.note(Check.KEY_EVENT, happened.path, Verdict.PASS, detail)
    else:
        detail = (
            f"The trusted key of {by.name!r} named the key {_short(successor)} as its successor at "
            f"{manifest.timestamp(happened.event.at)}. You do not trust that key: ask {by.name!r}, and add it to your "
            "trust.toml when you are told that it is theirs."
        )
        scope.findings.note(Check.KEY_EVENT, happened.path, Verdict.ABSENT, detail)


def _short(key: PublicKey | None) -> str:
    return f"{key.keyid[:16]}…" if key else "?"


def _report_revocation(scope: Scope, happened: Happened, said: KeyChange, key: PublicKey) -> None:
    held = next((each for each in scope.trust.operators if each.key == key), None)
    since = manifest.timestamp(said.since) if said.since else ""
    if held is None or said.since is None:
        detail = f"the key {key.keyid[:16]}… is revoked since {since}; you do not trust it"
        scope.findings.note(Check.KEY_EVENT, happened.path, Verdict.PASS, detail)
    elif held.revoked is not None and held.revoked <= said.since:
        detail = f"the key {key.keyid[:16]}… is revoked since {since}, as your trust says"
        scope.findings.note(Check.KEY_EVENT, happened.path, Verdict.PASS, detail)
    else:
        detail = (
            f"{happened.by.name if happened.by else ''!r} says that others may have held the key {key.keyid[:16]}… of "
            f"{held.name!r} since {since}, but your trust.toml believes it without that. Ask, and write there: "
            f"revoked = {since}"
        )
        scope.findings.note(Check.KEY_EVENT, happened.path, Verdict.UNVERIFIABLE, detail)
