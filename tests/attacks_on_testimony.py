"""Attacks on what others say of an archive, and on what it says of custody: tokens, cosignatures, events."""

import base64
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import archives
from archives import Made, signers
from attack import Bench, attack
from authorities import Tsa, new_tsa, serving
from muniment import canonical, durable, layout, manifest
from muniment.capture import commit, events, stamping
from muniment.capture.sealing import Clock
from muniment.digest import Digest
from muniment.log import note
from muniment.log.cosignature import WitnessKey, cosign
from muniment.log.journal import Journal
from muniment.manifest import Agent, Event
from muniment.model import EventType
from muniment.rules import Rules
from muniment.seal import SigningKey, dsse
from muniment.verify.trust import authority_lines

WITNESS = SigningKey.of_seed(b"witness".ljust(32, b"."))
KEY = WitnessKey("witness.example/1", WITNESS.public)
STRANGER = SigningKey.of_seed(b"stranger".ljust(32, b"."))
TERMS = stamping.Terms(Rules(allow_net=("127.0.0.0/8",), dns=False), Clock(), 10)


def attested(base: Path, tsa: Tsa, *, ago: timedelta = timedelta(seconds=20)) -> Made:
    """Return an archive of one capture, closed *ago*, with two events, a token, and a cosignature over all of it."""
    made = archives.begun(base)
    with serving(tsa.reply) as served:
        asked = (stamping.Authority(tsa.name, served.url, tsa.roots),)
        with archives.drafted(made, archives.article("a"), datetime.now(UTC) - ago) as capture:
            size = stamping.newest(made.archive)
            tokens = tuple(each.digest for each in stamping.stamp(made.archive, asked, size, TERMS) if each.digest)
            assert tokens
            done = commit.commit(replace(capture, place=replace(capture.place, tokens=tokens)), commit.Ending(3, 2))
        made = replace(made, captures=(done.id,))
        for kind in (EventType.ACCESS, EventType.REPLICATION):
            events.record(made.archive, signers(made.archive, None), happened(made, kind))
        stamping.stamp(made.archive, asked, stamping.newest(made.archive), TERMS)
    cosigned(made, Journal(made.root, made.origin).newest(), 4)
    return made


def happened(made: Made, kind: EventType) -> Event:
    where, now = layout.statement(made.captures[0]), datetime.now(UTC)
    subjects = ((str(where), Digest.of_bytes(made.path(where).read_bytes())),)
    return Event(
        id=events.new_id(now),
        type=kind,
        at=now,
        agents=(Agent("Reading room", "reader"),),
        subjects=subjects,
        outcome="success",
        tool="muniment",
        version="0",
        detail={"to": "Second Institution"} if kind in {EventType.REPLICATION, EventType.TRANSFER} else {},
    )


def cosigned(made: Made, checkpoint: bytes, size: int, key: WitnessKey = KEY, signer: SigningKey = WITNESS) -> None:
    """File a cosignature on *checkpoint* beside that of *size*."""
    path = made.path(layout.cosignatures(made.origin, size)) / f"{key.id.hex()}-1760000000.cosig"
    durable.folder(path.parent)
    durable.create(path, cosign(checkpoint, key.name, signer, datetime.fromtimestamp(1760000000, UTC)), mode=0o644)


def trusting(made: Made, tsa: Tsa) -> str:
    """Return the trust that decides all of it."""
    own = (made.home / "trust.toml").read_text(encoding="utf-8")
    witness = f'[[witness]]\nname = "Institution"\nvkey = "{KEY}"\n'
    return "witnesses_needed = 1\n" + own + authority_lines(tsa.name, tsa.roots) + witness


def other(bench: Bench) -> Made:
    """Return the archive that is attacked, as the one who can write to it and holds its keys."""
    return replace(bench.stock.attested, root=bench.evidence)


def tokens(bench: Bench, size: int = 4) -> Path:
    return bench.evidence / str(layout.stamps(bench.stock.attested.origin, size))


def token(bench: Bench, size: int = 4) -> Path:
    return min(tokens(bench, size).glob("*.tsr"))


def put_token(bench: Bench, octets: bytes, size: int = 4) -> None:
    """Put *octets* in the place of the token, under the name that they ought to have, without the request."""
    old = token(bench, size)
    new = old.with_name(f"alpha-{sha256(octets).hexdigest()}.tsr")
    old.with_suffix(".tsq").unlink()
    chain = old.with_suffix(".pem")
    if chain.exists():
        chain.rename(new.with_suffix(".pem"))
    old.unlink()
    new.write_bytes(octets)


def evidence_of(bench: Bench, tsa: Tsa | None = None, **how: Any) -> None:
    """Put an archive that was made otherwise in the place of the evidence, and trust whoever has to be."""
    by = tsa or bench.stock.tsa
    base = Path(tempfile.mkdtemp(dir=bench.stock.root.parent))
    made = attested(base, by, **how)
    shutil.rmtree(bench.evidence)
    made.copied(bench.evidence)
    shutil.rmtree(bench.evidence / "work")
    bench.trust.write_text(trusting(made, by), encoding="utf-8")


# Time


@attack(
    "attested",
    "token-over-another-checkpoint",
    "the token over the opening lies where that over the statement does",
    "time-token",
)
def _(bench: Bench) -> None:
    put_token(bench, token(bench, 1).read_bytes())


@attack("attested", "token-bit-flipped", "a bit of the token's signature is another", "time-token")
def _(bench: Bench) -> None:
    octets = bytearray(token(bench).read_bytes())
    octets[-20] ^= 1
    put_token(bench, bytes(octets))


@attack("attested", "token-cut", "the second half of the token is gone", "time-token")
def _(bench: Bench) -> None:
    octets = token(bench).read_bytes()
    put_token(bench, octets[: len(octets) // 2])


@attack("attested", "page-instead-of-a-token", "a page of HTML lies where a token should", "time-token")
def _(bench: Bench) -> None:
    put_token(bench, b"<!DOCTYPE html><title>502 Bad Gateway</title>")


@attack("attested", "token-under-another-name", "the token does not have the digest that its name says", "time-token")
def _(bench: Bench) -> None:
    old = token(bench)
    old.rename(old.with_name(f"alpha-{'0' * 64}.tsr"))


@attack("attested", "token-of-another-request", "the request beside the token has another nonce", "time-token")
def _(bench: Bench) -> None:
    asked = token(bench, 1).with_suffix(".tsq")
    shutil.copy(asked, token(bench).with_suffix(".tsq"))


@attack(
    "attested",
    "token-of-an-untrusted-root",
    "an authority that the verifier does not know signed the token",
    "time-token",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stranger = new_tsa(Path(folder, "stranger"), "Stranger", "ec")
        known = bench.trust.read_text(encoding="utf-8").partition("[[tsa]]")[0]
        witness = bench.trust.read_text(encoding="utf-8").partition("[[witness]]")[2]
        lines = authority_lines(stranger.name, stranger.roots)
        bench.trust.write_text(f"{known}{lines}[[witness]]{witness}", encoding="utf-8")


@attack("attested", "token-of-an-expired-chain", "the authority's certificate had ended when it signed", "time-token")
def _(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stock = bench.stock.tsa
        expired = new_tsa(Path(folder, "expired"), "Alpha", "rsa", days=(-30, -1), root=stock.root)
        query = token(bench).with_suffix(".tsq").read_bytes()
        put_token(bench, expired.reply(query))


@attack(
    "attested", "quoted-token-missing", "the token over the opening, which the statement quotes, is gone", "time-proved"
)
def _(bench: Bench) -> None:
    shutil.rmtree(tokens(bench, 1))


@attack(
    "attested",
    "back-dated",
    "the operator's clock was set back by a year; the statement quotes a token of today",
    "time-proved",
)
def _(bench: Bench) -> None:
    evidence_of(bench, ago=timedelta(days=365))


@attack("attested", "post-dated", "the operator's clock was set forward by a day; the token is of today", "time-proved")
def _(bench: Bench) -> None:
    evidence_of(bench, ago=timedelta(days=-1))


@attack(
    "attested",
    "key-compromised-before-the-token",
    "the key is known to have been stolen before any token shows the seal",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    text = bench.trust.read_text(encoding="utf-8")
    head, operator, rest = text.partition("[[operator]]\n")
    bench.trust.write_text(f"{head}{operator}revoked = 2020-01-01T00:00:00Z\n{rest}", encoding="utf-8")


# Witnesses


def cosignature(bench: Bench) -> Path:
    return bench.only("*-1760000000.cosig")


@attack(
    "attested",
    "threshold-short",
    "one of two witnesses that the trust needs cosigned",
    "witnesses",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    second = WitnessKey("witness.example/2", STRANGER.public)
    text = bench.trust.read_text(encoding="utf-8").replace("witnesses_needed = 1", "witnesses_needed = 2")
    bench.trust.write_text(f'{text}[[witness]]\nname = "Second"\nvkey = "{second}"\n', encoding="utf-8")


@attack(
    "attested",
    "cosignature-of-a-stranger",
    "a witness that the verifier does not know cosigned",
    "witnesses",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    cosignature(bench).unlink()
    made = other(bench)
    key = WitnessKey("witness.example/9", STRANGER.public)
    cosigned(made, Journal(made.root, made.origin).newest(), 4, key, STRANGER)


@attack("attested", "cosignature-bit-flipped", "a bit of a cosignature is another", "witnesses")
def _(bench: Bench) -> None:
    path = cosignature(bench)
    head, _, last = path.read_text(encoding="utf-8").rstrip("\n").rpartition(" ")
    octets = bytearray(base64.b64decode(last))
    octets[-1] ^= 1
    path.write_text(f"{head} {base64.b64encode(bytes(octets)).decode()}\n", encoding="utf-8")


@attack("attested", "cosignature-time-edited", "a cosignature says another time than its witness signed", "witnesses")
def _(bench: Bench) -> None:
    path = cosignature(bench)
    head, _, last = path.read_text(encoding="utf-8").rstrip("\n").rpartition(" ")
    octets = bytearray(base64.b64decode(last))
    octets[11] ^= 1  # behind the four octets of the key's id
    path.write_text(f"{head} {base64.b64encode(bytes(octets)).decode()}\n", encoding="utf-8")


@attack(
    "attested", "cosignature-on-another-log", "the witness was shown another log of the same name and size", "witnesses"
)
def _(bench: Bench) -> None:
    made = other(bench)
    shown = note.unverified_checkpoint(Journal(made.root, made.origin).newest())
    forked = note.sign(replace(shown, root=bytes(32)), signers(made.archive, None).log)
    cosignature(bench).unlink()
    cosigned(made, forked, 4)


@attack(
    "attested",
    "cosignature-beside-another-size",
    "a cosignature lies beside another checkpoint than it signs",
    "witnesses",
)
def _(bench: Bench) -> None:
    path = cosignature(bench)
    target = bench.evidence / str(layout.cosignatures(bench.stock.attested.origin, 2)) / path.name
    target.parent.mkdir()
    shutil.move(path, target)


# Events


def event(bench: Bench, number: int = 0) -> Path:
    return sorted(bench.evidence.rglob("event-*.dsse.json"))[number]


def re_enveloped(bench: Bench, change: Callable[[dict[str, Any]], None]) -> None:
    path = event(bench)
    said = json.loads(path.read_bytes())
    change(said)
    path.write_bytes(canonical.encode(said))


@attack("attested", "event-signature-stripped", "an event of custody has no signature any more", "event-signature")
def _(bench: Bench) -> None:
    re_enveloped(bench, lambda said: said.update(signatures=[]))


@attack("attested", "event-edited", "an event names another agent, under the old signature", "event-signature")
def _(bench: Bench) -> None:
    def edit(said: dict[str, Any]) -> None:
        payload = base64.b64decode(said["payload"]).replace(b"Reading room", b"Nobody's shop")
        said["payload"] = base64.b64encode(payload).decode()

    re_enveloped(bench, edit)


@attack(
    "attested",
    "event-sealed-anew",
    "the operator sealed another agent into an event; the log has the old seal",
    "log-entry-event",
)
def _(bench: Bench) -> None:
    path, made = event(bench), other(bench)
    payload = dsse.unverified_payload(path.read_bytes()).replace(b"Reading room", b"Nobody here")
    path.write_bytes(dsse.seal(payload, manifest.PAYLOAD_TYPE, [signers(made.archive, None).operator]))


@attack("attested", "events-swapped", "two events lie under each other's names", "event")
def _(bench: Bench) -> None:
    one, two = event(bench, 0), event(bench, 1)
    held = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(held)


@attack("attested", "event-removed", "an event is gone, the log names it", "file")
def _(bench: Bench) -> None:
    event(bench).unlink()


@attack("attested", "event-inserted", "an event that the operator sealed, and that no log names", "log-entry-event")
def _(bench: Bench) -> None:
    made = other(bench)
    said = happened(made, EventType.TRANSFER)
    sealed = dsse.seal(manifest.encode_event(said), manifest.PAYLOAD_TYPE, [signers(made.archive, None).operator])
    path = bench.evidence / str(layout.event(said.id))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed)


@attack("attested", "event-replayed-under-another-name", "a copy of an event lies under another id", "log-entry-event")
def _(bench: Bench) -> None:
    path = event(bench)
    copy = bench.evidence / str(layout.event("event-20260101T000000Z-aaaaaa"))
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, copy)


@attack("attested", "statement-as-event", "the statement of a capture lies where an event should", "event")
def _(bench: Bench) -> None:
    shutil.copy(bench.only("statement.dsse.json"), event(bench))
