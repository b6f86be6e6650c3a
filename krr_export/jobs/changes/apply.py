"""Apply pages of the register's change feed to the newest snapshot of a store: the next snapshot, or nothing."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from krr_export.changes.carried import GROUPS, check_groups, columns_of
from krr_export.changes.collect import Envelope, Latest
from krr_export.changes.continuity import order_pages
from krr_export.changes.page_files import find_page_files
from krr_export.domain.vocabulary import ACTIVE, STATUS
from krr_export.errors import GuardError, InputError, UsageError
from krr_export.jobs.changes.comparison import open_table
from krr_export.jobs.convert_result import ConvertResult
from krr_export.jobs.loading import load_rows
from krr_export.jobs.options import ConvertOptions
from krr_export.jobs.run_report import Run
from krr_export.output.manifest import Applied, AppliedPage
from krr_export.output.store import name_store_in_errors, open_store
from krr_export.pipeline.applied_rows import AppliedHeader, AppliedRows, PagesOrigin, Treated
from krr_export.pipeline.export import open_with
from krr_export.pipeline.progress import Progress
from krr_export.pipeline.read_options import ReadOptions
from krr_export.schema.record_schema import BUILT_IN
from krr_export.schema.registry import load_schema
from krr_export.transform.catalogue import CATALOGUE
from krr_export.transform.derivation import DeriveOptions, build_derivation, parse_moment
from krr_export.transform.privacy import column_names, read_pseudonym_key, treatment_of
from krr_export.util.fields import Converted, Names, StrPath, optional_path
from krr_export.util.formatting import format_utc, number, parse_utc
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from krr_export.changes.page import Page, PageRange
    from krr_export.output.manifest import Manifest
    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.output.store import Store
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.transform.derivation import Derivation
    from krr_export.transform.privacy import Treatment

_FEW_PERSONS = 100
_SMALL_SHARE = 0.1
"""A group that so many changed persons all lack, while this share of the snapshot has it, was not asked for."""


def _groups(given: Names | None) -> tuple[str, ...] | None:
    return None if given is None else check_groups(column_names("--carried", given))


@dataclass(frozen=True)
class ApplyOptions:
    """Options of ``apply``; format, columns and the like are those of the snapshot.

    Attributes:
        as_of: the moment of the new snapshot: when the last page was made. As text: ISO 8601.
        carried: the groups of fields that the pages were asked for, of `GROUPS`; ``None``: not known.
        rest_inclusive: whether pages of REST begin with the number that was asked for.
        schema: the XSD of the store's records, if it is not a built-in one.
        pseudonym_key: the key of the store's pseudonyms.
        load: limits, guard, changes, mode and language, as of ``convert``.

    Raises:
        UsageError: an option has no such value.
    """

    as_of: datetime | str
    carried: Converted[Names | None, tuple[str, ...] | None] = Converted(_groups, None)
    rest_inclusive: bool = False
    schema: str | Path | None = None
    pseudonym_key: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    load: ConvertOptions = field(default_factory=ConvertOptions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "as_of", parse_moment(self.as_of))

    @property
    def moment(self) -> datetime:
        """``as_of`` in UTC."""
        return parse_moment(self.as_of)


@dataclass(frozen=True)
class _Application:
    """What is applied to what.

    Attributes:
        base: the snapshot.
        chosen: the pages, in order.
        skipped: pages that the snapshot covers.
        latest: the persons in the pages.
        not_carried: groups that the pages do not tell of.
    """

    base: SnapshotTable
    chosen: Sequence[PageRange]
    skipped: int
    latest: Latest
    not_carried: Sequence[str]

    def describe(self, counts: tuple[int, int, int, int]) -> Applied:
        """Return the record of it, from the numbers of persons, and of new, deleted and removed ones."""
        persons, new, deleted, removed = counts
        change_number = self.base.manifest.header.seneste_endringsnummer
        before = self.base.manifest.applied.stale if self.base.manifest.applied else {}
        return Applied(
            parent=self.base.name,
            parent_manifest_sha256=self.base.manifest_sha256,
            parent_change_number=change_number,
            pages=tuple(AppliedPage(page.name, page.sha256, page.first, page.last) for page in self.chosen),
            persons=persons,
            new=new,
            deleted=deleted,
            removed=removed,
            repeated=self.latest.repeated,
            skipped_pages=self.skipped,
            unused_values=self.latest.unused,
            stale={**dict.fromkeys(self.not_carried, change_number), **before},
        )


def apply(
    store: str | os.PathLike[str],
    pages: Iterable[str | os.PathLike[str]],
    options: ApplyOptions,
    *,
    progress: Progress | None = None,
) -> ConvertResult:
    """Apply pages of the change feed to the newest snapshot of a store, and publish the result as the next one.

    Args:
        store: the directory of snapshots; there is one in it.
        pages: files of pages, or directories of them, in any order; pages that the snapshot covers are passed over.
        options: the options.
        progress: receives the progress.

    Raises:
        GuardError: the result differs too much, its moment is not later than the snapshot's, or the pages are of
            another series of numbers, or seem not to carry a group of fields.
        InputError: there is no snapshot, or a page is missing or unusable.
        OutputError: the store or the machine failed; nothing was published.
        UsageError: an option is wrong, or changes cannot be applied to the store.
    """
    directory = local_path(store)
    progress = progress or Progress()
    files = find_page_files(map(local_path, pages))
    with name_store_in_errors(directory), open_store(directory, file_mode=options.load.mode, create=False) as opened:
        base = _newest(opened)
        schema = _record_schema(base.manifest, options)
        base = open_table(base.root, schema)
        run = Run(time.monotonic(), _convert_options(base.manifest, options))
        treatment, derivation = _treatment(base.manifest, schema, run.options, options.moment)
        run.treatment = Treated(treatment.schema, treatment.is_whole, treatment.pseudonymised, treatment.key)
        known = base.manifest.header.seneste_endringsnummer
        read = [_without_known(page, known) for file in files for page in file.pages(schema)]
        chosen = order_pages((page.range for page in read), known, rest_is_inclusive=options.rest_inclusive)
        if not chosen:
            message = f"nothing to do: {base.root} is at change {number(known)} already, and no page goes further"
            return ConvertResult("unchanged", base.root, None, message)
        _check_moment(base.manifest, options, run.options)
        latest = _latest(read, chosen)
        header = AppliedHeader(format_utc(options.moment, "microseconds"), options.moment, chosen[-1].last)
        envelope = Envelope.of(schema, header.eksport_tidspunkt, header.seneste_endringsnummer)
        document = b"".join(envelope.around(latest.persons.values()))
        not_carried = [group for group in GROUPS if options.carried is not None and group not in options.carried]
        with open_with(BytesIO(document), schema, ReadOptions(workers=0)) as changes:
            rows = AppliedRows(
                base=base,
                changes=changes,
                treatment=treatment,
                derivation=derivation,
                header=header,
                origin=_origin(chosen, len(document)),
                kept=[
                    name
                    for group in not_carried
                    for name in columns_of(group, schema)
                    if name in treatment.schema.names
                ],
                check=partial(_check_carried, base, schema) if options.carried is None else None,
                describe=_Application(base, chosen, len(read) - len(chosen), latest, not_carried).describe,
            )
            progress.began(f"apply to {base.name}", base.rows)
            return load_rows(rows, opened, run, progress)


def _without_known(page: Page, known: int) -> Page:
    """Return a page without its persons if the snapshot covers it: a directory may hold the pages of years."""
    return replace(page, persons=()) if page.range.last <= known else page


def _newest(store: Store) -> SnapshotTable:
    name = store.newest()
    if name is None:
        raise InputError("there is no snapshot to apply changes to", "convert a full export first")
    return open_table(store.path / name)


def _record_schema(manifest: Manifest, options: ApplyOptions) -> RecordSchema:
    """Return the schema of the store's records, which must be the one that its newest snapshot was read with."""
    spec = options.schema or manifest.schema.name
    if options.schema is None and spec not in BUILT_IN:
        raise UsageError(f"the store's schema is {spec}, a file of your own", "give it with --schema")
    schema = load_schema(spec)
    if schema.sha256 != manifest.schema.sha256:
        raise UsageError(
            f"the snapshot was read with another version of the schema {manifest.schema.name}",
            "convert a full export first",
        )
    return schema


def _convert_options(manifest: Manifest, options: ApplyOptions) -> ConvertOptions:
    """Return the options of a conversion that would give a snapshot like this one.

    Raises:
        UsageError: changes cannot be applied to such a snapshot.
    """
    made = manifest.options
    if made.strict:
        raise UsageError(
            f"the store was made with --strict {', '.join(made.strict)}: whether its rows still pass cannot be judged",
            "convert full exports into it, or keep a store without --strict",
        )
    if made.pseudonymised and options.pseudonym_key is None:
        raise UsageError("the store holds pseudonyms", "give the key that made them: --pseudonym-key FILE")
    shape: dict[str, Any] = {
        "schema": options.schema or manifest.schema.name,
        "format": made.format,
        "compression": made.compression,
        "partition_by": made.partition_by,
        "rows_per_file": made.rows_per_file,
        "columns": made.columns or (),
        "drop": (),
        "pseudonymise": made.pseudonymised,
        "pseudonym_key": options.pseudonym_key,
        "derive": made.derive,
        "findings": made.findings,
    }
    return replace(options.load, **shape)


def _treatment(
    manifest: Manifest, schema: RecordSchema, options: ConvertOptions, moment: datetime
) -> tuple[Treatment, Derivation]:
    """Return the treatment of the rows, and the columns to derive; both as the snapshot has them.

    Raises:
        UsageError: the key is another one, or a derived column cannot be made anew.
    """
    key = read_pseudonym_key(options.privacy.pseudonym_key) if options.privacy.pseudonym_key else None
    if key and key.fingerprint != manifest.options.pseudonym_key_fingerprint:
        raise UsageError("the pseudonyms of the store were made with another key", "give that one")
    derivation = build_derivation(schema, moment, DeriveOptions(options.derive))
    treatment = treatment_of(derivation.extend_schema(schema.arrow), options.privacy, key, options.partition_by)
    for name in options.derive:
        needs = CATALOGUE[name].needs
        lost = [need for need in needs if need not in treatment.schema.names or need in treatment.pseudonymised]
        if lost:
            raise UsageError(
                f"{name} cannot be derived anew: the store has no delivered values of {', '.join(lost)}",
                "convert full exports into it, or keep a store with all columns",
            )
    return treatment, derivation


def _check_moment(manifest: Manifest, options: ApplyOptions, load: ConvertOptions) -> None:
    before = parse_utc(manifest.header.eksport_tidspunkt_utc)
    if options.moment <= before:
        raise GuardError(
            f"--as-of {format_utc(options.moment, 'seconds')} is not later than the snapshot's own time",
            "give the moment at which the last page was made",
        )
    load.age_limits.check_age(options.moment)
    load.age_limits.check_ahead(options.moment)


def _latest(pages: Sequence[Page], chosen: Sequence[PageRange]) -> Latest:
    latest = Latest()
    by_range = {page.range: page for page in pages}
    for one in chosen:
        latest.add(by_range[one])
    return latest


def _origin(chosen: Sequence[PageRange], size: int) -> PagesOrigin:
    digest = hashlib.sha256("".join(f"{page.sha256}\n" for page in chosen).encode()).hexdigest()
    count = "1 page" if len(chosen) == 1 else f"{number(len(chosen))} pages"
    return PagesOrigin(f"{count} of changes", size, digest)


def _check_carried(base: SnapshotTable, schema: RecordSchema, changed: pa.Table) -> None:
    """Refuse pages that seem not to carry a group: applied, they would erase it for everybody in them.

    Raises:
        GuardError: none of many active persons has anything of a group that the snapshot has.
    """
    if STATUS not in changed.schema.names:
        return
    active = changed.filter(pc.fill_null(pc.equal(changed[STATUS], ACTIVE), fill_value=False))
    if active.num_rows < _FEW_PERSONS:
        return
    for group in GROUPS:
        names = [name for name in columns_of(group, schema) if name in active.schema.names]
        if names and all(active[name].null_count == active.num_rows for name in names) and _share(base, names):
            raise GuardError(
                f"none of {number(active.num_rows)} active persons in the pages has anything of {group}, though the"
                " snapshot has: were the pages asked for it?",
                "say what they carry: --carried with all groups if they do, or with those that they were asked for",
            )


def _share(base: SnapshotTable, names: list[str]) -> bool:
    """Return whether a considerable share of the rows has a value in the first of these columns."""
    present = sum(batch.num_rows - batch.column(0).null_count for batch in base.batches(names[:1]))
    return bool(present >= _SMALL_SHARE * base.rows)
