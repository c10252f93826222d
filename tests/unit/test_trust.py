"""Whom a verifier believes: read strictly, shown compactly, added to without harm."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from muniment import settings
from muniment.errors import JobError, TrustError
from muniment.log.cosignature import WitnessKey
from muniment.log.note import VerifierKey
from muniment.seal import PublicKey, SigningKey, dsse
from muniment.verify import trust
from muniment.verify.trust import Authority, Operator, Trust

OPERATOR = SigningKey.of_seed(b"o" * 32)
LOG = SigningKey.of_seed(b"l" * 32)
VKEY = str(VerifierKey("case.abc", LOG.public))
WITNESS = str(WitnessKey("w.example/1", OPERATOR.public))
LINES = trust.lines("case.abc", VKEY, 'Desk "1"\n', OPERATOR.public)
WHERE = Path("trust.toml")


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trust.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_lines_to_hand_over_read_back_as_the_same_trust(tmp_path: Path) -> None:
    read = trust.read(_file(tmp_path, LINES))
    assert read.logs == (VerifierKey("case.abc", LOG.public),)
    assert read.operators == (Operator('Desk "1"\n', OPERATOR.public),)
    assert read.whose == str(tmp_path / "trust.toml")


def test_the_lines_to_hand_over_fit_on_a_slip_of_paper() -> None:
    assert len(LINES.splitlines()) == 6
    assert max(map(len, LINES.splitlines())) < 100


def test_a_key_that_is_not_ed25519_is_handed_over_as_pem(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    key = PublicKey.parse_pem(private.public_key().public_bytes(*form).decode())
    text = trust.lines("case.abc", VKEY, "Desk 2", key)
    assert trust.read(_file(tmp_path, text)).keys == (key,)
    assert trust.add(trust.add("", LINES, WHERE), text, WHERE).count("[[log]]") == 1
    indented = text.replace('"""\n', '"""\n  \n', 1)
    assert trust.read(_file(tmp_path, indented)).keys == (key,)


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        ("Desk 1", "Desk-1"),
        ("-- Desk: (1) --", "Desk-1"),
        ("a.b_c-D", "a.b_c-D"),
        ("北京", "operator"),
        ("", "operator"),
    ],
)
def test_the_key_of_an_operator_is_written_under_a_name_that_a_line_can_hold(operator: str, name: str) -> None:
    written = trust.lines("case.abc", VKEY, operator, OPERATOR.public)
    assert f'key = "{VerifierKey(name, OPERATOR.public)}"\n' in written


def test_nobody_believes_nobody() -> None:
    assert Trust.nobody().keys == ()
    assert Trust.nobody().logs == ()
    opened = dsse.open(dsse.seal(b"{}", "text/x", [OPERATOR]), [OPERATOR.public], "text/x")
    with pytest.raises(TrustError, match="sealed by no operator whom"):
        Trust.nobody().vouch(opened, datetime.now(UTC), "it")


@pytest.mark.parametrize(
    ("line", "at", "believed"),
    [
        ("from = 2024-01-01T00:00:00Z", "2024-01-01T00:00:00+00:00", True),
        ("from = 2024-01-01T00:00:00Z", "2023-12-31T23:59:59+00:00", False),
        ("until = 2024-01-01T00:00:00+02:00", "2023-12-31T21:59:59+00:00", True),
        ("until = 2024-01-01T00:00:00+02:00", "2023-12-31T22:00:00+00:00", False),
        ("revoked = 2024-01-01T00:00:00Z", "2023-12-31T23:59:59+00:00", False),
        ("revoked = 2024-01-01T00:00:00Z", "2024-01-01T00:00:00+00:00", False),
    ],
)
def test_a_key_is_believed_within_its_time_only(tmp_path: Path, line: str, at: str, *, believed: bool) -> None:
    read = trust.read(_file(tmp_path, LINES + line + "\n"))
    opened = dsse.open(dsse.seal(b"{}", "text/x", [OPERATOR]), read.keys, "text/x")
    if believed:
        assert read.vouch(opened, datetime.fromisoformat(at), "it") is read.operators[0]
    else:
        with pytest.raises(TrustError, match=r"it: sealed by .*Desk .* at 202[34]-.*, but trust.toml"):
            read.vouch(opened, datetime.fromisoformat(at), "it")


@pytest.mark.parametrize(
    ("claimed", "proved", "believed"),
    [
        ("2023-01-01T00:00:00Z", "2023-12-31T23:59:59Z", True),
        ("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z", False),
        ("2024-01-01T00:00:00Z", "2023-12-31T23:59:59Z", False),
    ],
)
def test_a_revoked_key_is_believed_only_for_what_is_proved_to_be_older(
    claimed: str, proved: str, *, believed: bool
) -> None:
    stolen = Operator("a", OPERATOR.public, revoked=datetime(2024, 1, 1, tzinfo=UTC))
    with nullcontext() if believed else pytest.raises(TrustError, match="revoked since 2024-01-01T00:00:00Z"):
        stolen.vouch(datetime.fromisoformat(claimed), "it", datetime.fromisoformat(proved))


@pytest.mark.parametrize(
    ("proved", "shown"),
    [
        (None, "and no time-stamp shows that it was sealed before"),
        (datetime(2024, 5, 1, tzinfo=UTC), "and the time-stamp of 2024-05-01T00:00:00Z does not show that it was"),
    ],
)
def test_it_is_said_why_what_a_revoked_key_sealed_is_not_believed(proved: datetime | None, shown: str) -> None:
    stolen = Operator("a", OPERATOR.public, revoked=datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(TrustError, match=shown):
        stolen.vouch(datetime(2023, 1, 1, tzinfo=UTC), "it", proved)


def test_times_are_told_in_utc_whatever_zone_they_are_written_in() -> None:
    late = Operator("a", OPERATOR.public, until=datetime.fromisoformat("2024-01-01T00:00:00+02:00"))
    with pytest.raises(TrustError) as refusal:
        late.vouch(datetime(2024, 6, 1, tzinfo=UTC), "it")
    said = "sealed by 'a' at 2024-06-01T00:00:00Z, but trust.toml believes that key only until 2023-12-31T22:00:00Z"
    assert str(refusal.value) == f"it: {said}"


def test_one_good_signer_is_enough_where_another_is_out_of_time() -> None:
    other = SigningKey.of_seed(b"2" * 32)
    late = Operator("late", OPERATOR.public, since=datetime(2030, 1, 1, tzinfo=UTC))
    held = replace(Trust.nobody(), operators=(late, Operator("good", other.public)))
    opened = dsse.open(dsse.seal(b"{}", "text/x", [OPERATOR, other]), held.keys, "text/x")
    assert held.vouch(opened, datetime(2024, 1, 1, tzinfo=UTC), "it").name == "good"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[log]]\norigin = 'a'\nvkye = 'x'\n", r"line 3: unknown key 'vkye'; did you mean 'vkey'\?"),
        ("[[operator]]\nname = 'a'\n", "key"),
        ("[[operator]\n", "is not TOML"),
        (LINES + "until = 2024-01-01T00:00:00\n", "timezone"),
        (LINES + "until = 'soon'\n", "datetime"),
        (
            LINES.replace('origin = "case.abc"', 'origin = "case.abd"'),
            "log 'case.abd': the origin is not the name that its vkey begins with, 'case.abc'",
        ),
        (LINES.replace("+", "-"), r"expected <name>\+<8 hex digits>"),
        (LINES.replace("Desk", "Desk", 1) + LINES.split("[[operator]]")[1].join(["[[operator]]", ""]), "one key"),
        ("[[operator]]\nname = ' '\nkey = '" + VKEY + "'\n", "needs a name"),
        ("[[operator]]\nname = 'a'\nkey = '-----BEGIN PUBLIC KEY-----'\n", "BEGIN PUBLIC KEY"),
        ("[[operator]]\nname = 'a'\nkey = 'x'\n", "toml, operator 'a': "),
        ("[[log]]\norigin = 'a'\nvkey = 'x'\n", "toml, log 'a': "),
        ("witnesses_needed = 1\n", "witnesses_needed = 1, but 0 are named"),
        ("witnesses_needed = -1\n", "witnesses_needed = -1, but 0 are named"),
        ("max_stamp_delay = 'soon'\n", "is not a duration"),
        ("[[tsa]]\nname = 'a'\nroot = 'none.pem'\n", "neither a PEM certificate nor a file"),
        ("[[tsa]]\nname = 'a'\nroot = 'trust.toml'\n", "neither a PEM certificate nor a file"),
        ("[[tsa]]\nname = 'a'\nroot = '-----BEGIN CERTIFICATE-----'\n", "neither a PEM certificate nor a file"),
        ("[[witness]]\nname = 'w'\nvkey = 'w'\n", "witness 'w'"),
        (f"[[witness]]\nname = 'w'\nvkey = '{VKEY}'\n", "0x04"),
        (
            f"[[witness]]\nname = 'w'\nvkey = '{WITNESS}'\n[[witness]]\nname = 'v'\nvkey = '{WITNESS}'\n",
            "stands there twice",
        ),
        (LINES + f"[[witness]]\nname = 'w'\nvkey = '{WitnessKey('case.abc', LOG.public)}'\n", "no witness of itself"),
    ],
)
def test_a_mistake_in_trust_is_one_clear_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(JobError, match=says) as mistake:
        trust.read(_file(tmp_path, text))
    assert "trust.toml" in str(mistake.value) or "duration" in says
    assert "\n" not in str(mistake.value)


def test_a_trust_file_that_is_missing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"name a trust\.toml by --trust"):
        trust.read(tmp_path / "trust.toml")


def test_lines_are_added_once_and_what_stands_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "home" / "trust.toml"
    trust.remember(path, LINES)
    first = path.read_text()
    assert first.startswith(trust.EMPTY)
    path.write_text(first + "# mine, without a line end")
    other = trust.lines("other.abc", str(VerifierKey("other.abc", LOG.public)), "Desk 3", OPERATOR.public)
    trust.remember(path, LINES)
    assert path.read_text() == first + "# mine, without a line end"
    trust.remember(path, other)
    text = path.read_text()
    assert text.startswith(first + "# mine, without a line end\n")
    # The same operator's key stands there already: only the other log is new.
    assert (text.count("[[log]]"), text.count("[[operator]]")) == (2, 1)
    assert len(trust.read(path).logs) == 2


@pytest.mark.parametrize(("existing", "before"), [("", ""), ("# a\n", "# a\n\n"), ("# a", "# a\n\n"), ("\n", "\n\n")])
def test_an_empty_line_parts_what_was_there_from_what_is_added(existing: str, before: str) -> None:
    assert trust.add(existing, LINES, WHERE) == before + LINES


def test_a_file_to_which_nothing_is_added_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    trust.remember(path, "")
    assert path.read_text() == trust.EMPTY
    before = path.stat()
    trust.remember(path, "")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_is_no_text_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(JobError, match=r"trust\.toml: could not be read: "):
        trust.remember(path, LINES)
    assert path.read_bytes() == b"# caf\xe9\n"


def test_a_long_file_of_any_letters_is_read_whole(tmp_path: Path) -> None:
    text = "# 誰を信じるか\n" + "\n" * (3 << 20) + LINES
    assert trust.read(_file(tmp_path, text)).keys == (OPERATOR.public,)
    trust.remember(tmp_path / "trust.toml", "# 北京\n" + LINES)
    assert (tmp_path / "trust.toml").read_text(encoding="utf-8") == text


def test_the_root_of_an_authority_stands_in_the_file_or_beside_it(tmp_path: Path) -> None:
    root = trustme.CA().cert_pem.bytes().decode()
    tmp_path.joinpath("root.pem").write_text(root)
    tables = f"[[tsa]]\nname = 'a'\nroot = {settings.text(root)}\n[[tsa]]\nname = 'b'\nroot = 'root.pem'\n"
    held = tuple(x509.load_pem_x509_certificates(root.encode()))
    assert trust.read(_file(tmp_path, tables)).authorities == (Authority("a", held), Authority("b", held))


def test_another_key_for_a_known_log_is_never_added_silently() -> None:
    other = str(VerifierKey("case.abc", SigningKey.of_seed(b"x" * 32).public))
    with pytest.raises(JobError, match=r"believes another key for the log 'case\.abc' already"):
        trust.add(LINES, trust.lines("case.abc", other, "Desk 1", OPERATOR.public), WHERE)


def test_the_file_that_is_begun_empty_is_a_trust_in_nobody() -> None:
    read = trust.parse(trust.EMPTY.encode(), WHERE)
    assert replace(read, whose="nobody: no trust.toml was given") == Trust.nobody()


def test_all_tables_are_read(tmp_path: Path) -> None:
    witness = str(WitnessKey("w.example", LOG.public))
    first = "witnesses_needed = 1\nmax_stamp_delay = '2h'\n"
    read = trust.read(_file(tmp_path, f"{first}{LINES}[[witness]]\nname = 'w'\nvkey = {settings.text(witness)}\n"))
    assert (read.witnesses_needed, read.max_stamp_delay, len(read.witnesses)) == (1, 7200, 1)


OPERATOR_LINES = LINES.partition("[[operator]]")[1] + LINES.partition("[[operator]]")[2]
NAMED = trust.parse(LINES.encode(), WHERE).operators[0].name
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def test_the_lines_of_an_operator_give_each_time_that_is_known() -> None:
    assert trust.operator_lines(NAMED, OPERATOR.public) == OPERATOR_LINES
    times = [NEW_YEAR.replace(year=year) for year in (2021, 2022, 2023)]
    written = trust.operator_lines(NAMED, OPERATOR.public, *times)
    added = "from = 2021-01-01T00:00:00Z\nuntil = 2022-01-01T00:00:00Z\nrevoked = 2023-01-01T00:00:00Z\n"
    assert written == OPERATOR_LINES + added
    (read,) = trust.parse(written.encode(), WHERE).operators
    assert [read.since, read.until, read.revoked] == times


def test_the_lines_of_an_authority_hold_its_roots_and_read_back() -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    held = tuple(x509.load_pem_x509_certificates(pem.encode()))
    written = trust.authority_lines("Alpha, Inc.", held)
    assert written == f'[[tsa]]\nname = "Alpha, Inc."\nroot = """\n{pem}"""\n'
    assert trust.parse(written.encode(), WHERE).authorities == (Authority("Alpha, Inc.", held),)


def test_certificates_without_a_root_among_them_are_refused() -> None:
    ca = trustme.CA()
    between = ca.create_child_ca().cert_pem.bytes().decode()
    with pytest.raises(JobError, match="root holds no root certificate, one that its own subject issued"):
        trust.parse(f'[[tsa]]\nname = "a"\nroot = """\n{between}"""\n'.encode(), WHERE)


@pytest.mark.parametrize("field", ["until", "revoked"])
def test_the_end_of_a_key_is_written_into_its_table_once(tmp_path: Path, field: str) -> None:
    other = trust.operator_lines("Other", LOG.public)
    path = _file(tmp_path, f"# mine\n{other}{LINES}")
    assert trust.bound(path, OPERATOR.public, field, NEW_YEAR)
    head, rest = OPERATOR_LINES.split("\n", 1)
    bounded = f"{head}\n{field} = 2024-01-01T00:00:00Z\n{rest}"
    assert path.read_text() == f"# mine\n{other}{LINES.replace(OPERATOR_LINES, bounded)}"
    for moment, is_so in ((NEW_YEAR, True), (NEW_YEAR.replace(year=2025), True), (NEW_YEAR.replace(year=2023), False)):
        before = path.read_text()
        assert trust.bound(path, OPERATOR.public, field, moment) == is_so
        assert path.read_text() == before


def test_a_key_that_a_file_does_not_hold_is_bound_nowhere(tmp_path: Path) -> None:
    assert not trust.bound(tmp_path / "none.toml", OPERATOR.public, "until", NEW_YEAR)
    path = _file(tmp_path, LINES)
    assert not trust.bound(path, LOG.public, "until", NEW_YEAR)
    assert path.read_text() == LINES
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(JobError, match=r"trust\.toml: could not be read: "):
        trust.bound(path, OPERATOR.public, "until", NEW_YEAR)


def test_a_file_that_is_wrong_elsewhere_is_not_written(tmp_path: Path) -> None:
    broken = LINES + "[[log]]\norigin = 'other'\nvkey = 'none'\n"
    path = _file(tmp_path, broken)
    with pytest.raises(JobError, match="log 'other'"):
        trust.bound(path, OPERATOR.public, "until", NEW_YEAR)
    assert path.read_text() == broken
