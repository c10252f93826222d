"""The expiry drill: a clock years ahead, with and without renewal, in time and too late."""

import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import archives
from authorities import Tsa, configured, new_tsa, serving
from commands import muniment
from muniment import layout
from muniment.capture import renewal, stamping
from muniment.capture.commit import Ending, commit, signers
from muniment.capture.sealing import Clock
from muniment.errors import JobError
from muniment.model import Check, Finding, Verdict
from muniment.rules import Rules
from muniment.verify import Depth, trust, verify

TERMS = stamping.Terms(Rules(allow_net=("127.0.0.0/8",), dns=False), Clock(), 10)
AHEAD = timedelta(days=366 * 20)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    """Give an authority whose certificate ends in a month."""
    return new_tsa(tmp_path_factory.mktemp("tsa") / "short", "Short", "ec", days=(-1, 30))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    """Give an authority whose certificates are good for more than twenty years."""
    return new_tsa(tmp_path_factory.mktemp("tsa") / "lasting", "Lasting", "ec", days=(-1, 8000), intermediate=True)


@pytest.fixture
def made(tmp_path: Path) -> archives.Made:
    new = archives.begun(tmp_path)
    with archives.drafted(new, archives.article("a"), datetime.now(UTC) - timedelta(seconds=30)) as capture:
        done = commit(capture, Ending(3, 2))
    return replace(new, captures=(done.id,))


def asked(stack: ExitStack, *whom: Tsa) -> tuple[stamping.Authority, ...]:
    return tuple(
        stamping.Authority(each.name, stack.enter_context(serving(each.reply)).url, each.roots) for each in whom
    )


def stamped(made: archives.Made, *whom: Tsa) -> None:
    with ExitStack() as stack:
        done = stamping.stamp(made.archive, asked(stack, *whom), stamping.newest(made.archive), TERMS)
    assert [each.pending for each in done] == [""] * len(whom)


def renewed(made: archives.Made, *whom: Tsa, digest: str | None = None) -> renewal.Renewed:
    with ExitStack() as stack:
        return renewal.renew(made.archive, signers(made.archive, None), asked(stack, *whom), TERMS, digest)


def lapses(
    made: archives.Made, at: datetime | None, *whom: Tsa, depth: Depth = Depth.RECORDS
) -> tuple[Verdict, list[Finding]]:
    lines = "".join(trust.authority_lines(each.name, each.roots) for each in whom)
    believed = trust.parse(((made.home / "trust.toml").read_text() + lines).encode(), made.home / "trust.toml")
    found = verify(made.root, believed, depth=depth, outside=replace(made.outside, at=at))
    return found.verdict, [each for each in found.findings if each.check is Check.TIME_LAPSE]


def test_nothing_lapses_while_certificates_last(made: archives.Made, short: Tsa) -> None:
    stamped(made, short)
    verdict, (finding,) = lapses(made, datetime.now(UTC), short)
    assert (verdict, finding.verdict) == (Verdict.PASS, Verdict.PASS)
    assert "none of 1 good tokens lapses" in finding.detail
    assert lapses(made, None, short) == (Verdict.PASS, [])


def test_twenty_years_ahead_without_renewal_is_unverifiable_and_says_what_to_renew(
    made: archives.Made, short: Tsa, lasting: Tsa
) -> None:
    stamped(made, short, lasting)
    verdict, findings = lapses(made, datetime.now(UTC) + AHEAD, short, lasting)
    assert verdict is Verdict.UNVERIFIABLE
    assert [(each.verdict, "short-" in each.subject) for each in findings] == [(Verdict.UNVERIFIABLE, True)]
    assert "muniment renew" in findings[0].detail
    # the time itself is judged at the token's own time
    verdict, findings = lapses(made, datetime.now(UTC) + AHEAD * 2, short, lasting)
    assert [each.verdict for each in findings] == [Verdict.UNVERIFIABLE] * 2


def test_a_renewed_token_goes_on_counting(made: archives.Made, short: Tsa, lasting: Tsa) -> None:
    stamped(made, short)
    done = renewed(made, lasting)
    assert [each.pending for each in done.stamped] == [""]
    verdict, findings = lapses(made, datetime.now(UTC) + AHEAD, short, lasting)
    assert verdict is Verdict.PASS
    assert {each.verdict for each in findings} == {Verdict.PASS}
    assert any("'Lasting Time' shows that it existed by" in each.detail for each in findings)


def test_a_renewal_by_a_chain_of_authorities_counts(
    made: archives.Made, short: Tsa, lasting: Tsa, tmp_path: Path
) -> None:
    middle = new_tsa(tmp_path / "middle", "Middle", "ec", days=(-1, 300))
    stamped(made, short)
    renewed(made, middle)
    at = datetime.now(UTC) + timedelta(days=1000)
    verdict, findings = lapses(made, at, short, middle, lasting)
    assert (verdict, [each.verdict for each in findings].count(Verdict.UNVERIFIABLE)) == (Verdict.UNVERIFIABLE, 2)
    renewed(made, lasting)
    verdict, findings = lapses(made, at, short, middle, lasting)
    assert (verdict, {each.verdict for each in findings}) == (Verdict.PASS, {Verdict.PASS})


def test_a_renewal_that_nobody_stamped_or_that_an_unknown_authority_stamped_counts_for_nothing(
    made: archives.Made, short: Tsa, lasting: Tsa
) -> None:
    stamped(made, short)
    renewed(made)
    at = datetime.now(UTC) + timedelta(days=365)
    assert lapses(made, at, short)[0] is Verdict.UNVERIFIABLE
    stamped(made, lasting)
    assert any(each.verdict is Verdict.UNVERIFIABLE for each in lapses(made, at, short)[1])
    assert lapses(made, at, short, lasting)[0] is Verdict.PASS


def test_a_renewal_after_the_end_is_too_late(made: archives.Made, lasting: Tsa, tmp_path: Path) -> None:
    brief = new_tsa(tmp_path / "brief", "Brief", "ec", days=(-1, 8 / 86400))
    stamped(made, brief)
    while datetime.now(UTC) <= brief.leaf.certificate.not_valid_after_utc:
        time.sleep(0.1)  # until the certificate has ended
    renewed(made, lasting)
    verdict, findings = lapses(made, datetime.now(UTC), brief, lasting)
    assert verdict is Verdict.UNVERIFIABLE
    assert [each.verdict for each in findings if each.subject.endswith(".tsr")] == [Verdict.UNVERIFIABLE]


def test_the_lists_are_what_sha256sum_and_sha512sum_read(made: archives.Made, short: Tsa, lasting: Tsa) -> None:
    stamped(made, short)
    done = renewed(made, lasting, digest="sha512")
    assert [path.rpartition(".")[2] for path, _ in done.lists] == ["sha256", "sha512"]
    for path, number in done.lists:
        program = f"{path.rpartition('.')[2]}sum"
        checked = subprocess.run([program, "-c", path], cwd=made.root, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.count(": OK") == number
    listed = made.path(done.lists[1][0]).read_text()
    wanted = {
        str(path.relative_to(made.root))
        for path in made.root.rglob("*")
        if path.is_file() and path.relative_to(made.root).parts[0] in {"archive", "manifests"}
    }
    newer = {each for each in wanted if done.event in each or each.endswith("/checkpoint")}
    newer |= {each for each in wanted if "/logs/" in each and ("/3" in each or each.endswith(".p/3"))}
    assert {line.split("  ")[1] for line in listed.splitlines()} - wanted == set()
    assert wanted - newer <= {line.split("  ")[1] for line in listed.splitlines()}


def test_a_changed_list_fails_and_so_does_a_file_with_another_second_digest(
    made: archives.Made, short: Tsa, lasting: Tsa
) -> None:
    stamped(made, short)
    done = renewed(made, lasting, digest="sha512")
    at = datetime.now(UTC)
    assert lapses(made, at, short, lasting, depth=Depth.PAYLOADS)[0] is Verdict.PASS
    for path, _ in done.lists:
        file = made.path(path)
        before = file.read_bytes()
        file.chmod(0o644)
        for octets in (before[:-2], before.replace(b"  ", b" *", 1), b""):
            file.write_bytes(octets)
            verdict, findings = lapses(made, at, short, lasting)
            assert verdict is Verdict.FAIL
            assert [each.subject for each in findings if each.verdict is Verdict.FAIL] == [path]
        file.unlink()
        assert lapses(made, at, short, lasting)[0] is Verdict.FAIL
        file.write_bytes(before)
    assert lapses(made, at, short, lasting)[0] is Verdict.PASS


def test_a_list_without_its_renewal_is_noted(made: archives.Made, short: Tsa, lasting: Tsa) -> None:
    stamped(made, short)
    done = renewed(made, lasting)
    path = made.path(done.lists[0][0])
    other = made.path(layout.event_list("event-20241210T093012Z-k7f3qa", "sha256"))
    other.parent.mkdir(parents=True)
    other.write_bytes(path.read_bytes())
    verdict, findings = lapses(made, datetime.now(UTC), short, lasting)
    assert verdict is Verdict.PASS
    assert [each.detail for each in findings if each.verdict is Verdict.ABSENT] == [
        "A list whose renewal no log holds: it was cut short, and counts for nothing."
    ]


def test_without_tokens_there_is_nothing_to_renew(made: archives.Made, lasting: Tsa) -> None:
    before = archives.tree(made.path("manifests"))
    with pytest.raises(JobError, match="no token to renew"):
        renewed(made, lasting)
    assert archives.tree(made.path("manifests")) == before


def test_the_commands_renew_and_tell_what_will_have_lapsed(made: archives.Made, short: Tsa, lasting: Tsa) -> None:
    home = {"MUNIMENT_HOME": str(made.home)}
    day = f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}"
    with serving(short.reply) as one, serving(lasting.reply) as two:
        configured(made.root, ("Short", one.url, short.root_file))
        assert muniment("stamp", "--allow-net", "127.0.0.0/8", cwd=made.root, **home).status == 0
        assert muniment("verify", cwd=made.root, **home).status == 0
        ahead = muniment("verify", "--at", day, cwd=made.root, **home)
        assert ahead.status == 4
        assert "muniment renew" in ahead.out
        sick = muniment("doctor", cwd=made.root, **home)
        assert "LACK  trusted time" in sick.out
        configured(made.root, ("Lasting", two.url, lasting.root_file))
        done = muniment("renew", "--allow-net", "127.0.0.0/8", cwd=made.root, **home)
        assert done.status == 0, done.err
        assert "stamped  Lasting" in done.out
    assert muniment("verify", "--at", day, cwd=made.root, **home).status == 0
    assert "fit   trusted time" in muniment("doctor", cwd=made.root, **home).out
    assert os.path.lexists(made.path(layout.events()))
