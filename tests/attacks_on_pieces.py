"""Attacks on single pieces that travel alone: signed notes, envelopes, proofs."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archives import signers
from attack import Bench, attack
from muniment import canonical
from muniment.log import note
from muniment.seal import dsse
from muniment.seal.signing import SigningKey

TYPE = "application/vnd.in-toto+json"


def file(bench: Bench, name: str) -> Path:
    return bench.evidence / name


def edited(bench: Bench, name: str, change: Callable[[str], str]) -> None:
    path = file(bench, name)
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert before != after
    path.write_bytes(after.encode())


def on_note(name: str, what: str, change: Callable[[str], str], verdict: str = "fail") -> None:
    attack("note", name, what, "checkpoint", verdict=verdict)(lambda bench: edited(bench, "checkpoint", change))


def _signature(text: str, change: Callable[[bytes], bytes]) -> str:
    before, _, last = text.rstrip("\n").rpartition(" ")
    return f"{before} {base64.b64encode(change(base64.b64decode(last))).decode()}\n"


def _loose(text: str) -> str:
    lines = text.split("\n")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = lines[2][-2]
    lines[2] = lines[2][:-2] + alphabet[alphabet.index(last) + 1] + "="
    return "\n".join(lines)


on_note("size-edited", "the size is another", lambda text: text.replace("\n4\n", "\n5\n"))
on_note("size-with-a-zero-before", "the size has a leading zero", lambda text: text.replace("\n4\n", "\n04\n"))
on_note("origin-edited", "the origin is another", lambda text: "x" + text)
on_note("signature-stripped", "the signature line is gone", lambda text: text[: text.index("\u2014")])
on_note(
    "signature-bit-flipped",
    "a bit of the signature is another",
    lambda text: _signature(text, lambda it: it[:-1] + bytes([it[-1] ^ 1])),
)
on_note(
    "key-id-changed",
    "the signature stands under another key id",
    lambda text: _signature(text, lambda it: bytes(4) + it[4:]),
)
on_note(
    "key-name-changed",
    "the signature stands under another key name",
    lambda text: text.replace("\u2014 ", "\u2014 other."),
)
on_note(
    "extension-added", "a line more stands in the signed text", lambda text: text.replace("\n\n", "\nsize 9\n\n", 1)
)
on_note("base64-spelt-otherwise", "the root is base64 whose unused bits are not zero", _loose)
on_note("cut-in-half", "the note ends in the middle", lambda text: text[: len(text) // 2])
on_note("carriage-returns", "lines end in CR LF", lambda text: text.replace("\n", "\r\n"))


@attack(
    "note",
    "signed-by-a-stranger",
    "a key that the verifier does not know signed it under its own name",
    "checkpoint",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    found = note.unverified_checkpoint(file(bench, "checkpoint").read_bytes())
    held = signers(bench.stock.stranger.archive, None)
    file(bench, "checkpoint").write_bytes(note.sign(found, held.log))


def on_envelope(name: str, what: str, change: Callable[[dict[str, Any]], None], verdict: str = "fail") -> None:
    def make(bench: Bench) -> None:
        path = file(bench, "statement.dsse.json")
        said = json.loads(path.read_bytes())
        change(said)
        path.write_bytes(canonical.encode(said))

    attack("envelope", name, what, "statement-signature", verdict=verdict)(make)


def _payload(said: dict[str, Any], old: bytes, new: bytes) -> None:
    said["payload"] = base64.b64encode(base64.b64decode(said["payload"]).replace(old, new)).decode()


on_envelope(
    "payload-edited", "the payload says another number", lambda said: _payload(said, b'"records":9', b'"records":8')
)
on_envelope("signatures-emptied", "there is no signature", lambda said: said.update(signatures=[]))
on_envelope(
    "type-edited", "the payload type is another", lambda said: said.update(payloadType="application/vnd.in-toto+xml")
)
on_envelope("keyid-emptied", "the signature names no key", lambda said: said["signatures"][0].update(keyid=""))
on_envelope(
    "keyid-of-nobody", "the signature names another key", lambda said: said["signatures"][0].update(keyid="f" * 64)
)
on_envelope(
    "signature-twice",
    "the same signature stands there twice",
    lambda said: said["signatures"].append(said["signatures"][0]),
)
on_envelope("field-added", "the envelope has a field more", lambda said: said.update(alg="none"))
on_envelope("signature-empty", "the signature has no octets", lambda said: said["signatures"][0].update(sig=""))
on_envelope(
    "base64-without-padding",
    "the payload lacks its padding, or has too much",
    lambda said: said.update(payload=said["payload"].rstrip("=") + "===="),
)


@attack("envelope", "nested-too-deeply", "a hundred thousand brackets", "statement-signature")
def _(bench: Bench) -> None:
    file(bench, "statement.dsse.json").write_bytes(b"[" * 100_000 + b"]" * 100_000)


@attack("envelope", "byte-order-mark", "a byte order mark stands before it", "statement-signature")
def _(bench: Bench) -> None:
    path = file(bench, "statement.dsse.json")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


@attack(
    "envelope",
    "second-signature-is-bad",
    "a good signature, and one under the id of another known key that does not verify",
    "statement-signature",
)
def _(bench: Bench) -> None:
    path = file(bench, "statement.dsse.json")
    payload = dsse.unverified_payload(path.read_bytes())
    second = SigningKey.of_seed(bytes(range(32)))
    held = signers(bench.stock.archive, None).operator
    said = json.loads(dsse.seal(payload, TYPE, [held, second]))
    said["signatures"][1]["sig"] = base64.b64encode(bytes(64)).decode()
    path.write_bytes(canonical.encode(said))
    known = note.VerifierKey("second", second.public)
    with bench.trust.open("a", encoding="utf-8") as stream:
        stream.write(f'[[operator]]\nname = "Second"\nkey = "{known}"\n')


@attack(
    "envelope",
    "signed-by-a-stranger",
    "a key that the verifier does not know sealed it",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    path = file(bench, "statement.dsse.json")
    payload = dsse.unverified_payload(path.read_bytes())
    path.write_bytes(dsse.seal(payload, TYPE, [signers(bench.stock.stranger.archive, None).operator]))


def on_proof(name: str, what: str, change: Callable[[str], str]) -> None:
    attack("proof", name, what, "log-entry-capture")(lambda bench: edited(bench, "statement.tlog-proof", change))


def _hashes(text: str, change: Callable[[list[str]], list[str]]) -> str:
    head, _, rest = text.partition("\n\n")
    lines = head.split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("index ")) + 1
    return "\n".join([*lines[:at], *change(lines[at:])]) + "\n\n" + rest


on_proof("other-index", "it says that it is about another leaf", lambda text: text.replace("index 1", "index 2"))
on_proof("index-beyond-the-size", "the index is the size of the log", lambda text: text.replace("index 1", "index 4"))
on_proof(
    "hash-edited", "a hash of the path is another", lambda text: _hashes(text, lambda it: ["A" * 43 + "=", *it[1:]])
)
on_proof(
    "hashes-swapped", "two hashes of the path have changed places", lambda text: _hashes(text, lambda it: it[::-1])
)
on_proof("hash-added", "the path has a hash more", lambda text: _hashes(text, lambda it: [*it, it[0]]))
on_proof("hash-removed", "the path has a hash less", lambda text: _hashes(text, lambda it: it[:-1]))
on_proof("version-of-tomorrow", "it is of another version of the format", lambda text: text.replace("@v1", "@v2"))
on_proof("checkpoint-edited", "the checkpoint in it names another size", lambda text: text.replace("\n4\n", "\n5\n"))
on_proof("checkpoint-unsigned", "the checkpoint in it has no signature", lambda text: text[: text.index("\u2014")])


@attack("proof", "for-another-leaf", "the leaf is that of another capture", "log-entry-capture")
def _(bench: Bench) -> None:
    path = file(bench, "leaf")
    path.write_bytes(path.read_bytes().replace(b'"capture"', b'"abandoned"'))
