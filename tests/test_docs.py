"""The documentation held against the program: links, examples, tables, the reference, and the schemas of its JSON."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from archives import Made, archive
from authorities import new_root
from muniment import catalogue, layout, sample
from muniment.cli import muniment
from muniment.model import Check, Reason, Role, State, Verdict
from muniment.report.words import TITLES
from muniment.rules import Limits
from muniment.settings import spoken_duration, spoken_size
from muniment.verify import trust, verify
from pages import DOCS, EXAMPLE, ROOT, Block, anchors, blocks, pages, prose, shell
from walk import walked

FORMATS = DOCS / "formats.md"
WALKED = (ROOT / "README.md", DOCS / "tutorial.md", DOCS / "json.md", DOCS / "same-picture.md", DOCS / "witnesses.md")
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (DOCS / "schemas").glob("*.json")}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Links


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


def test_every_page_can_be_reached_from_the_first_one() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        if page.is_dir():
            waiting += page.glob("*.md")
        elif page.suffix == ".md":
            links = (each.partition("#")[0] for each in _LINK.findall(prose(page)) if ":" not in each)
            waiting += [(page.parent / each).resolve() for each in links if each]
    lost = {named(page) for page in (*DOCS.rglob("*.md"), *(ROOT / "changes").glob("*.md")) if page not in seen}
    assert not lost


@pytest.mark.parametrize("page", [*pages(), *DOCS.rglob("*.py"), *(DOCS / "schemas").glob("*.json")], ids=named)
def test_no_page_names_a_folder_of_the_machine_it_was_written_on(page: Path) -> None:
    found = re.findall(r"(?<![\w.…])/(?:root|home|work|tmp|usr|opt|var|Users|private)/\S*", page.read_text())
    assert not found


# Examples


@pytest.mark.parametrize("block", blocks(FORMATS, "console"), ids=lambda block: block.name)
def test_every_example_of_the_formats_prints_what_is_shown(block: Block) -> None:
    for command, shown in block.commands():
        done = shell(command, EXAMPLE, {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        assert (done.returncode, done.stdout) == (0, shown), done.stderr
        assert shown


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sample.Site]:
    with sample.serve(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.mark.parametrize("page", WALKED, ids=named)
def test_every_command_of_a_walk_ends_as_the_page_says(page: Path, site: sample.Site, tmp_path: Path) -> None:
    steps = 0
    for step in walked(page, tmp_path, site):
        said = f"{step.block.name}: {step.command}\n{step.done.stdout}\n{step.done.stderr}"
        assert step.done.returncode == step.wanted, said
        steps += 1
    assert steps


def test_commands_that_are_shown_are_either_run_or_belong_to_no_walk() -> None:
    run = {FORMATS, *WALKED}
    assert [named(page) for page in pages() if blocks(page, "console") and page not in run] == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_command_and_flag_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    known = _commands()
    named_here = re.findall(r"(?:`|\$ |^    )muniment ((?:[a-z]+ ?)+)", text, re.MULTILINE)
    wrong = [words for words in named_here if not any(words.strip().startswith(each) for each in known)]
    unknown = set(re.findall(r"`(--[a-z-]+)", text)) - _flags()
    assert (wrong, unknown - {"--archive", "--help", "--check"}) == ([], set())


def _commands() -> set[str]:
    found = set()
    for name in muniment.list_commands(_context()):
        command = muniment.get_command(_context(), name)
        inner = getattr(command, "commands", None)
        found |= {f"{name} {each}" for each in inner} | {name} if inner else {name}
    return found


def _flags() -> set[str]:
    return set(re.findall(r"`(?:-\w, )?(--[a-z-]+)", (DOCS / "reference.md").read_text()))


def _context() -> Any:
    return muniment.make_context("muniment", ["--help"], resilient_parsing=True)


def test_the_reference_is_what_the_commands_say() -> None:
    narrow = {**os.environ, "COLUMNS": "40", "MUNIMENT_HOME": "elsewhere"}
    command = [sys.executable, str(DOCS / "reference.py"), "--check"]
    done = subprocess.run(command, env=narrow, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# The example archive


def test_the_example_is_what_its_program_makes(tmp_path: Path) -> None:
    made = tmp_path / "made"
    subprocess.run([sys.executable, str(DOCS / "example.py"), str(made)], check=True)
    assert _tree(made) == {path: octets for path, octets in _tree(EXAMPLE).items() if path != "README.md"}


def _tree(root: Path) -> dict[str, bytes]:
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_the_example_verifies_and_without_trust_it_does_not() -> None:
    assert verify(EXAMPLE, trust.read(EXAMPLE / "trust.toml")).verdict is Verdict.PASS
    assert verify(EXAMPLE, trust.Trust.nobody()).verdict is Verdict.UNVERIFIABLE


def _rows(heading: str) -> list[list[str]]:
    table = FORMATS.read_text().partition(f"<!-- {heading} -->\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


@pytest.mark.parametrize("row", _rows("flips"), ids=lambda row: f"{row[0].rpartition('/')[2]}@{row[1]}")
def test_a_flipped_bit_of_the_example_fails_as_the_page_says(row: list[str], tmp_path: Path) -> None:
    file, offset, checks = row
    damaged = tmp_path / "damaged"
    shutil.copytree(EXAMPLE, damaged)
    path = damaged / file.strip("`")
    path.chmod(0o644)
    octets = bytearray(path.read_bytes())
    octets[int(offset)] ^= 1
    path.write_bytes(octets)
    found = verify(damaged, trust.read(EXAMPLE / "trust.toml"))
    failed = {each.check.value for each in found.findings if each.verdict is Verdict.FAIL}
    assert found.verdict is Verdict.FAIL
    assert set(re.findall(r"`([a-z-]+)`", checks)) <= failed


# Tables


def test_the_table_of_reason_codes_is_the_programs() -> None:
    found = {row[0].strip("`"): row[2] for row in _rows("table: reasons")}
    assert found == {each.value: "yes" if each.retryable else "no" for each in Reason}


def test_the_table_of_checks_is_the_programs() -> None:
    found = {row[0].strip("`"): row[1] for row in _rows("table: checks")}
    assert found == {check.value: title for check, title in TITLES.items()}
    assert set(found) == {each.value for each in Check}


@pytest.mark.parametrize(("label", "table"), [("Verdict of a capture", State), ("Roles", Role)])
def test_the_closed_tables_are_the_programs(label: str, table: type[State] | type[Role]) -> None:
    line = FORMATS.read_text().partition(f"**{label}**:")[2].partition(".")[0]
    assert re.findall(r"`([a-z-]+)`", line) == [each.value for each in table]


def test_every_check_in_the_table_of_causes_is_one() -> None:
    table = (DOCS / "security.md").read_text().partition("| checks |")[2].partition("\n\n")[0]
    found = {each for row in table.splitlines()[1:] for each in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    assert found
    assert found <= {each.value for each in Check}


def test_the_limits_that_are_named_are_the_defaults() -> None:
    text = (DOCS / "how-a-capture-works.md").read_text()
    found = dict(re.findall(r"\| `--([a-z-]+)` \| ([^|]+) \|", text))
    known = Limits()
    told: dict[str, Callable[[Any], str]] = {
        "bytes": spoken_size,
        "free": spoken_size,
        "time": spoken_duration,
        "timeout": spoken_duration,
    }
    for name in known.__slots__:
        value = getattr(known, name)
        spoken = told.get(name.rpartition("_")[2], str)(value)
        wanted = {"delay": "0.2s"}.get(name, spoken)
        assert found.pop(name.replace("_", "-")) == wanted
    assert not found


def test_exit_statuses_that_the_reference_lists_are_those_of_the_help() -> None:
    listed = re.findall(r"^\| (\d+) \|", (DOCS / "reference.md").read_text(), re.MULTILINE)
    helped = re.findall(r"\b(\d+) [a-z]", (muniment.help or "").partition("Exit status:")[2])
    assert helped
    assert set(helped) <= set(listed)


# JSON


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    new = archive(tmp_path_factory.mktemp("json"), "a")
    catalogue.rebuild(new.root, new.path(layout.INDEX), lambda _: None)  # whichever command comes first
    return new


def _printed(made: Made, *arguments: str) -> Any:
    command = [sys.executable, "-m", "muniment.cli", *arguments, "--json"]
    environment = {"PATH": os.environ["PATH"], "MUNIMENT_HOME": str(made.home)}
    done = subprocess.run(command, cwd=made.root, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.isascii(), done.stdout
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ("capture-1", ["show", "ID"]),
        ("verify-1", ["verify"]),
        ("verify-1", ["verify", "--payloads", "ID"]),
        ("list-1", ["list"]),
        ("extracted-1", ["extract", "ID", "--out", "OUT"]),
        ("rebuilt-1", ["index", "rebuild"]),
        ("recover-1", ["recover"]),
        ("doctor-1", ["doctor"]),
        ("init-1", ["init", "NEW", "--operator", "Desk 1"]),
        ("keys-1", ["keys", "list"]),
        ("exported-1", ["keys", "export"]),
        ("search-1", ["search", "market"]),
        ("checked-1", ["index", "check"]),
        ("stats-1", ["index", "stats"]),
        ("trust-1", ["trust", "show"]),
        ("recorded-1", ["custody", "record", "--event", "access", "ID"]),
        ("custody-1", ["custody", "show", "ID"]),
        ("trusted-1", ["trust", "check"]),
        ("checkpoint-1", ["log", "checkpoint"]),
        ("published-1", ["log", "publish", "NEW"]),
        ("disclosed-1", ["disclose", "ID:3", "--out", "NEW"]),
        ("renewed-1", ["renew", "--digest", "sha512", "--tsa", "http://127.0.0.1:1/", "--tsa-root", "ROOT"]),
        ("stamp-1", ["stamp", "--tsa", "http://127.0.0.1:1/", "--tsa-root", "ROOT"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else value,
)
def test_what_a_command_prints_keeps_its_schema(made: Made, tmp_path: Path, schema: str, arguments: list[str]) -> None:
    root = tmp_path / "root.pem"
    root.write_bytes(new_root("Root", "ec").certificate.public_bytes(Encoding.PEM))
    places = {"ID": made.captures[0], "OUT": str(tmp_path / "out"), "NEW": str(tmp_path / "new"), "ROOT": str(root)}
    printed = _printed(made, *(places.get(each, each.replace("ID:", f"{made.captures[0]}:")) for each in arguments))
    jsonschema.validate(printed, SCHEMAS[schema])
    assert printed["schema"] == f"muniment.{schema.replace('-', '/')}"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_one_is_listed_and_refuses_another_document(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert f"(schemas/{name}.json)" in (DOCS / "json.md").read_text()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": "muniment.other/1"}, SCHEMAS[name])


def test_the_schemas_list_exactly_the_closed_tables_of_the_program() -> None:
    found = SCHEMAS["verify-1"]["properties"]["findings"]["items"]["properties"]
    assert found["check"]["enum"] == [each.value for each in Check]
    assert found["verdict"]["enum"] == [each.value for each in Verdict]
    missing = SCHEMAS["capture-1"]["properties"]["missing"]["items"]["properties"]
    assert missing["reason"]["enum"] == [*(each.value for each in Reason), None]
    assert missing["role"]["enum"] == [*(each.value for each in Role), None]
    assert SCHEMAS["list-1"]["properties"]["captures"]["items"]["properties"]["verdict"]["enum"] == list(State)
