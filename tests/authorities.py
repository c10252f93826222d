"""Time-stamping authorities on loopback: real ones, made of `openssl ts -reply`, and hostile ones."""

import http.server
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muniment import settings

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Answer = Callable[[bytes], bytes]

_CONFIGURATION = """\
[tsa]
default_tsa = t
[t]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/inside.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


def new_key(kind: str) -> Key:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and what may be made under it."""

    certificate: x509.Certificate
    key: Key

    def issue(
        self,
        name: str,
        key: Key,
        *,
        authority: bool = False,
        days: tuple[float, float] = (-1, 3650),
        purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        critical: bool = True,
    ) -> "Issued":
        """Return a certificate of *name* that this one signs, valid *days* from now."""
        made = _builder(name, self.certificate.subject, key, days)
        made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority and purposes:
            made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
        return Issued(made.sign(self.key, hashes.SHA256()), key)


def new_root(name: str, kind: str, days: tuple[float, float] = (-2, 9000)) -> Issued:
    key = new_key(kind)
    made = _builder(name, named(name), key, days)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Issued(made.sign(key, hashes.SHA256()), key)


def _builder(name: str, issuer: x509.Name, key: Key, days: tuple[float, float]) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, named(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


@dataclass(frozen=True)
class Tsa:
    """An authority in *folder*: ``openssl ts -reply`` answers there; its root lies in root.pem."""

    name: str
    folder: Path
    root: Issued
    leaf: Issued
    issuer: Issued

    @property
    def between(self) -> tuple[x509.Certificate, ...]:
        """The certificates between the leaf and the root."""
        return () if self.issuer is self.root else (self.issuer.certificate,)

    @property
    def root_file(self) -> Path:
        return self.folder / "root.pem"

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return (self.root.certificate,)

    def reply(self, query: bytes, *changed: str) -> bytes:
        """Return the answer of `openssl ts -reply` to *query*; *changed* are further arguments for it."""
        asked, answered = self.folder / f"{threading.get_ident()}.tsq", self.folder / f"{threading.get_ident()}.tsr"
        asked.write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self.folder / "tsa.cnf"), "-queryfile", str(asked)]
        done = subprocess.run([*command, "-out", str(answered), *changed], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return answered.read_bytes()


def new_tsa(
    folder: Path,
    name: str = "Alpha",
    kind: str = "rsa",
    *,
    intermediate: bool = False,
    days: tuple[float, float] = (-1, 3650),
    ess: str = "sha256",
    inside: bool = True,
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    root: Issued | None = None,
) -> Tsa:
    """Return a new authority; *inside* says whether its chain is put into its tokens."""
    folder.mkdir(parents=True)
    top = root or new_root(f"{name} Root", kind)
    issuer = top.issue(f"{name} Intermediate", new_key(kind), authority=True, days=(-2, 9000)) if intermediate else top
    leaf = issuer.issue(f"{name} Time", new_key(kind), days=days, purposes=purposes)
    within = [issuer.certificate, top.certificate] if intermediate else [top.certificate]
    _write(folder, leaf, within if inside else [], top, ess)
    return Tsa(name, folder, top, leaf, issuer)


def _write(folder: Path, leaf: Issued, within: list[x509.Certificate], top: Issued, ess: str) -> None:
    (folder / "root.pem").write_bytes(top.certificate.public_bytes(Encoding.PEM))
    (folder / "tsa.pem").write_bytes(leaf.certificate.public_bytes(Encoding.PEM))
    (folder / "tsa.key").write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "inside.pem").write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in within))
    (folder / "serial").write_text("01\n")
    written = _CONFIGURATION.format(folder=folder, ess=ess)
    if not within:
        written = "\n".join(line for line in written.splitlines() if not line.startswith("certs"))
    (folder / "tsa.cnf").write_text(written)


@dataclass(frozen=True)
class Served:
    """An authority that answers over HTTP on loopback."""

    url: str
    asked: list[bytes]

    @property
    def allow(self) -> tuple[str, ...]:
        return ("127.0.0.0/8",)


@contextmanager
def serving(answer: Answer, *, kind: str = "application/timestamp-reply", status: int = 200) -> Iterator[Served]:
    """Serve *answer* by POST on loopback until the block ends."""
    asked: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(query)
            body = answer(query)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}/tsr", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configured(root: Path, *tables: tuple[str, str, Path]) -> None:
    """Write authorities (name, url, root's file) into the muniment.toml of the archive at *root*."""
    path = root / "muniment.toml"
    before = path.read_text().partition("\n[[tsa]]")[0]
    written = "".join(
        f"\n[[tsa]]\nname = {settings.text(name)}\nurl = {settings.text(url)}\nroot = {settings.text(str(file))}\n"
        for name, url, file in tables
    )
    path.write_text(before + written)


def silent(seconds: threading.Event) -> Answer:
    """Return an answer that does not come before *seconds* is set."""

    def wait(_: bytes) -> bytes:
        seconds.wait(60)
        return b""

    return wait


def waited(call: Callable[[], object]) -> float:
    """Return how many seconds *call* took."""
    begun = time.monotonic()
    call()
    return time.monotonic() - begun
