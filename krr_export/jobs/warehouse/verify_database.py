"""Verify what was loaded into a database: every row is there as it was in the snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.jobs.warehouse.load_verification import LoadVerification
from krr_export.util.formatting import number
from krr_export.warehouse.content_digest import ContentDigest
from krr_export.warehouse.tables import PERSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from krr_export.pipeline.progress import Progress
    from krr_export.warehouse.database import Database
    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable
    from krr_export.warehouse.target import Target


def verify_database(
    target: Target, wanted: list[Loadable], *, all_snapshots: bool, progress: Progress
) -> LoadVerification:
    """Read every row that was loaded, and compare number and content.

    Args:
        target: the database.
        wanted: snapshots that are to be there, oldest first, whose files are read too; if none, the rows are compared
            with the digests of the database's own ledger.
        all_snapshots: look at all of them, or at all that was loaded; not the newest alone.
        progress: receives the progress.

    Raises:
        InputError: nothing was loaded there.
        NetworkError: the database cannot be reached, or refuses the login.
        OutputError: it cannot be read, or a load is at work.
    """
    with target.database as database:
        loads = database.loads()
        if not loads:
            raise InputError(f"{target.shown}: nothing was loaded there", "see krr-export load")
        held = sorted({load.name for load in loads})
        # Nights that were never loaded, or removed by --keep, are no difference; the newest must be there.
        wanted = [one for one in wanted if one is wanted[-1] or one.name in held]
        names = [one.name for one in wanted] or held
        names = names if all_snapshots else names[-1:]
        chosen = [load for load in loads if load.name in names]
        differences = [line for one in wanted for line in _differences_of_manifest(one, chosen)]
        expected = [load for one in wanted for load in _digests(one, progress)] if not differences else []
        progress.began(f"read {target.shown}", sum(load.rows for load in chosen))
        found = [_digest(database.read(load, newest=load.name == held[-1]), progress) for load in chosen]
        differences += _differences_of_rows(chosen, found, expected or chosen)
        differences += _strays(database, sorted({load.table for load in loads}))
    persons = [load.rows for load in chosen if load.table == PERSON]
    return LoadVerification(
        target=target.shown,
        snapshots=tuple(names),
        rows=sum(digest.rows for digest in found),
        persons=persons[-1] if persons else 0,
        differences=tuple(differences),
        warnings=target.warnings,
    )


def _differences_of_manifest(snapshot: Loadable, loads: list[Load]) -> Iterator[str]:
    """Yield what the ledger has otherwise than the snapshot."""
    own = {load.table: load for load in loads if load.name == snapshot.name}
    if not own:
        yield f"{snapshot.name}: not loaded"
    elif any(load.manifest_sha256 != snapshot.manifest_sha256 for load in own.values()):
        yield f"{snapshot.name}: another result of that export was loaded"
    else:
        yield from (f"{snapshot.name}/{t.table}: not loaded" for t in snapshot.tables if t.table not in own)


def _digests(snapshot: Loadable, progress: Progress) -> Iterator[Load]:
    """Yield what the ledger should have, from the files."""
    progress.began(f"read {snapshot.name}", snapshot.rows)
    for table in snapshot.tables:
        reader = snapshot.read(table)
        for batch in reader.stream():
            progress.advanced(batch.num_rows)
        yield reader.load()


def _differences_of_rows(loads: list[Load], digests: list[ContentDigest], expected: list[Load]) -> Iterator[str]:
    right = {(load.name, load.table): load for load in expected}
    for load, found in zip(loads, digests, strict=True):
        wanted = right.get((load.name, load.table), load)
        if found.rows != wanted.rows:
            yield f"{load.name}/{load.table}: {number(found.rows)} rows, not {number(wanted.rows)}"
        elif found.hexdigest() != wanted.content_digest:
            yield f"{load.name}/{load.table}: {number(found.rows)} rows, but not the same"


def _strays(database: Database, tables: list[str]) -> Iterator[str]:
    for table in tables:
        if count := database.strays(table):
            yield f"{table}: {number(count)} rows of no load"


def _digest(batches: Iterable[pa.RecordBatch], progress: Progress) -> ContentDigest:
    digest = ContentDigest()
    for batch in batches:
        digest.add(batch)
        progress.advanced(batch.num_rows)
    return digest
