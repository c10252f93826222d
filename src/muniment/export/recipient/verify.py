"""Verify this packet without muniment: Python's standard library, and openssl for signatures and time-stamps.

    python3 verify.py trust.toml

trust.toml holds the lines that the archive's staff gave you APART from this packet: whose keys you believe. A key that
lies in the packet is never believed. Exit status: 0 everything was checked and passed, 1 something failed, 4 nothing
failed, but something could not be decided (no trust file, an unknown key), 2 this program could not run.

Needs Python 3.11 and openssl 3. Reads the folder in which it lies, sends nothing, changes nothing.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

TYPE = "application/vnd.in-toto+json"
CAPTURE = "urn:uuid:79ae0b38-fb49-411f-a948-4cfcd8e9dc04"
EVENT = "urn:uuid:d4eb5442-160b-47fe-bc80-a1558dc46bb9"
ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before the 32 octets of a key
OURS = {"VERIFY.md", "verify.sh", "verify.py"}
SMALL = 16 << 20
READABLE = 64 << 20
Made = TypeVar("Made")


class Failed(Exception):
    """Something here is not what was sealed."""


class Undecided(Exception):
    """Nothing is wrong, but nothing that the verifier brought decides it."""


class Report:
    """What was found, printed as it is found."""

    def __init__(self) -> None:
        self.failed = self.undecided = 0

    def attempt(self, what: str, check: Callable[[], tuple[str, Made]]) -> Made | None:
        """Make one check, say what it found, and return what it gives; None where it did not pass."""
        try:
            said, made = check()
        except Failed as why:
            self.failed += 1
            print(f"FAIL        {what}: {shown(why)}")
        except (AttributeError, IndexError, KeyError, OSError, TypeError, ValueError) as malformed:
            self.failed += 1
            print(f"FAIL        {what}: malformed ({type(malformed).__name__}: {shown(malformed)})")
        except Undecided as why:
            self.undecided += 1
            print(f"UNDECIDED   {what}: {shown(why)}")
        else:
            print(f"ok          {what}: {shown(said)}")
            return made
        return None


def shown(text: object) -> str:
    """Return *text* so that nothing in it moves, colours or forges a line of a terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in str(text)[:300])


def read(path: Path) -> bytes:
    """Return a small file."""
    if path.is_symlink() or not path.is_file():
        raise Failed(f"{path.name} is missing, or no plain file")
    if path.stat().st_size > SMALL:
        raise Failed(f"{path.name} is larger than such a file can be")
    return path.read_bytes()


def sha256(path: Path, size: int, most: int = 0) -> str:
    """Return the SHA-256 of a file, which has *size* octets, or at most *most* where that is given."""
    if path.is_symlink() or not path.is_file():
        raise Failed(f"{path.name} is missing, or no plain file")
    there = path.stat().st_size
    if there > most if most else there != size:
        raise Failed(f"{path.name} has {there} octets, {f'at most {most}' if most else size} were expected")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical(octets: bytes, name: str) -> Any:
    """Return the JSON value that *octets* write in the one spelling that is allowed."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise Failed(f"{name} has a key twice")
        return dict(pairs)

    def refuse(_: str) -> None:
        raise Failed(f"{name} holds a number that is no integer")

    try:
        value = json.loads(octets.decode(), object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError) as wrong:
        raise Failed(f"{name} is no JSON: {wrong}") from None
    if again != octets:
        raise Failed(f"{name} is not written in the one form that is allowed")
    return value


def unbase64(text: str, name: str) -> bytes:
    """Return what *text* writes in base64, in its one spelling."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Failed(f"{name} is no base64") from None
    if base64.b64encode(octets).decode() != text:
        raise Failed(f"{name} is base64 in another spelling")
    return octets


# The Merkle tree: RFC 6962 section 2.1, RFC 9162 section 2.1.3.2


def leaf_hash(octets: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + octets).digest()


def path_leads(path: list[bytes], index: int, size: int, leaf: bytes, root: bytes) -> bool:
    """Say whether *path* leads from *leaf*, number *index* of *size*, to *root*."""
    if not 0 <= index < size:
        return False
    fn, sn, found = index, size - 1, leaf
    for each in path:
        if sn == 0 or len(each) != 32:
            return False
        if fn & 1 or fn == sn:
            found = hashlib.sha256(b"\1" + each + found).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = hashlib.sha256(b"\1" + found + each).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == root


# Signatures, by openssl


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run openssl and return how it ended."""
    try:
        return subprocess.run(["openssl", *arguments], capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        sys.exit("verify.py needs openssl 3; install it and run this again")


@contextlib.contextmanager
def files(**contents: bytes) -> Iterator[dict[str, Path]]:
    """Give *contents* as files of a private folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in contents}
        for name, content in contents.items():
            paths[name].write_bytes(content)
        yield paths


def spki(text: str) -> bytes:
    """Return a public key in DER from a vkey (name+id+base64) or from PEM."""
    if "-----BEGIN" not in text:
        octets = base64.b64decode(text.split("+", 2)[2])
        return ED25519 + octets[1:]
    with files(pem=text.encode()) as paths:
        return openssl("pkey", "-pubin", "-in", paths["pem"], "-outform", "DER").stdout


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the key (SPKI in DER) made *signature* over *message*; the key alone says by which algorithm."""
    with files(key=key, message=message, signature=signature) as paths:
        where = ("-pubin", "-keyform", "DER", "-inkey", paths["key"], "-sigfile", paths["signature"])
        if key.startswith(ED25519):
            return openssl("pkeyutl", "-verify", "-rawin", "-in", paths["message"], *where).returncode == 0
        wide = bytes.fromhex("06052b81040022") in key[:40]  # the curve P-384
        options = ["-digest", "sha384" if wide else "sha256"]
        if bytes.fromhex("06092a864886f70d010101") in key[:40]:  # RSA
            options += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:auto"]
        return openssl("pkeyutl", "-verify", "-rawin", "-in", paths["message"], *where, *options).returncode == 0


# What is checked, in this order


def check_envelope(path: Path, kind: str, name: str, trust: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Check the seal *path* (DSSE v1) on what is of the type *kind* and about *name*; return what was sealed."""
    envelope = canonical(read(path), "the seal")
    if sorted(envelope) != ["payload", "payloadType", "signatures"] or envelope["payloadType"] != TYPE:
        raise Failed("this is not the envelope of a statement")
    payload = unbase64(envelope["payload"], "the payload")
    statement = canonical(payload, "the statement")
    message = b"DSSEv1 %d %b %d %b" % (len(TYPE), TYPE.encode(), len(payload), payload)
    if not envelope["signatures"]:
        raise Failed("there is no signature: it was never signed, or stripped")
    predicate = statement["predicate"]
    if statement["predicateType"] != kind or predicate["capture" if kind == CAPTURE else "event"] != name:
        raise Failed("what was sealed is about something else than its place says")
    at = moment(predicate["closed" if kind == CAPTURE else "at"])
    believed, refusals = [], []
    for operator in trust.get("operator", []):
        key = spki(operator["key"])
        for each in envelope["signatures"]:
            good = signed(key, message, unbase64(each["sig"], "a signature"))
            if good != (each["keyid"] == hashlib.sha256(key).hexdigest()):
                raise Failed(f"the signature under the key {each['keyid'][:16]} is not its own, or was changed")
            if good:
                refusals += [f"trust.toml ends the belief in that key: {why}" for why in outside_term(operator, at)]
                believed += [operator["name"]]
    if refusals:
        raise Undecided("; ".join(refusals))
    if not believed:
        names = ", ".join(each["keyid"] for each in envelope["signatures"])
        raise Undecided(f"sealed by a key that your trust.toml does not name: {names}")
    return f"sealed by {believed[0]!r}, and (by its own clock) of {at:%Y-%m-%d %H:%M:%S} UTC", statement


def outside_term(operator: dict[str, Any], at: datetime) -> Iterator[str]:
    """Yield why *operator* was not to be believed at the time *at*, which the statement claims."""
    if "from" in operator and at < operator["from"]:
        yield f"from {operator['from']}"
    if "until" in operator and at >= operator["until"]:
        yield f"until {operator['until']}"
    if "revoked" in operator:  # whoever stole it can claim any time, so only a time-stamp tells what is older
        yield f"revoked since {operator['revoked']}: `muniment verify` decides by the time-stamps what it sealed before"


def moment(text: str) -> datetime:
    """Return the time that *text* writes."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (TypeError, ValueError):
        raise Failed(f"{text!r} is no time") from None


def unverified_statement(path: Path) -> dict[str, Any]:
    """Return what *path* seals, whatever its seal, so that what hangs on it can still be checked."""
    envelope = canonical(read(path), "the seal")
    statement = canonical(unbase64(envelope["payload"], "the payload"), "the statement")
    if not isinstance(statement, dict) or not isinstance(statement.get("predicate"), dict):
        raise Failed("the statement has no predicate")
    return statement


def check_log(proof: Path, sealed: Path, kind: str, trust: dict[str, Any]) -> tuple[str, bytes]:
    """Check that the log committed to the file *sealed* as *kind* (C2SP tlog-proof); return the checkpoint."""
    head, _, note = read(proof).partition(b"\n\n")
    lines = [each for each in head.decode("ascii", "replace").split("\n") if not each.startswith("extra ")]
    if len(lines) < 2 or lines[0] != "c2sp.org/tlog-proof@v1" or not re.fullmatch(r"index (0|[1-9]\d*)", lines[1]):
        raise Failed(f"{proof.name} is no tlog-proof")
    index, path = int(lines[1][6:]), [unbase64(each, "a hash of the proof") for each in lines[2:]]
    text, _, signatures = note.decode("utf-8", "replace").partition("\n\n")
    origin, size, root = (*text.split("\n"), "", "")[:3]
    if len(text.split("\n")) != 3 or not re.fullmatch(r"[1-9]\d*", size):
        raise Failed("the checkpoint does not have the three lines of a checkpoint")
    name, digest = proof.name.removesuffix(".tlog-proof"), hashlib.sha256(read(sealed)).hexdigest()
    about = proof.parent.name if kind == "capture" else name
    leaf = f'{{"id":"{about}","sha256":"{digest}","type":"{kind}","v":1}}'.encode()
    if not path_leads(path, index, int(size), leaf_hash(leaf), unbase64(root, "the root of the checkpoint")):
        raise Failed(f"the log's root over {size} entries does not commit to this as number {index}")
    keys = [log for log in trust.get("log", []) if log["origin"] == origin]
    for log in keys:
        key = spki(log["vkey"])
        key_id = hashlib.sha256(origin.encode() + b"\n\1" + key[-32:]).digest()[:4]
        for line in signatures.split("\n"):
            dash, signer, encoded = (*line.split(" "), "", "", "")[:3]
            octets = unbase64(encoded, "a signature of the checkpoint") if dash == "\N{EM DASH}" else b""
            if signer == origin and octets[:4] == key_id:
                if not signed(key, (text + "\n").encode(), octets[4:]):
                    raise Failed("the signature on the checkpoint is not the log's")
                return f"number {index} of {size} in the log {origin}, whose key signed the root", note
    if keys:
        raise Failed("the log's key, which you know, did not sign this checkpoint")
    raise Undecided(f"the checkpoint is of the log {origin!r}, which your trust.toml does not name")


def check_same(one: Path, proof: Path) -> tuple[str, None]:
    """Check that the proof carries the very checkpoint that lies beside it, which others signed."""
    if read(proof).partition(b"\n\n")[2] != read(one):
        raise Failed(f"{proof.name} is about another checkpoint than the file {one.name}")
    return f"{proof.name} is about the file {one.name}", None


def check_event(report: Report, path: Path, folder: Path, trust: dict[str, Any]) -> set[Path]:
    """Check one event of custody: its seal, its place in the log, and that it is about this very statement."""
    name = path.name.removesuffix(".dsse.json")
    proof = path.with_name(f"{name}.tlog-proof")
    said = report.attempt(f"{name}, seal", partial(check_envelope, path, EVENT, name, trust))
    with contextlib.suppress(Failed, KeyError, TypeError):
        said = said or unverified_statement(path)
    kind = {"key event": "key", "renewal": "renewal"}.get((said or {"predicate": {}})["predicate"].get("type"), "event")
    report.attempt(f"{name}, log", partial(check_log, proof, path, kind, trust))
    report.attempt(name, partial(check_about, said or {}, folder))
    return {path, proof}


def check_about(event: dict[str, Any], folder: Path) -> tuple[str, None]:
    """Check that the *event* is about the statement in *folder*, and say what happened."""
    digest = hashlib.sha256(read(folder / "statement.dsse.json")).hexdigest()
    if not any(each["digest"].get("sha256") == digest for each in event["subject"]):
        raise Failed("this event is about something else")
    told = event["predicate"]
    agents = ", ".join(f"{each['name']} ({each['role']})" for each in told["agents"])
    return f"{told['at']} {told['type']}: {agents}", None


def check_record(line: Path, statement: dict[str, Any]) -> tuple[str, set[Path]]:
    """Check one record: its line is in the manifest that was sealed, and its octets are those that the line names."""
    octets = read(line)
    said = canonical(octets, line.name)
    predicate = statement["predicate"]
    size = predicate["records"] + predicate["attempts"] + 1
    hashes = read(line.with_suffix(".path")).decode("ascii", "replace").split("\n")
    if hashes.pop() or not all(re.fullmatch(r"[0-9a-f]{64}", each) for each in hashes):
        raise Failed(f"{line.stem}.path is not lines of hashes")
    root = bytes.fromhex(predicate["root"].removeprefix("sha256:"))
    if said.get("n") != int(line.stem) or not path_leads(
        [bytes.fromhex(each) for each in hashes], int(line.stem), size, leaf_hash(octets), root
    ):
        raise Failed("this line is not in the manifest that was sealed")
    found = {line, line.with_suffix(".path")}
    whole = line.with_suffix(".warc.gz")
    if whole.exists():
        found.add(whole)
        if f"sha256:{sha256(whole, said['length'])}" != said.get("member"):
            raise Failed(f"{whole.name} is not the record that was sealed")
    for kind in ("payload", "content"):
        for each in sorted(line.parent.glob(f"{line.stem}.{kind}*")):
            found.add(each)
            most = READABLE if kind == "content" else 0  # how long it is decoded, no line says
            if f"sha256:{sha256(each, said['size'], most)}" != said.get(kind):
                raise Failed(f"{each.name} is not what was sealed")
    if len(found) == 2:
        raise Failed("neither the record nor its payload is here")
    what = "the whole record" if whole in found else "the payload alone, its headers withheld"
    return f"{what}: {said.get('url', '')} ({said['date']})", found


def check_stamp(token: Path, stamped: Path, trust: dict[str, Any], base: Path) -> tuple[str, datetime]:
    """Check one time-stamp (RFC 3161) over the file *stamped*, at its own time, with openssl."""
    read(token), read(stamped)
    text = openssl("ts", "-reply", "-in", token, "-text").stdout.decode("utf-8", "replace")
    found = re.search(r"^Time stamp: (.+)$", text, re.MULTILINE)
    at = None
    for form in ("%b %d %H:%M:%S.%f %Y GMT", "%b %d %H:%M:%S %Y GMT"):
        with contextlib.suppress(ValueError):
            at = datetime.strptime(found[1], form).replace(tzinfo=UTC) if found else None
    if at is None:
        raise Failed("this is no time-stamp")
    chain = token.with_suffix(".pem")
    known = {"roots": "".join(certificate(each["root"], base) for each in trust.get("tsa", [])).encode()}
    if not known["roots"]:
        raise Undecided(f"it says {at:%Y-%m-%d %H:%M:%S} UTC, by an authority that your trust.toml does not name")
    with files(**known) as paths:
        untrusted = ("-untrusted", chain) if chain.is_file() else ()
        done = openssl(
            "ts", "-verify", "-in", token, "-data", stamped, "-CAfile", paths["roots"], *untrusted,
            "-attime", str(int(at.timestamp())),
        )  # fmt: skip
    if done.returncode == 0:
        return f"{stamped.name} existed by {at:%Y-%m-%d %H:%M:%S} UTC", at
    why = done.stderr.decode("utf-8", "replace")
    if re.search(r"unable to get|self.signed certificate|certificate not trusted", why):
        raise Undecided("it is by an authority that your trust.toml does not name")
    raise Failed(f"the time-stamp does not stand: {why.strip().splitlines()[-1] if why.strip() else 'openssl says so'}")


def check_opening(folder: Path, statement: dict[str, Any]) -> tuple[str, None]:
    """Check the checkpoint that the statement quotes of its opening: the seal was made after it."""
    quoted = f"sha256:{hashlib.sha256(read(folder / 'opening.checkpoint')).hexdigest()}"
    if statement["predicate"]["opening"]["checkpoint"] != quoted:
        raise Failed("opening.checkpoint is not the one that the statement quotes")
    return "sealed after opening.checkpoint, which the statement quotes", None


def check_stamps(report: Report, folder: Path, over: str, trust: dict[str, Any], base: Path) -> list[datetime]:
    """Check all time-stamps over the file *over* and return the times that they prove."""
    times = []
    for token in sorted(folder.glob(over.replace("checkpoint", "stamps/*.tsr"))):
        what = f"{folder.name}, time-stamp {token.stem.rpartition('-')[0]}"
        times.append(report.attempt(what, partial(check_stamp, token, folder / over, trust, base)))
    return [each for each in times if each]


def check_times(
    statement: dict[str, Any], after: list[datetime], by: list[datetime], trust: dict[str, Any]
) -> tuple[str, None]:
    """Hold the time that the statement claims against those that authorities signed, give or take five minutes."""
    closed, near = moment(statement["predicate"]["closed"]), timedelta(minutes=5)
    if closed > min(by) + near or (after and closed < max(after) - near):
        raise Failed(
            f"it claims to have been closed at {closed:%Y-%m-%d %H:%M:%S} UTC, which the time-stamps contradict"
        )
    amount = re.split(r"(?=[a-z])", trust.get("max_stamp_delay", "24h"), maxsplit=1)
    accepted = timedelta(seconds=float(amount[0]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[amount[1]])
    if min(by) - closed > accepted:
        raise Undecided("it was time-stamped longer after its claimed end than your trust accepts (max_stamp_delay)")
    return "no time-stamp contradicts them", None


def certificate(text: str, base: Path) -> str:
    """Return the root certificate of an authority in PEM, from trust.toml or from a file beside it."""
    return text if "-----BEGIN" in text else (base / text).read_text(encoding="ascii")


def check_capture(report: Report, folder: Path, trust: dict[str, Any], base: Path) -> set[Path]:
    """Make every check of one capture and return the files that were looked at."""
    name = folder.name
    looked = {folder / each for each in ("statement.dsse.json", "checkpoint", "statement.tlog-proof")}
    sealed, proof = folder / "statement.dsse.json", folder / "statement.tlog-proof"
    statement = report.attempt(f"{name}, seal", partial(check_envelope, sealed, CAPTURE, name, trust))
    if statement is None:
        with contextlib.suppress(Failed, KeyError, TypeError):
            statement = unverified_statement(sealed)
    report.attempt(f"{name}, log", partial(check_log, proof, sealed, "capture", trust))
    report.attempt(f"{name}, checkpoint", partial(check_same, folder / "checkpoint", proof))
    lines = sorted((folder / "records").glob("*.json"), key=lambda path: path.name)
    for line in lines:
        found = report.attempt(f"{name}:{line.stem}", partial(check_record, line, statement or {}))
        looked |= found or set(line.parent.glob(f"{line.stem}.*"))  # what failed was named already
    if not lines:
        report.attempt(name, lambda: refuse("there is no record in it"))
    for path in sorted(folder.glob("events/*.dsse.json")):
        looked |= check_event(report, path, folder, trust)
    looked |= set(folder.glob("cosignatures/*"))  # witnesses are decided by `muniment verify`
    if (folder / "opening.checkpoint").exists():
        looked |= {folder / "opening.checkpoint"}
        report.attempt(f"{name}, opening", partial(check_opening, folder, statement or {}))
    after = check_stamps(report, folder, "opening.checkpoint", trust, base)
    by = check_stamps(report, folder, "checkpoint", trust, base)
    for token in (*folder.glob("stamps/*.tsr"), *folder.glob("opening.stamps/*.tsr")):
        looked |= {token, token.with_suffix(".tsq"), token.with_suffix(".pem")}
    if by and statement:
        report.attempt(f"{name}, claimed times", partial(check_times, statement, after, by, trust))
    if by:
        since = f"Sealed between {max(after):%Y-%m-%d %H:%M:%S} and {min(by):%Y-%m-%d %H:%M:%S} UTC. " if after else ""
        print(f"            {since}The bytes existed by {min(by):%Y-%m-%d %H:%M:%S} UTC.")
    return looked


def refuse(why: str) -> tuple[str, None]:
    """Fail."""
    raise Failed(why)


def check_nothing_else(packet: Path, looked: set[Path]) -> tuple[str, None]:
    """Check that every file here was looked at."""
    there = [path for path in packet.rglob("*") if path.is_symlink() or not path.is_dir()]
    accounted, keys = looked | {packet / each for each in OURS}, packet / "keys"
    extra = [path for path in there if path.is_symlink() or (path not in accounted and path.parent != keys)]
    if extra:
        names = ", ".join(str(path.relative_to(packet)) for path in extra[:5])
        raise Failed(f"nothing accounts for {names}; do not take it for part of what was sealed")
    return f"each of {len(there)} files is accounted for", None


def main(arguments: list[str]) -> int:
    """Verify the packet in which this file lies, and return the exit status."""
    packet = Path(__file__).resolve().parent
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 2
    trust: dict[str, Any] = {}
    if arguments:
        try:
            trust = tomllib.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        except (OSError, ValueError) as wrong:
            print(f"{arguments[0]}: cannot be read as a trust file: {wrong}")
            return 2
    report, looked = Report(), set()
    base = Path(arguments[0]).resolve().parent if arguments else packet
    captures = sorted(path.parent for path in packet.glob("*/statement.dsse.json"))
    for folder in captures:
        looked |= check_capture(report, folder, trust, base)
    report.attempt("this folder", lambda: check_nothing_else(packet, looked))
    if not captures:
        report.attempt("this folder", lambda: refuse("there is no capture in it"))
    status = 1 if report.failed else 4 if report.undecided else 0
    print({0: "PASS", 1: "FAIL", 4: "UNVERIFIABLE"}[status] + "  What this shows, and what it does not: VERIFY.md")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
