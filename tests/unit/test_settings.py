"""Files and values from people: read strictly, and answered with the line and a suggestion."""

from pathlib import Path

import pytest

from muniment import settings
from muniment.capture.archive import LimitsTable, Settings, limits
from muniment.errors import JobError
from muniment.rules import Limits
from muniment.verify.trust import _TrustFile

GOOD = '[archive]\nname = "a"\norigin = "a.abcdef"\noperator = "Desk"\n'


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20), ("15m", 900), ("2h", 7200), ("0.2s", 0.2), ("250ms", 0.25)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert settings.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "octets"), [("500MB", 500_000_000), ("2GiB", 2 << 30), ("1024B", 1024)])
def test_a_size_is_read(text: str, octets: int) -> None:
    assert settings.size(text) == octets


@pytest.mark.parametrize("text", ["", "20", "s", "-1s", "1e3s", "20 s", "٢s", "20S", "5GiBs"])
def test_anything_else_is_no_duration_and_no_size(text: str) -> None:
    with pytest.raises(JobError):
        settings.duration(text)
    with pytest.raises(JobError):
        settings.size(text)


def test_what_is_spoken_is_read_again_as_the_same() -> None:
    for seconds in (0.2, 1, 20, 90, 900, 7200, 86400):
        assert settings.duration(settings.spoken_duration(seconds)) == pytest.approx(seconds)
    for octets in (0, 1, 1024, 500_000_000, 5 << 30):
        assert settings.size(settings.spoken_size(octets)) == octets


def test_a_misspelt_key_is_named_with_its_line_and_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "muniment.toml"
    path.write_text(GOOD + "\n[limits]\nmax-tiem = '5m'\n")
    with pytest.raises(JobError, match=r"line 7: unknown key 'max-tiem'; did you mean 'max-time'\?"):
        settings.read(path, Settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[limits]\n[capture.limits]\n", "line 6: unknown key 'limits'; did you mean [limits], outside of [capture]?"),
        ("[capture]\n'limits' = 1\n", "line 6: unknown key 'limits'; did you mean [limits], outside of [capture]?"),
        ("[capture]\nlimit = 1\n", "line 6: unknown key 'limit'; did you mean [limits], outside of [capture]?"),
        ("limits.cited = 1\n", "line 5: unknown key 'limits'; did you mean [limits], outside of [archive]?"),
        (
            "[capture]\nmax-time = '5m'\n",
            "unknown key 'max-time'; did you mean max-time in [limits], outside of [capture]?",
        ),
        ("[max-time]\n", "line 5: unknown key 'max-time'; did you mean max-time in [limits]?"),
        ("[limit]\n", "line 5: unknown key 'limit'; did you mean 'limits'?"),
        ("[limits]\nx = 1\n[capture]\nx = 1\n", "line 6: unknown key 'x'; known are: delay, idle-timeout, "),
        ("[[x]]\n", "line 5: unknown key 'x'; known are: archive, capture, checkpoints, custody"),
        ("[capture]\nx = 1\n", "line 6: unknown key 'x'; known are: ca-file, cited, tls, user-agent"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_where_it_belongs(text: str, says: str) -> None:
    with pytest.raises(JobError) as mistake:
        settings.parse((GOOD + text).encode(), Settings, Path("muniment.toml"))
    assert says in str(mistake.value)


def test_of_tables_that_come_several_times_the_right_one_is_named() -> None:
    with pytest.raises(JobError) as mistake:
        settings.parse(b"[[log]]\nwitness = 1\n", _TrustFile, Path("trust.toml"))
    told = "trust.toml, line 2: unknown key 'witness'; did you mean [[witness]], outside of [log]?"
    assert str(mistake.value) == told
    with pytest.raises(
        JobError, match=r"did you mean witnesses_needed above the first table, outside of \[witness\]\?"
    ):
        settings.parse(b"[[witness]]\nwitnesses_needed = 1\n", _TrustFile, Path("trust.toml"))
    for first, second, line in (("1", "'a'", 2), ("'a'", "1", 5)):
        two = f"[[log]]\norigin = {first}\nvkey = 'b'\n[[log]]\norigin = {second}\nvkey = 'b'\n"
        with pytest.raises(JobError, match=rf"^trust\.toml, line {line}: Expected `str`, got `int`"):
            settings.parse(two.encode(), _TrustFile, Path("trust.toml"))
    with pytest.raises(JobError, match=r"line 4: Object missing required field `vkey`"):
        settings.parse(b"[[log]]\norigin = 'a'\nvkey = 'b'\n[[log]]\norigin = 'a'\n", _TrustFile, Path("trust.toml"))


def test_a_value_of_another_type_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "muniment.toml"
    path.write_text(GOOD.replace('"Desk"', "5"))
    with pytest.raises(JobError, match=r"line 4: Expected `str`, got `int`"):
        settings.read(path, Settings)


@pytest.mark.parametrize("content", [b"[archive\n", b"a = \n", b"\xff\xfe", b"a = " + b"[" * 100_000])
def test_what_is_no_toml_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "muniment.toml"
    path.write_bytes(content)
    with pytest.raises(JobError, match=r"muniment\.toml"):
        settings.read(path, Settings)


@pytest.mark.parametrize("text", ['say "no"', "back\\slash", "line\nbreak", "\x00", "Desk «1»"])
def test_text_is_written_so_that_toml_reads_it_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "muniment.toml"
    path.write_text(GOOD.replace('"Desk"', settings.text(text)), encoding="utf-8")
    assert settings.read(path, Settings).archive.operator == text


def test_limits_are_taken_where_they_are_named_and_kept_where_not() -> None:
    found = limits(LimitsTable(max_time="5m", max_bytes="1MiB", max_resources=7), Limits())
    assert (found.max_time, found.max_bytes, found.max_resources) == (300, 1 << 20, 7)
    assert found.idle_timeout == Limits().idle_timeout


def test_a_limit_below_one_is_refused_by_name() -> None:
    with pytest.raises(JobError, match="per-host = 0"):
        limits(LimitsTable(per_host=0), Limits())


@pytest.mark.parametrize("text", ["n = " + "9" * 5000, "a = " + "[" * 5000])
def test_numbers_and_nesting_beyond_all_reason_are_no_toml(text: str) -> None:
    with pytest.raises(JobError, match=r"^muniment\.toml: is not TOML: "):
        settings.parse(text.encode(), Settings, Path("muniment.toml"))
