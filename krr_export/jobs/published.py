"""What a store holds of an export already: if the source is the same, nothing is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.input.delivery.provenance import describe_warnings, is_unverified
from krr_export.input.freshness import check_not_older
from krr_export.jobs.changes.comparison import CHANGES
from krr_export.jobs.convert_result import ConvertResult
from krr_export.reporting.report_file import read_report
from krr_export.util.formatting import number, parse_utc, records

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from krr_export.input.delivery.provenance import Provenance
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.manifest import Manifest, SnapshotOptions
    from krr_export.output.store import Store


@dataclass(frozen=True)
class Wanted:
    """The snapshot that is to be made of an export.

    Attributes:
        name: of its directory.
        exported_at: when the export was made.
        schema_sha256: of the schema that it is read with.
        made_with: the options.
        provenance: of a delivery.
    """

    name: str
    exported_at: datetime
    schema_sha256: str
    made_with: SnapshotOptions
    provenance: Provenance | None

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Wanted:
        """Return the snapshot that has this manifest, or will have it."""
        exported_at = parse_utc(manifest.header.eksport_tidspunkt_utc)
        delivery = manifest.source.delivery
        return cls(manifest.export_name, exported_at, manifest.schema.sha256, manifest.options, delivery)

    def is_alike(self, manifest: Manifest) -> bool:
        """Return whether a snapshot was made with the same schema and options; the source may still differ."""
        return (
            (is_unverified(self.provenance) or not is_unverified(manifest.source.delivery))
            and manifest.schema.sha256 == self.schema_sha256
            and self.made_with.give_same_output(manifest.options)
        )


def find_published(store: Store, wanted: Wanted, options: ConvertOptions) -> Published | None:
    """Return the snapshot of this export that was made with the same options; ``None`` with ``--limit``.

    Raises:
        GuardError: the export is from the future, or older than the newest snapshot and that is not allowed.
    """
    if options.limit is not None:
        return None
    manifest = store.find(wanted.name)
    if manifest is None:  # otherwise it was accepted before
        options.age_limits.check_ahead(wanted.exported_at)
    if not options.allow_older:
        check_not_older(wanted.exported_at, store.newest())
    if manifest is None or not wanted.is_alike(manifest):
        return None
    return Published(store, manifest, options, wanted.provenance)


@dataclass(frozen=True)
class Published:
    """A published snapshot of the same export, schema and options: if its source is the same, nothing is to be done."""

    store: Store
    manifest: Manifest
    options: ConvertOptions
    provenance: Provenance | None

    @property
    def path(self) -> Path:
        """The snapshot's directory."""
        return self.store.path / self.manifest.export_name

    def unchanged_result(self, digest: str | None) -> ConvertResult | None:
        """Return the result of a run that has nothing to do; ``None`` if the source's SHA-256 is another."""
        if digest != self.manifest.source.sha256 or self._needs_replacement():
            return None
        counts = self.manifest.counts
        counted = f"{records(counts.written)}, {number(counts.rejected)} rejected"
        same = f"{self.path} already holds this export, the same: {counted}{describe_warnings(self.provenance)}"
        if self.options.changes and not (self.path / CHANGES).is_dir():
            same += f"; it has no {CHANGES}/: --changes --replace makes it anew with what changed"
        return ConvertResult("unchanged", self.path, None, f"nothing to do: {same}")

    def _needs_replacement(self) -> bool:
        options = self.options
        # With --replace, the snapshot may be damaged in a way that file sizes do not show.
        return (
            not self.store.is_intact(self.manifest, prove=options.replace)
            or (options.replace and options.profile and _lacks_profile(self.path))
            or (options.replace and options.changes and not _has_changes(self.manifest))
        )


def _has_changes(manifest: Manifest) -> bool:
    return any(part.path.startswith(f"{CHANGES}/") for part in manifest.files)


def _lacks_profile(snapshot: Path) -> bool:
    """Return whether the snapshot was published without a profile (``--no-profile``), or its report is unreadable."""
    try:
        return read_report(snapshot).profile is None
    except InputError:
        return True
