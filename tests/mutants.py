"""Mutation tests: each small lie told about a pure module must make one of its tests fail.

``python tests/mutants.py [MODULE ...]`` tells every lie about each module of the table MODULES, or about those named,
and compares what nobody noticed with ``mutation/survivors.toml``, where each accepted survivor has its reason. With
``--sample N`` it tells N of those that must be noticed. It ends with 1 for a survivor without a reason, and for a
reason whose lie was noticed or can no longer be told.

Nothing is written: a process forked from a warm one imports the package with the one module changed in memory.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

from lies import lies, named

__all__ = ["MODULES", "accepted", "listed"]

TESTS: Final = Path(__file__).resolve().parent
SOURCE: Final = TESTS.parent / "src" / "muniment"
SURVIVORS: Final = TESTS / "mutation" / "survivors.toml"
_MEMORY: Final = 4 << 30
_NONE: Final = -1
_JUDGED: Final = 64
"""Added to the status of pytest, so that a child that broke before it judged does not look like a failed test."""
_ENDED_BY_LIMITS: Final = frozenset({-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGSEGV})
_NOTICED: Final = frozenset({pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR})
_SECONDS: Final = 100
# Starting pytest is most of what a lie costs: no plugin that does not judge, and tests without fixtures of the suite.
_PLUGINS: Final = [
    "cacheprovider",
    "logging",
    "junitxml",
    "doctest",
    "faulthandler",
    "debugging",
    "pastebin",
    "stepwise",
    "setuponly",
]
_PLAIN: Final = (
    "-x",
    "--noconftest",
    "--tb=no",
    "--assert=plain",
    "-ppytest_timeout",
    *(f"-pno:{each}" for each in _PLUGINS),
)
_FORKS: Final = multiprocessing.get_context("fork")

# Each pure module, and the tests that are about it: the quick ones first, for the first that fails ends it.
MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "digest": ("unit/test_digest.py",),
    "layout": ("unit/test_layout.py",),
    "canonical": ("unit/test_canonical.py", "unit/test_manifest.py"),
    "manifest.line": ("unit/test_manifest.py",),
    "manifest.moment": ("unit/test_manifest.py",),
    "manifest.statement": ("unit/test_manifest.py",),
    "log.tree": ("unit/test_tree.py", "properties/test_log.py"),
    "log.note": ("unit/test_note.py", "properties/test_log.py"),
    "log.leaf": ("unit/test_leaf.py",),
    "seal.dsse": ("unit/test_seal.py",),
    "message.head": ("unit/test_head.py", "unit/test_http1_connection.py"),
    "message.url": ("unit/test_url.py",),
    "message.entity": ("unit/test_entity.py",),
    "message.response": ("unit/test_response.py",),
    "message.chunked": ("unit/test_chunked.py",),
    "message.coding": ("unit/test_coding.py",),
    "tls.attribution": ("unit/test_attribution.py", "properties/test_handshakes.py"),
    "warc.fields": ("unit/test_warc_fields.py",),
    "capture.reckoning": ("unit/test_reckoning.py",),
    "capture.verdict": ("unit/test_verdict.py",),
    "fetch.decoding.crossing": ("unit/test_crossing.py",),
    "index.folding": ("unit/test_folding.py",),
    "verify.trust": ("unit/test_trust.py",),
}


def accepted() -> Mapping[str, Mapping[str, str]]:
    """Return the survivors that are accepted, by module: each with its reason."""
    return tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))


def source(module: str) -> str:
    return SOURCE.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")


def listed(module: str) -> list[str]:
    """Return the name of every lie that can be told about *module*, in its order."""
    return named(ast.parse(source(module)))


class _Told(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the one module in its changed form to whoever imports it; all others come from their files."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._name = f"muniment.{module}"
        self._tree = tree

    def find_spec(self, fullname: str, _path: Any, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self._name else None

    def exec_module(self, module: Any) -> None:
        exec(compile(self._tree, module.__name__, "exec"), module.__dict__)  # noqa: S102 - this is what it is for


def _warm() -> None:
    """Import what tests import, then forget the package: what was not ours stays in memory for every child."""
    for name in sorted({file.removesuffix(".py") for files in MODULES.values() for file in files}):
        spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    ours = {"muniment", *(path.stem for path in TESTS.glob("*.py"))}
    for name in [name for name in sys.modules if name.partition(".")[0] in ours - {"lies", "mutants"}]:
        del sys.modules[name]


def _run(module: str, number: int, seconds: int) -> None:
    """Run the tests about *module* with lie *number* told, and end with _JUDGED and what pytest ends with."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != _NONE:
        # CPU time, so that a busy machine kills nobody.
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        tree = ast.parse(source(module))
        next(lie for at, lie in enumerate(lies(tree)) if at == number).tell()
        sys.meta_path.insert(0, _Told(module, tree))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    # The same examples for every lie, no deadline on a busy machine, and none made small: that it fails is enough.
    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("mutants")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os._exit(_JUDGED + pytest.main([*_PLAIN, *(str(TESTS / name) for name in MODULES[module])]))


def _noticed(module: str, number: int, seconds: int) -> tuple[bool, float]:
    """Return whether a test noticed that lie, or the limits of time and memory did, and the CPU seconds it took.

    Raises RuntimeError where the tests could not be run: that says nothing about the lie.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = _FORKS.Process(target=_run, args=(module, number, seconds))
    child.start()
    child.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    status = (child.exitcode or 0) - _JUDGED
    if status in _NOTICED or child.exitcode in _ENDED_BY_LIMITS:
        return True, used
    if status == pytest.ExitCode.OK:
        return False, used
    raise RuntimeError(f"the tests about {module} could not be run: status {child.exitcode}")


def tried(module: str, sample: int) -> Iterator[tuple[str, bool]]:
    """Tell every lie about *module*, or *sample* of those that must be noticed: yield each name, and whether it was.

    Raises RuntimeError where the tests about the module fail without any lie, or cannot be run.
    """
    told = list(enumerate(listed(module)))
    seconds = _SECONDS
    if sample:
        reasons = accepted().get(module, {})
        told = [(number, name) for number, name in told if name not in reasons]
        told = [told[(2 * at + 1) * len(told) // (2 * sample)] for at in range(sample)]
    else:
        fails, used = _noticed(module, _NONE, _SECONDS)
        if fails:
            raise RuntimeError(f"the tests about {module} do not pass as it stands")
        seconds = int(5 + 10 * used)  # many times what they need: only what never ends is ended
    for number, name in told:
        yield name, _noticed(module, number, seconds)[0]


def compared(module: str, sample: int) -> Iterator[str]:
    """Yield in sentences what differs from the list, as soon as it is known, and at last how many lies were told."""
    began = time.monotonic()
    reasons = accepted().get(module, {})
    survivors: set[str] = set()
    told = 0
    for name, noticed in tried(module, sample):
        told += 1
        if not noticed:
            survivors.add(name)
            if name not in reasons:
                yield f"nobody noticed {json.dumps(name, ensure_ascii=False)}"
    for name in sorted(reasons.keys() - survivors) if not sample else ():
        yield f"in the list, but noticed or no longer there: {json.dumps(name, ensure_ascii=False)}"
    seconds = time.monotonic() - began
    yield f"{told} told, {told - len(survivors)} noticed, {len(survivors & reasons.keys())} accepted, {seconds:.0f} s"


def main() -> int:
    """Try the modules that are named, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"{', '.join(MODULES)}; all where none is named")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="tell N lies that must be noticed")
    chosen = parser.parse_args()
    if unknown := set(chosen.modules) - set(MODULES):
        parser.error(f"no such module in the table: {', '.join(sorted(unknown))}")
    _warm()
    differs = False
    for module in chosen.modules or MODULES:
        for count, line in enumerate(compared(module, chosen.sample)):
            differs = differs or count > 0  # the last line is there in any case
            sys.stdout.write(f"{module}: {line}\n")
            sys.stdout.flush()
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
