"""Single-bit flips over everything that is sealed: each is found, and placed where it is."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import archives
from conftest import times
from muniment import layout, manifest
from muniment.model import Finding, Record, Verdict
from muniment.verify import verify

FLIPS = times(500, 2000)
MUTATIONS = times(150, 2500)
_FOUND = {Verdict.FAIL, Verdict.UNVERIFIABLE}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> archives.Made:
    base = tmp_path_factory.mktemp("flips")
    made = archives.archive(base, "ab")
    return made.copied(base / "copy")


def _kinds(made: archives.Made) -> dict[str, list[Path]]:
    log = made.path(layout.log(made.origin))
    kinds = {
        "warc": [made.warc(number) for number in range(len(made.captures))],
        "tiles": sorted(each for each in log.glob("tile/0/**/*") if each.is_file()),
        "entries": sorted(each for each in log.glob("tile/entries/**/*") if each.is_file()),
        "checkpoints": [log / "checkpoint", *sorted((log / "checkpoints").iterdir())],
        "keys": sorted(made.path(layout.public_keys()).iterdir()),
    }
    for name in ("manifest", "context", "statement", "opening", "sums"):
        kinds[name] = [made.path(getattr(layout, name)(capture)) for capture in made.captures]
    return kinds


def _lines(made: archives.Made) -> dict[str, list[Record]]:
    """Return the lines of each WARC file, by its path."""
    found: dict[str, list[Record]] = {}
    for capture in made.captures:
        raw = made.path(layout.manifest(capture)).read_bytes().splitlines()[1:]
        for line in (manifest.decode_record(each, "line") for each in raw):
            found.setdefault(str(layout.evidence(capture) / line.position.file), []).append(line)
    return found


def _flips(kinds: dict[str, list[Path]]) -> Iterator[tuple[str, Path, int, int]]:
    chance = random.Random(20241210)  # noqa: S311 - the same flips in every run
    names = sorted(kinds)
    for number in range(FLIPS):
        # WARC files, which hold nearly all bytes of an archive, take two of each five flips.
        kind = "warc" if number % 5 < 2 else names[number % len(names)]
        path = chance.choice(kinds[kind])
        yield kind, path, chance.randrange(path.stat().st_size), chance.randrange(8)


def _is_placed(findings: tuple[Finding, ...], path: str, record: Record | None) -> bool:
    subjects = [each.subject for each in findings if each.verdict in _FOUND and each.subject.startswith(path)]
    if record is None:
        return bool(subjects)
    return any(record.record_id in each and record.url in each for each in subjects)


def _mutations(made: archives.Made) -> Iterator[tuple[Path, bytes]]:
    chance = random.Random(20241211)  # noqa: S311 - the same ones in every run
    files = [path for kind in _kinds(made).values() for path in kind]
    # The checkpoint before the newest one is what a cut append leaves as `checkpoint`: no damage.
    sources = [path for path in files if path.parent.name != "checkpoints"]
    for number in range(MUTATIONS):
        path = chance.choice(files)
        whole = path.read_bytes()
        begin = chance.randrange(len(whole))
        end = min(len(whole), begin + chance.choice([1, 2, 8, 60, 400]))
        yield (
            path,
            (
                whole[:begin],
                whole[:begin] + whole[end:],
                whole[:end] + whole[begin:],
                whole[:begin] + chance.randbytes(end - begin) + whole[end:],
                whole + whole[begin:],
                chance.choice(sources).read_bytes(),
            )[number % 6],
        )


def test_whatever_is_cut_doubled_overwritten_or_swapped_is_placed_and_never_an_error(made: archives.Made) -> None:
    missed = []
    for path, content in _mutations(made):
        relative = path.relative_to(made.root).as_posix()
        whole = path.read_bytes()
        path.write_bytes(content)
        found = verify(made.root, made.trust, outside=made.outside)
        path.write_bytes(whole)
        if content != whole and (found.verdict is Verdict.PASS or not _is_placed(found.findings, relative, None)):
            missed.append((relative, len(content), found.verdict))
    assert not missed


def test_each_of_500_flipped_bits_is_found_and_placed_in_its_file_and_record(made: archives.Made) -> None:
    lines = _lines(made)
    missed = []
    for kind, path, offset, bit in _flips(_kinds(made)):
        relative = path.relative_to(made.root).as_posix()
        whole = path.read_bytes()
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1 << bit]) + whole[offset + 1 :])
        found = verify(made.root, made.trust, outside=made.outside)
        path.write_bytes(whole)
        record = next(
            (
                line
                for line in lines.get(relative, ())
                if line.position.offset <= offset < line.position.offset + line.position.length
            ),
            None,
        )
        assert (kind == "warc") == (record is not None)
        if found.verdict is not Verdict.FAIL or not _is_placed(found.findings, relative, record):
            missed.append((kind, relative, offset, bit, found.verdict))
    assert not missed
    assert verify(made.root, made.trust, outside=made.outside).verdict is Verdict.PASS
