"""The shape of the house: who may import whom, who may open a file for writing, how large a room may grow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "muniment"
MODULES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {
    "manager",
    "helper",
    "helpers",
    "util",
    "utils",
    "handler",
    "service",
    "base",
    "data",
    "info",
    "process",
}
ONLY_DOORS = {
    "warcio": {"warc"},
    "requests": {"fetch"},
    "sqlite_utils": {"index"},
    "selectolax": {"extract"},
    "hpack": {"message"},
    "trafilatura": {"extract"},
    "segno": {"report"},
    "rfc3161_client": {"timestamp"},
}
# Developers' script: it makes the sample's assets, and no archive ever sees it. Two of its rooms are drawings.
GENERATOR = SOURCE / "sample" / "generate.py"
# A program for the recipient of a packet: it travels alone, in one file, and has openssl read files of its own.
RECIPIENT = SOURCE / "export" / "recipient" / "verify.py"
# Threads keep what stopped them, for the thread that waits to raise.
HAND_OVER = {
    SOURCE / "cli" / "__main__.py",
    SOURCE / "capture" / "crawl.py",
    SOURCE / "capture" / "recorder.py",
    SOURCE / "fetch" / "decoding" / "decoder.py",
}
DRAWINGS = {SOURCE / "sample" / "lettering.py", SOURCE / "sample" / "drawing.py"}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_the_import_contracts_of_the_design_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("library", ONLY_DOORS)
def test_a_foreign_library_has_one_door(library: str) -> None:
    assert {room(path) for path in MODULES if library in imported(path)} == ONLY_DOORS[library]


def test_a_file_is_opened_for_writing_by_durable_only() -> None:
    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        if path not in {SOURCE / "durable.py", SOURCE / "scratch.py", GENERATOR, RECIPIENT}
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _writes(node)
    ]
    assert guilty == []


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {
        "write_bytes",
        "write_text",
        "touch",
        "rename",
        "unlink",
        "symlink_to",
        "hardlink_to",
        "mkdir",
        "rmtree",
    }:
        return True
    modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    texts = [each.value for each in modes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return name == "open" and any(set(text) <= set("rwxab+t") and set(text) & set("wxa+") for text in texts)


def test_only_the_outermost_door_catches_every_exception() -> None:
    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in {"Exception", "BaseException"}
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        and path not in HAND_OVER
    ]
    assert guilty == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_is_small_and_named_for_what_it_knows(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400 or path == RECIPIENT
    assert path.stem not in FORBIDDEN_NAMES
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None and path not in DRAWINGS:
            assert node.end_lineno - node.lineno <= 50, f"{path.name}: {node.name} is too long"


def test_no_path_of_a_machine_is_written_anywhere() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".json", ""} and path.is_file() and path != Path(__file__):
            text = path.read_bytes()
            for place in (b"/ho" + b"me/", b"/ro" + b"ot/", b"/wo" + b"rk/"):
                assert b" " + place not in text, f"{name} names a place on one machine: {place!r}"
