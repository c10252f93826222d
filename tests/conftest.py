"""What tests of every kind share: an archive of their own, and one capture of the sample article."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from muniment import sample
from muniment.capture import archive, commit
from muniment.message.url import Url
from muniment.model import Exchange, Role
from muniment.rules import Limits, Rules

# Captures are made by the static engine but where a test asks for the browser: it costs seconds, and needs the machine.
os.environ["MUNIMENT_BROWSER"] = "none"
CORPUS = Path(os.environ.get("MUNIMENT_CORPUS") or Path(__file__).parents[1] / ".." / "shared" / "corpus").resolve()


def times(usual: int, soak: int) -> int:
    """Return how often a test of faults tries: *usual* in `make test`, *soak* in `make soak`."""
    return soak if os.environ.get("MUNIMENT_SOAK") else usual


@dataclass(frozen=True, slots=True)
class SampleCapture:
    """The sample article captured: the archive it lies in, its id, the site, and what the site served."""

    archive: archive.Archive
    id: str
    site: sample.Site
    served: tuple[sample.Served, ...]
    said: tuple[tuple[Exchange, Role], ...]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test ever touches the keys and trust of whoever runs it."""
    home = tmp_path / "home"
    monkeypatch.setenv("MUNIMENT_HOME", str(home))
    monkeypatch.delenv("MUNIMENT_ARCHIVE", raising=False)
    return home


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Give the public test data; a test that asks for it is skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the public test data is not here; name its folder by MUNIMENT_CORPUS")
    return CORPUS


def make_archive(folder: Path, name: str = "case") -> archive.Archive:
    """Return a new archive with keys of its own."""
    home = folder / f"{name}-home"
    archive.begin_with_keys(folder / name, name, "Desk 1", home, None)
    return archive.opened(folder / name, home)


def loopback_rules(site: sample.Site, **changed: object) -> Rules:
    """Return rules by which the sample can be captured and nothing else can be reached."""
    rules = {
        "cited": 1,
        "limits": Limits(delay=0),
        "allow_net": ("127.0.0.0/8",),
        "resolve": site.resolve,
        "dns": False,
        "ca_files": (str(site.ca_file),),
    }
    return Rules(**(rules | changed))  # type: ignore[arg-type]


def make_desk(where: archive.Archive, rules: Rules) -> commit.Desk:
    return commit.Desk(where, commit.signers(where, None), rules, commit.Clock())


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sample.Site]:
    """Serve the sample article on loopback for the whole run."""
    with sample.serve(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture(scope="session")
def sample_capture(tmp_path_factory: pytest.TempPathFactory) -> SampleCapture:
    """One capture of the sample, to be read only; its site serves nobody else."""
    folder = tmp_path_factory.mktemp("sample")
    said: list[tuple[Exchange, Role]] = []
    with sample.serve(folder / "site") as served:
        where = make_archive(folder)
        desk = make_desk(where, loopback_rules(served))
        done = commit.capture(
            Url.parse(served.url),
            desk,
            stop=threading.Event(),
            said=lambda exchange, role: said.append((exchange, role)),
        )
        return SampleCapture(where, done.id, served, served.served(), tuple(said))
