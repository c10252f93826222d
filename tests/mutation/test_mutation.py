"""The mutation tests are tested: lies are told as they are named, noticed, and accepted for a reason only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mutants
from lies import lies, named

SOURCE = '''
"""A docstring is no lie."""
LIMIT: Final = 7

def read(text: str, where: object = "text") -> bytes | None:
    """Nor is this."""
    if not text or len(text) > LIMIT:
        raise FormatError(where, expected=f"at most {LIMIT}", found=text[:3])
    found = f"of {len(text)}"
    return text[1:].strip().encode()
'''
LIES = [
    "module: LIMIT: Final = 7 -> LIMIT: Final = 8",
    "module: LIMIT: Final = 7 -> LIMIT: Final = 6",
    "read: not text or len(text) > LIMIT -> not text and len(text) > LIMIT",
    "read: not text or len(text) > LIMIT -> text or len(text) > LIMIT",
    "read: not text or len(text) > LIMIT -> not text or len(text) >= LIMIT",
    "read: raise FormatError(where, expected=f'at most {LIMIT}', found=text[:3]) -> pass",
    "read: return text[1:].strip().encode() -> return None",
    "read: return text[1:].strip().encode() -> return text[1:].encode()",
    "read: return text[1:].strip().encode() -> return text[:].strip().encode()",
    "read: return text[1:].strip().encode() -> return text[2:].strip().encode()",
    "read: return text[1:].strip().encode() -> return text[0:].strip().encode()",
]


def test_every_small_lie_about_a_function_is_told_and_none_about_its_words() -> None:
    assert named(ast.parse(SOURCE)) == LIES


def test_a_lie_changes_what_its_name_says_and_nothing_else() -> None:
    for number, name in enumerate(LIES):
        tree = ast.parse(SOURCE)
        next(lie for at, lie in enumerate(lies(tree)) if at == number).tell()
        before, after = name.partition(": ")[2].split(" -> ")
        assert ast.unparse(tree) == ast.unparse(ast.parse(SOURCE)).replace(before, after)


def test_equal_lies_in_one_function_have_names_of_their_own() -> None:
    assert named(ast.parse("a = 1\na = 1"))[2:] == ["module: a = 1 -> a = 2 (2)", "module: a = 1 -> a = 0 (2)"]


@pytest.mark.parametrize("module", mutants.MODULES)
def test_every_accepted_survivor_can_still_be_told_and_has_a_reason(module: str) -> None:
    reasons = mutants.accepted().get(module, {})
    assert reasons.keys() <= set(mutants.listed(module))
    assert all(len(reason.split()) > 3 for reason in reasons.values())


def test_no_survivor_is_accepted_of_a_module_that_is_not_tried() -> None:
    assert mutants.accepted().keys() <= mutants.MODULES.keys()


@pytest.mark.timeout(0)  # each lie has its own limit of CPU time
def test_lies_that_must_be_noticed_are_noticed() -> None:
    program = Path(mutants.__file__)
    done = subprocess.run(
        [sys.executable, program, "--sample", "1"], capture_output=True, text=True, check=False, cwd=program.parents[1]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": 1 told, 1 noticed, 0 accepted, ") == len(mutants.MODULES)


def test_tests_that_could_not_be_run_notice_nothing() -> None:
    program = (
        "import mutants; mutants.MODULES = {'digest': ('unit/no_such_test.py',)}; list(mutants.tried('digest', 1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=Path(mutants.__file__).parent
    )
    assert done.stderr.endswith("RuntimeError: the tests about digest could not be run: status 68\n")
