"""Tokens over checkpoints: asked for, verified on receipt, kept, and verified again; nothing else ever counts."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import archives
from authorities import Answer, Tsa, configured, new_tsa, serving
from commands import muniment, of_site
from conftest import loopback_rules, make_archive, make_desk
from muniment import layout, manifest, sample, settings, timestamp
from muniment.capture import commit, stamping
from muniment.capture.archive import opened
from muniment.capture.sealing import Clock
from muniment.digest import Digest
from muniment.errors import JobError
from muniment.log.note import VerifierKey
from muniment.message.url import Url
from muniment.model import Check, Finding, Verdict
from muniment.rules import Rules
from muniment.seal import dsse
from muniment.verification import Said, Word
from muniment.verify import trust, verify

RULES = Rules(allow_net=("127.0.0.0/8",), dns=False)
TERMS = stamping.Terms(RULES, Clock(), 10)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return new_tsa(tmp_path_factory.mktemp("tsa") / "alpha", "Alpha", "rsa", intermediate=True)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return new_tsa(tmp_path_factory.mktemp("tsa") / "beta", "Beta", "ec")


@pytest.fixture
def made(tmp_path: Path) -> archives.Made:
    return now_captured(archives.begun(tmp_path), "a")


def now_captured(made: archives.Made, mark: str, *, ago: timedelta = timedelta(0)) -> archives.Made:
    """Return *made* with one more capture that was begun some seconds *ago*, by its own clock."""
    start = datetime.now(UTC) - timedelta(seconds=20) - ago
    with archives.drafted(made, archives.article(mark), start) as capture:
        done = commit.commit(capture, commit.Ending(3, 2))
    return replace(made, captures=(*made.captures, done.id))


def stamped(made: archives.Made, *whom: Tsa, answer: Answer | None = None) -> tuple[stamping.Stamped, ...]:
    """Stamp the newest checkpoint of *made* by the authorities *whom*; *answer* is what all of them say instead."""
    found = []
    for each in whom:
        with serving(answer or each.reply) as served:
            asked = (stamping.Authority(each.name, served.url, each.roots),)
            found += stamping.stamp(made.archive, asked, stamping.newest(made.archive), TERMS)
    return tuple(found)


def trusting(made: archives.Made, *whom: Tsa, extra: str = "") -> trust.Trust:
    """Return the trust of who made the archive, and believes *whom* besides."""
    own = (made.home / "trust.toml").read_text()
    lines = "".join(trust.authority_lines(each.name, each.roots) for each in whom)
    return trust.parse((extra + own + lines).encode(), made.home / "trust.toml")


def found(made: archives.Made, believed: trust.Trust, *checks: Check) -> list[Finding]:
    """Return the findings of *checks*, or all that fail where none is named."""
    findings = verify(made.root, believed, outside=made.outside).findings
    return [each for each in findings if (each.check in checks if checks else each.verdict is Verdict.FAIL)]


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_two_authorities_stamp_and_the_time_is_proved(made: archives.Made, tsa: Tsa, second: Tsa) -> None:
    done = stamped(made, tsa, second)
    assert [each.pending for each in done] == ["", ""]
    believed = trusting(made, tsa, second)
    whole = verify(made.root, believed, outside=made.outside)
    assert whole.verdict is Verdict.PASS
    tokens = [each for each in whole.findings if each.check is Check.TIME_TOKEN]
    assert sorted(each.subject for each in tokens) == sorted(each.path for each in done)
    assert {each.verdict for each in tokens} == {Verdict.PASS}
    proved = only([each for each in whole.findings if each.check is Check.TIME_PROVED])
    assert proved.verdict is Verdict.PASS
    assert proved.detail.startswith("The bytes existed by 20")
    assert f"{made.captures[0]}: {proved.detail}" in whole.proves
    assert not any("no time-stamping authority confirms" in each for each in whole.does_not_prove)


def test_what_is_kept_is_what_the_authority_sent_and_openssl_accepts_it(made: archives.Made, tsa: Tsa) -> None:
    sent: list[bytes] = []

    def answer(query: bytes) -> bytes:
        sent.append(tsa.reply(query))
        return sent[-1]

    (done,) = stamped(made, tsa, answer=answer)
    path = made.path(done.path)
    assert path.read_bytes() == sent[0]
    assert path.name == f"alpha-{Digest.of_bytes(sent[0]).hex}.tsr"
    assert sorted(each.name for each in path.parent.iterdir()) == [
        path.with_suffix(suffix).name for suffix in (".pem", ".tsq", ".tsr")
    ]
    checkpoint = made.path(layout.checkpoint_at(made.origin, done.size))
    assert done.at is not None
    then, later = (str(int(each.timestamp())) for each in (done.at, done.at + timedelta(days=366 * 30)))
    for what, at, good in (
        (["-data", str(checkpoint)], then, True),
        (["-queryfile", str(path.with_suffix(".tsq"))], then, True),
        (["-data", str(checkpoint)], later, False),
        (["-data", str(made.path(layout.SETTINGS))], then, False),
    ):
        command = ["openssl", "ts", "-verify", "-in", str(path), "-CAfile", str(tsa.root_file), "-attime", at]
        judged = subprocess.run(
            [*command, "-untrusted", str(path.with_suffix(".pem")), *what], capture_output=True, text=True, check=False
        )
        assert ("Verification: OK" in judged.stdout + judged.stderr) is good


def test_a_good_token_is_not_asked_for_twice_and_a_newer_checkpoint_is(made: archives.Made, tsa: Tsa) -> None:
    with serving(tsa.reply) as served:
        asked = (stamping.Authority("Alpha", served.url, tsa.roots),)
        first = stamping.stamp(made.archive, asked, 2, TERMS)
        again = stamping.stamp(made.archive, asked, 2, TERMS)
        assert len(served.asked) == 1
        assert again[0].digest == first[0].digest
        later = now_captured(made, "b")
        stamping.stamp(later.archive, asked, stamping.newest(later.archive), TERMS)
        assert len(served.asked) == 2
    assert stamping.newest(made.archive) == 4


# Wrong answers


def _other(tsa: Tsa) -> Answer:
    return lambda _: tsa.reply(timestamp.request(b"something else").octets)


def _replayed(tsa: Tsa, made: archives.Made) -> Answer:
    message = made.path(layout.checkpoint_at(made.origin, 2)).read_bytes()
    old = tsa.reply(timestamp.request(message).octets)
    return lambda _: old


def _cut(tsa: Tsa) -> Answer:
    return lambda query: tsa.reply(query)[:-40]


def _flipped(tsa: Tsa) -> Answer:
    def answer(query: bytes) -> bytes:
        octets = tsa.reply(query)
        return octets[:-9] + bytes([octets[-9] ^ 1]) + octets[-8:]

    return answer


WRONG: dict[str, tuple[Callable[[Tsa, archives.Made], Answer], str]] = {
    "another imprint": (lambda tsa, _: _other(tsa), "expected a token over sha256:"),
    "another nonce": (_replayed, "the nonce"),
    "cut": (lambda tsa, _: _cut(tsa), "expected a value of"),
    "flipped": (lambda tsa, _: _flipped(tsa), "expected a signature by the certificate"),
    "HTML": (lambda *_: lambda _: b"<!DOCTYPE html><h1>Sign in</h1>", "answered with text/html"),
    "nothing": (lambda *_: lambda _: b"", "expected one value with the tag 0x30"),
    "too long": (lambda *_: lambda _: bytes(100_000), "truncated-length: the body is longer than the limit"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_answer_is_pending_with_its_reason_and_never_counts(made: archives.Made, tsa: Tsa, fault: str) -> None:
    make, reason = WRONG[fault]
    before = archives.tree(made.path("manifests"))
    kind = "text/html" if fault == "HTML" else "application/timestamp-reply"
    with serving(make(tsa, made), kind=kind) as served:
        asked = (stamping.Authority("Alpha", served.url, tsa.roots),)
        (done,) = stamping.stamp(made.archive, asked, 2, TERMS)
    assert reason in done.pending
    assert (done.path, done.digest, done.at) == ("", None, None)
    assert archives.tree(made.path("manifests")) == before
    assert [each.pending for each in stamping.pending(made.archive)] == [done.pending]
    assert only(found(made, trusting(made, tsa), Check.TIME_PROVED)).verdict is Verdict.ABSENT
    (good,) = stamped(made, tsa)
    assert not good.pending
    assert stamping.pending(made.archive) == ()


def test_an_authority_with_another_root_or_an_unfit_certificate_is_pending(
    made: archives.Made, tsa: Tsa, second: Tsa, tmp_path: Path
) -> None:
    unfit = new_tsa(tmp_path / "unfit", "Unfit", "ec", days=(-9, -1))
    for whom, roots, reason in (
        (tsa, second.roots, "none of the roots"),
        (unfit, unfit.roots, "was valid"),
    ):
        with serving(whom.reply) as served:
            asked = (stamping.Authority(whom.name, served.url, roots),)
            (done,) = stamping.stamp(made.archive, asked, 2, TERMS)
        assert reason in done.pending


@pytest.mark.parametrize(("status", "reason"), [(302, "status 302"), (404, "status 404"), (503, "status 503")])
def test_an_answer_with_another_status_is_pending_and_nobody_is_asked_elsewhere(
    made: archives.Made, tsa: Tsa, status: int, reason: str
) -> None:
    with serving(tsa.reply, status=status) as served:
        asked = (stamping.Authority("Alpha", served.url, tsa.roots),)
        (done,) = stamping.stamp(made.archive, asked, 2, TERMS)
        assert len(served.asked) == 1
    assert reason in done.pending


def test_whoever_hangs_is_given_up_and_nobody_waits_for_him(made: archives.Made, tsa: Tsa, second: Tsa) -> None:
    let_go = threading.Event()

    def hang(_: bytes) -> bytes:
        let_go.wait(30)
        return b""

    with serving(hang) as silent, serving(second.reply) as prompt:
        asked = (
            stamping.Authority("Alpha", silent.url, tsa.roots),
            stamping.Authority("Beta", prompt.url, second.roots),
        )
        begun = time.monotonic()
        done = stamping.stamp(made.archive, asked, 2, replace(TERMS, seconds=1.5))
        took = time.monotonic() - begun
        let_go.set()
    assert took < 6
    assert "timeout" in done[0].pending
    assert not done[1].pending


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "refused"),
        ("http://10.0.0.1/", "blocked-address"),
        ("http://tsa.example/", "dns"),
        ("ftp://127.0.0.1/", "blocked-scheme"),
        ("nonsense", "malformed-url"),
    ],
)
def test_where_an_authority_may_not_or_cannot_be_reached_is_pending(
    made: archives.Made, tsa: Tsa, url: str, reason: str
) -> None:
    (done,) = stamping.stamp(made.archive, (stamping.Authority("Alpha", url, tsa.roots),), 2, TERMS)
    assert done.pending.startswith(f"{reason}: ")


def test_this_machine_is_asked_only_where_that_is_allowed(made: archives.Made, tsa: Tsa) -> None:
    with serving(tsa.reply) as served:
        asked = (stamping.Authority("Alpha", served.url, tsa.roots),)
        (done,) = stamping.stamp(made.archive, asked, 2, replace(TERMS, rules=Rules(dns=False)))
        assert served.asked == []
    assert "loopback" in done.pending


def test_a_clock_that_is_far_from_ours_is_pending(made: archives.Made, tsa: Tsa) -> None:
    off = Clock(now=lambda: datetime.now(UTC) - timedelta(hours=2))
    with serving(tsa.reply) as served:
        asked = (stamping.Authority("Alpha", served.url, tsa.roots),)
        (done,) = stamping.stamp(made.archive, asked, 2, replace(TERMS, clock=off))
    assert "one of the two clocks is wrong" in done.pending


# What verification says


def test_without_tokens_the_time_is_absent(made: archives.Made, tsa: Tsa) -> None:
    finding = only(found(made, trusting(made, tsa), Check.TIME_TOKEN, Check.TIME_PROVED))
    assert (finding.check, finding.verdict) == (Check.TIME_PROVED, Verdict.ABSENT)
    assert "only the archive's own clock says" in finding.detail


def test_an_unknown_authority_is_unverifiable_whether_others_are_trusted_or_none(
    made: archives.Made, tsa: Tsa, second: Tsa
) -> None:
    stamped(made, tsa)
    for believed in (made.trust, trusting(made, second)):
        whole = verify(made.root, believed, outside=made.outside)
        assert whole.verdict is Verdict.UNVERIFIABLE
        by_check = {each.check: each for each in whole.findings}
        assert by_check[Check.TIME_TOKEN].verdict is Verdict.UNVERIFIABLE
        assert by_check[Check.TIME_PROVED].verdict is Verdict.ABSENT


def test_a_damaged_a_transplanted_and_a_renamed_token_fail(made: archives.Made, tsa: Tsa) -> None:
    (done,) = stamped(made, tsa)
    made = now_captured(made, "b")
    believed = trusting(made, tsa)
    folder = made.path(layout.stamps(made.origin, 2))
    stem = Path(done.path).stem
    octets = (folder / f"{stem}.tsr").read_bytes()
    # over another checkpoint
    other = made.path(layout.stamps(made.origin, 4))
    shutil.copytree(folder, other)
    findings = found(made, believed)
    assert only(findings).check is Check.TIME_TOKEN
    assert only(findings).expected.startswith("a token over sha256:")
    shutil.rmtree(other)
    assert found(made, believed) == []
    # damaged, and damaged with the name put right
    for name in (f"{stem}.tsr", f"alpha-{Digest.of_bytes(octets[:-1] + b'!').hex}.tsr"):
        (folder / f"{stem}.tsr").chmod(0o644)
        (folder / f"{stem}.tsr").write_bytes(octets[:-1] + b"!")
        (folder / f"{stem}.tsr").rename(folder / name)
        assert {each.check for each in found(made, believed)} == {Check.TIME_TOKEN}
        (folder / name).unlink()
        (folder / f"{stem}.tsr").write_bytes(octets)
    assert found(made, believed) == []


def test_a_chain_or_request_beside_a_token_is_believed_in_nothing(made: archives.Made, tsa: Tsa, second: Tsa) -> None:
    (done,) = stamped(made, tsa)
    believed = trusting(made, tsa)
    chain, request = (made.path(done.path).with_suffix(each) for each in (".pem", ".tsq"))
    for path, octets, fails in (
        (chain, second.root_file.read_bytes(), False),
        (chain, b"nonsense", True),
        (request, timestamp.request(b"x").octets, True),
        (request, b"nonsense", True),
    ):
        before = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(octets)
        assert bool(found(made, believed)) is fails
        path.write_bytes(before)
    chain.unlink()
    request.unlink()
    assert found(made, believed) == []


def test_leftovers_of_a_stamp_are_noted_and_strangers_are_named(made: archives.Made, tsa: Tsa) -> None:
    (done,) = stamped(made, tsa)
    made.path(done.path).unlink()
    believed = trusting(made, tsa)
    tokens = found(made, believed, Check.TIME_TOKEN)
    assert [each.verdict for each in tokens] == [Verdict.ABSENT] * 2
    (made.path(done.path).parent / "note.txt").write_text("mine")
    (made.path(layout.stamps(made.origin, 2)).parent / "02").mkdir()
    shutil.copy(made.path(done.path).with_suffix(".tsq"), made.path(layout.stamps(made.origin, 2)).parent / "02")
    assert [each.check for each in found(made, believed)] == [Check.EXTRA_FILE] * 2


def test_a_token_over_a_later_checkpoint_proves_the_earlier_captures_too(made: archives.Made, tsa: Tsa) -> None:
    made = now_captured(made, "b")
    stamped(made, tsa)
    assert [each.verdict for each in found(made, trusting(made, tsa), Check.TIME_PROVED)] == [Verdict.PASS] * 2
    whole = now_captured(made, "c")
    verdicts = [each.verdict for each in found(whole, trusting(whole, tsa), Check.TIME_PROVED)]
    assert sorted(verdicts) == [Verdict.ABSENT, Verdict.PASS, Verdict.PASS]


def test_a_first_token_that_comes_late_is_unverifiable_as_the_trust_accepts(made: archives.Made, tsa: Tsa) -> None:
    late = now_captured(made, "b", ago=timedelta(days=3))
    stamped(late, tsa)
    for extra, verdict in (("", Verdict.UNVERIFIABLE), ('max_stamp_delay = "96h"\n', Verdict.PASS)):
        findings = found(late, trusting(late, tsa, extra=extra), Check.TIME_PROVED)
        assert {each.subject.split("/")[-2]: each.verdict for each in findings}[late.captures[1]] is verdict


def test_a_post_dated_statement_fails(made: archives.Made, tsa: Tsa) -> None:
    dated = now_captured(made, "b", ago=-timedelta(hours=1))
    stamped(dated, tsa)
    failed = only(found(dated, trusting(dated, tsa)))
    assert (failed.check, failed.subject.split("/")[-2]) == (Check.TIME_PROVED, dated.captures[1])
    assert "post-dated, or by a wrong clock" in failed.found


def test_an_insider_who_holds_every_key_and_rewrites_everything_is_found_by_the_tokens_alone(
    made: archives.Made, tsa: Tsa, tmp_path: Path
) -> None:
    stamped(made, tsa)
    believed = trusting(made, tsa)
    # The same keys, the same name of the log, another past; nothing on this machine remembers the old one.
    made.archive.remembered.unlink()
    forged = replace(made, root=tmp_path / "forged", captures=())
    for name in ("archive", "manifests", "work"):
        (forged.root / name).mkdir(parents=True)
    shutil.copy(made.root / "muniment.toml", forged.root)
    forged = now_captured(forged, "z", ago=timedelta(days=2))
    old = forged.path(layout.stamps(made.origin, 2))
    shutil.copytree(made.path(layout.stamps(made.origin, 2)), old)
    failed = only(found(forged, believed))
    assert (failed.check, failed.expected.startswith("a token over sha256:")) == (Check.TIME_TOKEN, True)
    # Without the old tokens, new ones prove no time before now.
    shutil.rmtree(old)
    stamped(forged, tsa)
    assert only(found(forged, believed, Check.TIME_PROVED)).verdict is Verdict.UNVERIFIABLE


def test_a_strict_verifier_does_not_pass_over_what_no_authority_confirms(made: archives.Made, tsa: Tsa) -> None:
    strict = replace(made.outside, strict=True)
    for whom, verdict in (((), Verdict.UNVERIFIABLE), ((tsa,), Verdict.PASS)):
        stamped(made, *whom)
        findings = verify(made.root, trusting(made, tsa), outside=strict).findings
        assert only([each for each in findings if each.check is Check.TIME_PROVED]).verdict is verdict


def test_a_stamped_log_is_anchored_as_far_as_its_token_covers_it(made: archives.Made, tsa: Tsa) -> None:
    stamped(made, tsa)
    anchored = only(found(made, trusting(made, tsa), Check.ANCHORED))
    assert (anchored.verdict, anchored.detail.startswith("stamped: ")) == (Verdict.PASS, True)
    more = now_captured(made, "b")
    assert only(found(more, trusting(more, tsa), Check.ANCHORED)).verdict is Verdict.ABSENT
    assert only(found(made, made.trust, Check.ANCHORED)).verdict is Verdict.ABSENT


# Captures


@pytest.fixture
def capturing(tmp_path: Path) -> Iterator[tuple[commit.Desk, sample.Site]]:
    with sample.serve(tmp_path / "site") as site:
        yield make_desk(make_archive(tmp_path), loopback_rules(site)), site


def _captured(desk: commit.Desk, site: sample.Site) -> commit.Committed:
    return commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=lambda *_: None)


def _reopened(desk: commit.Desk) -> commit.Desk:
    return replace(desk, archive=opened(desk.archive.root, desk.archive.home))


def test_a_capture_quotes_the_tokens_over_its_opening_and_is_sealed_between_two_times(
    capturing: tuple[commit.Desk, sample.Site], tsa: Tsa, second: Tsa
) -> None:
    desk, site = capturing
    with serving(tsa.reply) as one, serving(second.reply) as two:
        configured(desk.archive.root, ("Alpha", one.url, tsa.root_file), ("Beta", two.url, second.root_file))
        done = _captured(_reopened(desk), site)
    assert [each.pending for each in done.stamped] == ["", ""]
    sealed = desk.archive.statement(done.id).read_bytes()
    said = manifest.decode_statement(dsse.unverified_payload(sealed, "it"), "it")
    there = stamping.kept(desk.archive, said.opening.size)
    assert len(there) == 2
    assert set(said.opening.tokens) == set(there)
    home = desk.archive.home
    lines = trust.lines(
        desk.archive.origin,
        str(VerifierKey(desk.archive.origin, desk.signers.log.public)),
        "Desk 1",
        desk.signers.operator.public,
    ) + "".join(trust.authority_lines(each.name, each.roots) for each in (tsa, second))
    believed = trust.parse(lines.encode(), home / "trust.toml")
    whole = verify(desk.archive.root, believed)
    assert whole.verdict is Verdict.PASS
    proved = only([each for each in whole.findings if each.check is Check.TIME_PROVED])
    assert proved.detail.startswith("Sealed between 20")
    assert "nothing here proves that they did not exist before" in proved.detail
    # a quoted token that went is missed
    path = desk.archive.path(layout.token(desk.archive.origin, said.opening.size, "alpha", said.opening.tokens[0].hex))
    if not path.exists():
        path = path.with_name(path.name.replace("alpha", "beta"))
    path.unlink()
    missed = [each for each in verify(desk.archive.root, believed).findings if each.verdict is Verdict.FAIL]
    assert only(missed).expected.startswith("the token sha256:")
    # what the clocks said is in the context
    context = json.loads(desk.archive.path(layout.context(done.id)).read_bytes())
    compared = context["clock"]["compared"]
    assert [each["name"] for each in compared if each["kind"] == "tsa"] == ["Alpha", "Beta"]
    assert all(each["sent"] <= each["received"] for each in compared)
    assert context["clock"]["source"] == "system clock, compared with authorities"


def test_a_capture_goes_on_where_no_authority_answers(capturing: tuple[commit.Desk, sample.Site], tsa: Tsa) -> None:
    desk, site = capturing
    with serving(lambda _: b"<html>", kind="text/html") as served:
        configured(
            desk.archive.root, ("Alpha", served.url, tsa.root_file), ("Gone", "http://127.0.0.1:1/", tsa.root_file)
        )
        done = _captured(_reopened(desk), site)
        assert len(served.asked) == 2
    assert all(each.pending for each in done.stamped)
    said = manifest.decode_statement(dsse.unverified_payload(desk.archive.statement(done.id).read_bytes(), "it"), "it")
    assert said.opening.tokens == ()


# The command


def test_a_capture_by_the_command_is_stamped_and_its_staff_believe_the_authority(tmp_path: Path, tsa: Tsa) -> None:
    home = {"MUNIMENT_HOME": str(tmp_path / "home")}
    assert muniment("init", "case", "--operator", "Desk 1", cwd=tmp_path, **home).status == 0
    case = tmp_path / "case"
    with sample.serve(tmp_path / "site") as site, serving(tsa.reply) as served:
        configured(case, ("Alpha", served.url, tsa.root_file), ("Gone", "http://127.0.0.1:1/", tsa.root_file))
        done = muniment("capture", *of_site(site), "--engine", "static", "--json", cwd=case, **home)
        assert len(served.asked) == 2
    assert done.status in {0, 3}, done.err
    assert "Not stamped by Gone: refused" in done.err
    assert done.json["anchored"] == "stamped"
    found_ = muniment("verify", "--json", cwd=case, **home)
    assert found_.status == 0, found_.out
    assert any("Sealed between" in each for each in found_.json["proves"])
    assert found_.json["anchored"] == "stamped"


def test_the_command_stamps_tells_and_says_what_is_pending(made: archives.Made, tsa: Tsa, second: Tsa) -> None:
    with serving(tsa.reply) as one:
        configured(made.root, ("Alpha", one.url, tsa.root_file), ("Beta", "http://127.0.0.1:1/b", second.root_file))
        partly = muniment(
            "stamp", "--allow-net", "127.0.0.0/8", "--no-dns", cwd=made.root, MUNIMENT_HOME=str(made.home)
        )
        assert partly.status == 3, partly.err
        assert "stamped  Alpha: checkpoint 2 existed by" in partly.out
        assert "pending  Beta: refused: " in partly.out
        as_json = muniment("stamp", "--json", cwd=made.root, MUNIMENT_HOME=str(made.home))
        assert as_json.status == 3
        assert [bool(each["pending"]) for each in as_json.json["stamps"]] == [False, True]
    # the archive's own staff believe whom they ask
    assert {each.name for each in made.trust.authorities} == {"Alpha", "Beta"}
    shown = muniment("trust", "show", cwd=made.root, MUNIMENT_HOME=str(made.home))
    handed = trust.parse(shown.out.encode(), made.home / "trust.toml")
    assert handed.authorities == made.trust.authorities
    done = muniment("verify", cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert done.status == 0, done.out


def test_without_an_authority_or_a_root_the_command_says_what_to_write(made: archives.Made) -> None:
    none = muniment("stamp", cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert none.status == 2
    assert "[[tsa]]" in none.err
    lacking = muniment("stamp", "--tsa", "http://127.0.0.1:1/", cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert lacking.status == 2
    assert "come in pairs" in lacking.err


@pytest.mark.parametrize("root", ["none.pem", "muniment.toml"])
def test_a_root_that_cannot_be_read_is_refused_before_anything_is_asked(made: archives.Made, root: str) -> None:
    configured(made.root, ("Alpha", "http://127.0.0.1:1/", Path(root)))
    with pytest.raises(JobError, match="neither PEM certificates nor a file"):
        stamping.authorities(made.archive)


def test_a_certificate_that_is_no_root_is_refused_as_one(made: archives.Made, tsa: Tsa) -> None:
    configured(made.root, ("Alpha", "http://127.0.0.1:1/", tsa.folder / "tsa.pem"))
    with pytest.raises(JobError, match="holds no root certificate"):
        stamping.authorities(made.archive)
    written = f"[[tsa]]\nname = 'a'\nroot = {settings.text(str(tsa.folder / 'tsa.pem'))}\n"
    with pytest.raises(JobError, match="holds no root certificate"):
        trust.parse(written.encode(), made.home / "trust.toml")


def test_the_time_is_not_called_proved_where_it_is_for_some_captures_only(made: archives.Made, tsa: Tsa) -> None:
    stamped(made, tsa)
    word = next(each for each in verified_words(made, tsa) if each.word is Word.TIME_PROVED)
    assert (word.state, word.label) == (Verdict.PASS, "Time proved")
    more = now_captured(made, "b")
    word = next(each for each in verified_words(more, tsa) if each.word is Word.TIME_PROVED)
    assert (word.state, word.label) == (Verdict.ABSENT, "Time proved of 1 in 2")


def verified_words(made: archives.Made, tsa: Tsa) -> tuple[Said, ...]:
    return verify(made.root, trusting(made, tsa), outside=made.outside).words
