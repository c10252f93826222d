"""Who vouches for a chain that a browser refused, in the words by which OpenSSL's refusals are called."""

import datetime as dt
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from muniment.errors import FormatError, JobError
from muniment.fetch.decoding.vouching import Roots, key_digest

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
AUTHORITY = trustme.CA()


def chain(authority: trustme.CA = AUTHORITY, name: str = "site.example", **options: object) -> tuple[bytes, ...]:
    issued = authority.issue_cert(name, **options)  # type: ignore[arg-type]
    pems = [each.bytes() for each in issued.cert_chain_pems]
    return tuple(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER) for pem in pems)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    path = tmp_path / "ca.pem"
    path.write_bytes(AUTHORITY.cert_pem.bytes())
    return Roots((str(path),))


def test_a_chain_to_a_root_is_ok_for_its_names_alone(roots: Roots) -> None:
    assert roots.judge(chain(), "site.example", NOW) == ("ok", "")
    assert roots.judge(chain(AUTHORITY.create_child_ca()), "site.example", NOW)[0] == "ok"
    assert roots.judge(chain(name="*.site.example"), "www.site.example", NOW)[0] == "ok"
    assert roots.judge(chain(name="127.0.0.1"), "127.0.0.1", NOW)[0] == "ok"
    assert roots.judge(chain(), "other.example", NOW)[0] == "wrong-host"


def test_time_and_authority_are_told_apart(roots: Roots) -> None:
    past = chain(not_after=NOW - dt.timedelta(days=3), not_before=NOW - dt.timedelta(days=9))
    assert roots.judge(past, "site.example", NOW)[0] == "expired"
    assert roots.judge(past, "site.example", NOW - dt.timedelta(days=20))[0] == "not-yet-valid"
    assert roots.judge(chain(trustme.CA()), "site.example", NOW)[0] == "unknown-authority"
    # A stranger's certificate does not become ours by being old, nor by another name.
    stranger = chain(trustme.CA(), not_after=NOW - dt.timedelta(days=3))
    assert roots.judge(stranger, "other.example", NOW)[0] == "unknown-authority"
    own = x509.load_pem_x509_certificate(trustme.CA().cert_pem.bytes()).public_bytes(Encoding.DER)
    assert roots.judge((own,), "site.example", NOW)[0] in {"self-signed", "other"}


def test_what_is_no_certificate_is_other_and_has_no_key(roots: Roots) -> None:
    assert roots.judge((b"\x30\x00",), "site.example", NOW)[0] == "other"
    assert roots.judge((), "site.example", NOW)[0] == "other"
    with pytest.raises(FormatError):
        key_digest(b"nothing")
    with pytest.raises(JobError, match="cannot be used"):
        Roots(("nowhere.pem",)).judge(chain(), "site.example", NOW)
