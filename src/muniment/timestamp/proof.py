"""What a token proves: that an authority whom the verifier believes asserted a time for given octets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

import rfc3161_client
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muniment.errors import ChainLapsed, IntegrityError, SignatureInvalid, TrustError, WrongImprint, WrongNonce
from muniment.timestamp.token import ALGORITHMS, Token, in_silence, read

__all__ = ["Proved", "common_name", "over", "pem", "verified"]


@dataclass(frozen=True, slots=True)
class Proved:
    """What a good token proves: its octets existed at ``at``, give or take ``accuracy``, by the clock of ``authority``.

    ``chain`` leads from the certificate that signed to the root that was believed. After ``lapses`` one of them is
    not valid any more: what was stamped then needs a newer token over this one (RFC 4998) to go on counting for those
    who do not take the word of an authority whose key may have been lost meanwhile.
    """

    token: Token
    at: datetime
    accuracy: timedelta
    authority: str
    chain: tuple[x509.Certificate, ...]

    @property
    def latest(self) -> datetime:
        """The end of the interval that ``accuracy`` leaves: the octets existed by then."""
        return self.at + self.accuracy

    @property
    def lapses(self) -> datetime:
        """When the first certificate of the chain ends."""
        return min(each.not_valid_after_utc for each in self.chain)


def verified(
    token: Token,
    message: bytes,
    roots: Sequence[x509.Certificate],
    *,
    nonce: int | None = None,
    beside: Iterable[x509.Certificate] = (),
) -> Proved:
    """Return what *token* proves of *message* to somebody who believes *roots*, whose chains are judged at its genTime.

    *nonce* is that of the request where it is known. *beside* are certificates that may complete the chain, and are
    not believed. Of *roots* only those count that are issued by themselves; others may complete the chain.
    Raises WrongImprint, WrongNonce, ChainLapsed, SignatureInvalid (the signature, or the certificate that the token
    names), IntegrityError (a certificate that may not sign time), TrustError where no root here leads to the signer.

    Does not say that the authority's clock was right, nor that its key was in its hands alone: no revocation is asked.
    """
    where = token.where
    hashed = over(token, message)
    if nonce is not None and token.nonce != nonce:
        raise WrongNonce(where, expected=f"the nonce {nonce} of the request", found=str(token.nonce))
    pool = {*token.certificates, *beside, *roots}
    with in_silence():
        leaf = _signer(token, pool)
        _refuse_other_uses(leaf, where)
        chain = _chain(leaf, pool, [each for each in roots if each.issuer == each.subject], token)
        _refuse_forged(token, chain, hashed)
    return Proved(token, token.at, token.accuracy, common_name(leaf.subject), chain)


def over(token: Token, message: bytes) -> bytes:
    """Return the digest of *message* that *token* is over; WrongImprint where it is over something else."""
    hashed = _hashed(message, token.algorithm)
    if not compare_digest(hashed, token.imprint):
        expected = f"a token over {token.algorithm}:{hashed.hex()}"
        raise WrongImprint(token.where, expected=expected, found=token.imprint.hex())
    return hashed


def common_name(name: x509.Name) -> str:
    """Return the common name in *name*, or all of it where there is none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def pem(chain: Iterable[x509.Certificate]) -> bytes:
    """Return the certificates of *chain* in PEM, in their order."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


def _hashed(message: bytes, algorithm: str) -> bytes:
    digester = hashes.Hash(ALGORITHMS[algorithm]())
    digester.update(message)
    return digester.finalize()


def _signer(token: Token, pool: Iterable[x509.Certificate]) -> x509.Certificate:
    """Return the certificate that signed: named by issuer and serial number, and by digest in what is signed."""
    named = [each for each in pool if (each.issuer, each.serial_number) == token.signer]
    if not named:
        raise TrustError(f"{token.where}: the certificate that signed is neither in the token nor kept beside it")
    said = token.signed_with
    for each in named:
        if compare_digest(each.fingerprint(said.algorithm), said.digest):
            return each
    raise SignatureInvalid(
        token.where,
        expected=f"the certificate with the {said.algorithm.name} digest {said.digest.hex()} that the token names",
        found=named[0].fingerprint(said.algorithm).hex(),
    )


def _refuse_other_uses(leaf: x509.Certificate, where: str) -> None:
    # RFC 3161 2.3: the key signs time and nothing else; the extension is critical and holds that one purpose.
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise IntegrityError(where, expected="a certificate for time-stamping alone", found="one for any use") from None
    purposes = [each.dotted_string for each in usage.value]
    if purposes != [ExtendedKeyUsageOID.TIME_STAMPING.dotted_string] or not usage.critical:
        found = ", ".join(purposes) + ("" if usage.critical else ", not critical")
        raise IntegrityError(where, expected="a certificate for time-stamping alone, and critically so", found=found)


def _chain(
    leaf: x509.Certificate, pool: set[x509.Certificate], roots: Sequence[x509.Certificate], token: Token
) -> tuple[x509.Certificate, ...]:
    """Return the certificates from *leaf* to one of *roots*, all valid at the time of *token*, each signed by the next.

    Whatever else they say is judged later, by OpenSSL.
    """
    valid = {each for each in (*pool, *roots) if _is_valid(each, token.at)}
    if leaf in valid and (found := _path(leaf, pool & valid, [each for each in roots if each in valid])):
        return found
    if found := _path(leaf, pool, roots):
        ended = next(each for each in found if each not in valid)
        raise ChainLapsed(
            token.where,
            expected=f"a time while {common_name(ended.subject)!r} was valid, "
            f"{_spoken(ended.not_valid_before_utc)} to {_spoken(ended.not_valid_after_utc)}",
            found=_spoken(token.at),
        )
    raise TrustError(
        f"{token.where}: signed by {common_name(leaf.subject)!r}, issued by {common_name(leaf.issuer)!r}, whom none "
        "of the roots under [[tsa]] vouches for"
    )


def _path(
    leaf: x509.Certificate, pool: Iterable[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the shortest way from *leaf* over *pool* to one of *roots*, nothing where there is none.

    Each certificate is looked at once: many that issue one another are no labyrinth.
    """
    waiting: list[tuple[x509.Certificate, ...]] = [(leaf,)]
    left = set(pool) - {leaf}
    while waiting:
        path = waiting.pop(0)
        for root in roots:
            if path[-1] == root or _issued(path[-1], root):
                return path if path[-1] == root else (*path, root)
        further = {each for each in left if _issued(path[-1], each)}
        left -= further
        waiting += [(*path, each) for each in further]
    return ()


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _refuse_forged(token: Token, chain: Sequence[x509.Certificate], hashed: bytes) -> None:
    """Have rfc3161-client, and so OpenSSL, verify the signature and the chain at genTime, to the root of *chain*."""
    whole = read(token.octets, token.where, chain)
    verifier = rfc3161_client.VerifierBuilder(roots=[chain[-1]]).build()
    try:
        verifier.verify(whole.response, hashed)
    except (rfc3161_client.VerificationError, ValueError) as wrong:
        raise SignatureInvalid(
            token.where, expected="a signature by the certificate that it names", found=str(wrong)[:300]
        ) from None


def _spoken(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
