"""The folder of a sweep: a manifest, and Parquet parts that appear whole or not at all.

This file knows files: `sweep.json` says what is computed, by what, and how it is cut
into chunks; `parts/00000012.parquet` holds the rows of chunk 12. A part is written
under another name, flushed and renamed, so that a run that is killed at any moment
leaves finished parts and nothing else that counts.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import accelsim
from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.checking import validate
from accelsim.specs.sweep import DesignSpec, PointsSpec, SweepSpec

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "sweep.json"
PARTS = "parts"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds.

    Attributes
    ----------
    format : int
        Of the folder.
    version, git : str
        Of accelsim; git is empty where there is no repository.
    sources : str
        Digest of kernels, code and configs: with others, rows would differ.
    sweep : dict
        The sweep file's content, names resolved.
    digest : str
        Of all that decides a row; stands in every part.
    points, chunk : int
        Points of the sweep or trials of the design, and those of one part.
    seed : int
    kind : str
        `sweep` or `design`.
    """

    format: int
    version: str
    git: str
    sources: str
    sweep: dict[str, Any]
    points: int
    chunk: int
    seed: int
    kind: str = "sweep"
    digest: str = ""

    @property
    def chunks(self) -> int:
        """Return the number of parts."""
        return -(-self.points // self.chunk)

    @property
    def spec(self) -> PointsSpec:
        """Return the sweep or the design."""
        kind = DesignSpec if self.kind == "design" else SweepSpec
        return validate(kind, _tuples(self.sweep), f"{MANIFEST}: sweep")

    def span(self, chunk: int) -> tuple[int, int]:
        """Return the first point of a chunk and the one after its last."""
        start = chunk * self.chunk
        return start, min(self.points, start + self.chunk)


def _tuples(value: Any) -> Any:
    """Return lists as tuples, which specs are made of."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def manifest_of(spec: PointsSpec, points: int, chunk: int) -> Manifest:
    """Return the manifest of a sweep or a design that is about to be run."""
    content = json.loads(spec.model_dump_json(exclude_none=True))
    kind = "design" if isinstance(spec, DesignSpec) else "sweep"
    found = Manifest(
        FORMAT, accelsim.__version__, _git(), sources(), content, points, chunk,
        _seed(spec), kind,
    )  # fmt: skip
    fields = {k: v for k, v in asdict(found).items() if k not in ("digest", "git")}
    if kind == "design":  # more trials go on from those that are there
        del fields["points"]
        fields["sweep"] = {k: v for k, v in content.items() if k != "trials"}
    text = json.dumps(fields, sort_keys=True)
    return replace(found, digest=hashlib.sha256(text.encode()).hexdigest()[:16])


def _seed(spec: PointsSpec) -> int:
    if isinstance(spec, DesignSpec):
        return spec.seed
    sample = spec.sample if isinstance(spec, SweepSpec) else None
    return sample.seed if sample else 0


def sources() -> str:
    """Return a digest of everything that decides a row beside the sweep file."""
    package = Path(accelsim.__file__).parent
    own = [
        folder for kind in catalog.KINDS_OF_THING for folder in catalog.folders(kind)
    ]
    files = {p for folder in own for p in folder.glob("*.toml")}
    files |= {p for p in package.rglob("*.py") if "__pycache__" not in p.parts}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _git() -> str:
    """Return the commit of the checkout that this code runs from, if it is one."""
    head = Path(accelsim.__file__).parents[1] / ".git" / "HEAD"
    with contextlib.suppress(OSError):  # an installed package, a packed reference
        text = head.read_text("utf-8").strip()
        if not text.startswith("ref: "):
            return text
        return (head.parent / text.removeprefix("ref: ")).read_text("utf-8").strip()
    return ""


@dataclass(frozen=True, slots=True)
class Store:
    """A sweep's folder that was opened."""

    folder: Path
    manifest: Manifest

    def part(self, chunk: int) -> Path:
        """Return the file of a chunk."""
        return self.folder / PARTS / f"{chunk:08d}.parquet"

    def write(self, chunk: int, table: "pa.Table") -> None:
        """Write the rows of a chunk, whole or not at all.

        Raises
        ------
        InputError
            The disk is full, or the folder cannot be written.
        """
        import pyarrow.parquet as pq

        mark = {"digest": self.manifest.digest, "chunk": chunk}
        marked = table.replace_schema_metadata({"accelsim": json.dumps(mark)})
        target = self.part(chunk)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                pq.write_table(
                    marked, file, compression="zstd", write_page_checksum=True
                )
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{target}: cannot be written: {reason}") from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def sort_out(self, *, verify: bool = False) -> tuple[list[int], list[str]]:
        """Return the chunks that are there, and a line for each part that was damaged.

        A damaged part is moved aside (`.damaged`) and counts as missing.

        verify : read every page and compare its checksum, not the footers alone.

        Raises
        ------
        InputError
            A part of another sweep lies in the folder, or a file of something else.
        """
        done, lines = [], []
        for path in sorted((self.folder / PARTS).glob("*.parquet")):
            mark, reason = _mark(path, verify=verify)
            if mark is None:
                aside = path.with_suffix(".damaged")
                path.replace(aside)
                lines.append(f"{path}: {reason}: kept as {aside.name}, computed again")
                continue
            if mark.get("digest") != self.manifest.digest:
                raise InputError(f"{path}: is of another sweep; move it away")
            chunk = mark.get("chunk")
            if not isinstance(chunk, int) or path != self.part(chunk):
                raise InputError(f"{path}: is a copy of part {chunk}; move it away")
            done.append(chunk)
        return done, lines

    def remove_temporary(self) -> None:
        """Remove what killed runs left half written."""
        for path in (self.folder / PARTS).glob(".*.parquet.*"):
            with contextlib.suppress(OSError):
                path.unlink()

    def dataset(self) -> Any:
        """Return the finished rows as a dataset, which is read as it is used.

        Raises
        ------
        InputError
            There are none yet, or a part of another sweep.
        """
        import pyarrow.dataset as ds

        done, _ = self.sort_out()
        if not done:
            raise InputError(f"{self.folder}: holds no finished rows yet")
        checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
        form = ds.ParquetFileFormat(default_fragment_scan_options=checked)
        return ds.dataset([str(self.part(n)) for n in done], format=form)

    def rows(self, columns: list[str] | None = None) -> "pa.Table":
        """Return all finished rows in the order of points.

        Raises
        ------
        InputError
            There are none, or a page of a part is damaged.
        """
        import pyarrow as pa

        try:
            return self.dataset().to_table(columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise self.damaged(error) from None

    def damaged(self, error: Exception) -> InputError:
        """Return what to say of a part that cannot be read to its end."""
        return InputError(
            f"{self.folder}: a part is damaged ({str(error).splitlines()[0][:80]}): "
            f"accelsim sweep resume {self.folder} --verify computes it again"
        )

    def checksum(self) -> str:
        """Return a digest of all finished rows, however they came to be."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        digest = hashlib.sha256()
        for chunk in self.sort_out()[0]:
            try:
                part = pq.read_table(self.part(chunk), page_checksum_verification=True)
            except (OSError, pa.ArrowException) as error:
                raise self.damaged(error) from None
            for name, column in zip(part.column_names, part.columns, strict=True):
                digest.update(name.encode() + b"\0")
                digest.update(repr(column.to_pylist()).encode())
        return digest.hexdigest()[:16]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second run; the lock ends with the process.

        Raises
        ------
        InputError
            Another run holds it.
        """
        import fcntl

        path = self.folder / ".lock"
        with path.open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(
                    f"{self.folder}: another run is at work here"
                ) from None
            yield


def _mark(path: Path, *, verify: bool) -> tuple[dict[str, Any] | None, str]:
    """Return what a part says of itself, or None and why it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_metadata(path).metadata or {}
        if verify:
            with pq.ParquetFile(path, page_checksum_verification=True) as whole:
                for _ in whole.iter_batches():
                    pass
    except (OSError, pa.ArrowException) as error:
        return None, f"is damaged ({str(error).splitlines()[0][:80]})"
    try:
        mark = json.loads(found.get(b"accelsim", b"{}"))
    except ValueError:
        mark = {}
    return (mark if isinstance(mark, dict) else {}), ""


def create(folder: Path, manifest: Manifest) -> Store:
    """Return the store of a sweep, made or found.

    Raises
    ------
    InputError
        The folder holds another sweep, or something else, or cannot be made.
    """
    if (folder / MANIFEST).exists():
        found = open_store(folder)
        _same(folder, found.manifest, manifest)
        if manifest.points <= found.manifest.points:
            return found
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is no folder of a sweep")
    try:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{MANIFEST}.{os.getpid()}"
        temporary.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
        temporary.replace(folder / MANIFEST)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    return Store(folder, manifest)


def _same(folder: Path, old: Manifest, new: Manifest) -> None:
    if old.digest == new.digest:
        return
    if old.sweep != new.sweep or old.chunk != new.chunk:
        raise InputError(f"{folder}: holds another sweep; write to another --out")
    raise InputError(
        f"{folder}: was computed by accelsim {old.version} with other code or configs; "
        "write to another --out"
    )


def open_same(folder: Path) -> Store:
    """Return the store of a folder that this code and these configs can go on with.

    Raises
    ------
    InputError
        No sweep's folder, or one of other code or configs.
    """
    store = open_store(folder)
    old = store.manifest
    _same(folder, old, manifest_of(old.spec, old.points, old.chunk))
    return store


def open_store(folder: Path) -> Store:
    """Return the store of a folder.

    Raises
    ------
    InputError
        No sweep's folder, or a manifest that cannot be read.
    """
    path = folder / MANIFEST
    try:
        found = Manifest(**json.loads(path.read_text("utf-8")))
        _check(found)
        return Store(folder, found)
    except OSError as error:
        reason = "is no folder of a sweep" if not path.exists() else error.strerror
        raise InputError(f"{folder}: {reason}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _check(found: Manifest) -> None:
    """Refuse a manifest whose fields are not what they are said to be."""
    kinds = {"format": int, "points": int, "chunk": int, "seed": int, "sweep": dict}
    for name in Manifest.__slots__:
        value, kind = getattr(found, name), kinds.get(name, str)
        if type(value) is not kind:
            raise TypeError(f"{name}: {value!r} is no {kind.__name__}")
    if found.points < 1 or found.chunk < 1:
        raise ValueError("points and chunk must be 1 or more")
