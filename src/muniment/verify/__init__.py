"""Verification of an archive from what lies in archive/ and manifests/ and from the verifier's own trust alone.

Needs no network, no index and no settings, writes nothing, and never stops at the first failure. What is checked is
the closed table :class:`muniment.model.Check`; each check is a finding that passes, fails, is unverifiable (no trust
decides it) or absent (noted, decides nothing).
"""

from pathlib import Path, PurePosixPath

from muniment import layout
from muniment.errors import JobError
from muniment.verification import Verification
from muniment.verify.anchoring import note_anchored
from muniment.verify.captures import check_capture, is_alive, note_never_begun
from muniment.verify.checks import Depth, Findings, Outside, Scope
from muniment.verify.conclusion import concluded
from muniment.verify.custody import check_custody
from muniment.verify.events import check_events
from muniment.verify.files import extra_files, is_folder_of_capture, listed
from muniment.verify.history import note_custody
from muniment.verify.keychanges import check_key_changes
from muniment.verify.keys import check_public_keys, note_separation
from muniment.verify.logs import read_logs
from muniment.verify.packet import is_packet, verify_packet
from muniment.verify.renewals import check_renewals
from muniment.verify.trust import Trust

__all__ = ["Depth", "Outside", "Trust", "is_packet", "verify", "verify_packet"]

_NOBODY_ASKED = Outside()


def verify(
    root: Path,
    trust: Trust,
    *,
    only: str | None = None,
    depth: Depth = Depth.RECORDS,
    outside: Outside = _NOBODY_ASKED,
) -> Verification:
    """Return what is found about the archive at *root*, or about the one capture *only* of it and its log.

    Passes only when something was there to verify and every required check was made and passed. Raises JobError where
    *root* is no folder or *only* is no capture of it.

    Not promised: that the archive stays as it is while it is read. Each file is opened once, and what is digested is
    what is parsed; a file that is swapped meanwhile is judged by the octets that were read.
    """
    if not root.is_dir():
        raise JobError(f"{root}: there is no such folder; name an archive's folder")
    scope = Scope(root, trust, outside, depth, Findings())
    there = listed(scope)
    # Asked before and after: what a capture that begins or ends meanwhile lacks or leaves is no finding.
    alive = {id_ for id_ in _captures(there) if is_alive(scope, id_)}
    logs = read_logs(scope, there)
    paths = frozenset(path for path, is_empty in there if not is_empty)
    captures = _captures(there) | {id_ for id_ in logs.places if layout.is_capture(id_)}
    alive |= {id_ for id_ in captures if is_alive(scope, id_)}
    if only is not None and only not in captures:
        raise JobError(f"{only}: there is no capture of that name in {root}; `muniment list` shows them")
    # Where leaves could not be read, nobody knows which captures the logs name.
    never_begun = frozenset() if logs.damaged else captures - _begun(there) - logs.places.keys() - alive
    check_events(scope, logs, paths)
    check_key_changes(scope)
    check_renewals(scope, logs, paths)
    papers = check_custody(scope, logs)
    for capture in sorted(captures if only is None else {only}):
        if capture in never_begun:
            note_never_begun(scope, capture)
        else:
            check_capture(scope, capture, logs, paths, alive=capture in alive)
    note_custody(scope, logs, papers)
    check_public_keys(scope, there)
    if only is None:
        alive |= {id_ for id_ in captures if is_alive(scope, id_)}
        spared = {str(folder) for id_ in alive for folder in (layout.claims(id_), layout.evidence(id_))}
        extra_files(scope, there, frozenset(spared))
    note_separation(scope, logs)
    return concluded(scope, len(captures), logs, only, note_anchored(scope, logs, only))


def _captures(there: tuple[tuple[str, bool], ...]) -> set[str]:
    """Return the captures that have a folder in its proper place, whatever lies in it."""
    found = set()
    for path, is_empty in there:
        pure = PurePosixPath(path)
        for folder in (pure, *pure.parents) if is_empty else pure.parents:
            if layout.is_capture(folder.name) and folder in {layout.evidence(folder.name), layout.claims(folder.name)}:
                found.add(folder.name)
    return found


def _begun(there: tuple[tuple[str, bool], ...]) -> set[str]:
    """Return the captures of whose folders one holds anything at all."""
    return _captures(
        tuple((path, is_empty) for path, is_empty in there if not (is_empty and is_folder_of_capture(path)))
    )
