"""From a run as the user wrote it to a question with every name resolved.

This file knows the catalog and the order of overrides; it computes nothing but the
size of the batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

from accelsim import catalog
from accelsim.catalog import Override
from accelsim.errors import InputError, nearest
from accelsim.specs.chip import ChipSpec, Precision
from accelsim.specs.figure import SOFT_KINDS, Figure, Spec, figures
from accelsim.specs.link import LinkSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.price import PriceSpec
from accelsim.specs.reliability import ReliabilitySpec
from accelsim.specs.run import PlanSpec, RunSpec, TrainingSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec

DEFAULT_BATCH_TOKENS = 4 * 2**20
ROOTS = (
    *("chip", "link", "system", "model", "software", "price", "reliability", "plan"),
    "run",
)
# Formats that stacks in production train with; the first of equally fast ones is taken.
BEST_PRECISIONS: tuple[Precision, ...] = ("bf16", "fp8")


@dataclass(frozen=True, slots=True)
class Question:
    """A run whose names are specs. Sizes count sequences and tokens."""

    run: RunSpec
    model: ModelSpec
    system: SystemSpec
    chip: ChipSpec
    links: dict[str, LinkSpec]
    software: SoftwareSpec
    price: PriceSpec | None
    precision: Precision
    seq_len: int
    global_batch: int
    reliability: ReliabilitySpec | None = None

    @property
    def plan(self) -> PlanSpec:
        """Return what the user fixed of the plan."""
        return self.run.plan

    @property
    def workers(self) -> int:
        """Return the ranks of the job."""
        return self.run.chips * self.chip.workers_per_chip

    def soft_figures(self) -> dict[str, Figure]:
        """Return the figures that rest on press reports or assumptions, by path."""
        parts: dict[str, Spec] = {"chip": self.chip, "system": self.system}
        parts |= {f"link.{name}": link for name, link in self.links.items()}
        parts["software"] = self.software
        found = {
            f"{root}.{path}": figure
            for root, spec in parts.items()
            for path, figure in figures(spec).items()
        }
        return {path: f for path, f in found.items() if f.kind in SOFT_KINDS}


def read_run(path: Path | str) -> RunSpec:
    """Return the run of a TOML file; paths inside lead from the file's own folder."""
    run: RunSpec = catalog.load("runs", str(path))
    file = catalog.find("runs", str(path))
    found: dict[str, Any] = {
        "model": _beside("models", run.model, file),
        "system": _beside("systems", run.system, file),
    }
    if run.software is not None:
        found["software"] = _beside("software", run.software, file)
    if run.training is not None:
        fleet = _beside("reliability", run.training.reliability, file)
        found["training"] = run.training.model_copy(update={"reliability": fleet})
    return run.model_copy(update=found)


def _beside(kind: str, name: str, file: Path) -> str:
    """Return a name that a file mentions; a path, from that file's folder."""
    try:
        return str(catalog.find(kind, name, file)) if catalog.is_path(name) else name
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def run_from(fields: Mapping[str, Any], base: RunSpec | None = None) -> RunSpec:
    """Return a run from fields (and those of `base` where they are None)."""
    plan = fields.get("plan") or {}
    if isinstance(plan, Spec):
        plan = plan.model_dump(exclude_none=True)
    if not isinstance(plan, Mapping):
        raise InputError(f"run: plan: {plan!r} must be a table of sizes")
    tables = {"plan", "training"}
    given = {k: v for k, v in fields.items() if v is not None and k not in tables}
    drop = set(tables)
    if "global_batch" in given or "global_batch_tokens" in given:
        drop |= {"global_batch", "global_batch_tokens"}
    start = base.model_dump(exclude=drop, exclude_none=True) if base else {}
    raw = {k: _builtin(v) for k, v in (start | given).items()}
    chosen = base.plan.model_dump(exclude_none=True) if base else {}
    chosen |= {k: v for k, v in plan.items() if v is not None}
    raw["plan"] = {k: _builtin(v) for k, v in chosen.items()}
    training = _training(fields.get("training"), base)
    return catalog.validate(RunSpec, raw | training, "run")


def _training(told: Any, base: RunSpec | None) -> dict[str, Any]:
    """Return the table of the whole run: what is told over what the base says."""
    if isinstance(told, TrainingSpec):
        return {"training": told}
    if told is not None and not isinstance(told, Mapping):
        raise InputError(f"run: training: {told!r} must be a table")
    spec = base.training if base else None
    before = (
        {} if spec is None else {k: getattr(spec, k) for k in spec.model_fields_set}
    )
    if told is None:
        return {"training": spec} if spec else {}
    if {"checkpoint", "storage"} & set(told):
        before = {k: v for k, v in before.items() if k not in ("checkpoint", "storage")}
    given = {k: _builtin(v) for k, v in told.items() if v is not None}
    return {"training": before | given}


def _builtin(value: Any) -> Any:
    """Return a NumPy integer as Python's own, which the specs ask for."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return int(value) if whole else value


def resolve(
    run: RunSpec,
    overrides: Iterable[Override] = (),
    model: ModelSpec | None = None,
) -> Question:
    """Return the run with every name resolved and every override applied.

    Parameters
    ----------
    overrides : iterable of Override
        Dotted paths that begin with one of `ROOTS`; they win over the run's own.
    model : ModelSpec, optional
        Used instead of the run's model name (a table may describe its own).

    Raises
    ------
    InputError
        Unknown name or field, wrong unit, impossible value.
    """
    given = (*catalog.parse_overrides(run.set), *overrides)
    changes = _by_root(given)
    run = _with_changes(_apply(run, changes), given)
    spec = model or catalog.load("models", run.model)
    spec = catalog.override(spec, changes["model"], f"model {run.model}")
    system: SystemSpec = catalog.load("systems", run.system, changes["system"])
    file = catalog.find("systems", run.system)
    chip: ChipSpec = _load_named("chips", system.chip, file, changes["chip"])
    if run.software is None:
        name, owner = system.software, file
    else:
        name, owner = run.software, None
    software: SoftwareSpec = _load_named("software", name, owner, changes["software"])
    return Question(
        run=run,
        model=spec,
        system=system,
        chip=chip,
        links=_links(system, file, changes["link"]),
        software=software,
        price=_load_named("prices", system.price, file, changes["price"]),
        precision=_precision(run, chip),
        seq_len=run.seq_len or spec.seq_len,
        global_batch=_global_batch(run, run.seq_len or spec.seq_len),
        reliability=_reliability(run, changes["reliability"]),
    )


def _reliability(run: RunSpec, changes: list[Override]) -> ReliabilitySpec | None:
    """Return the fleet whose failures a whole run has; none of a step alone."""
    if run.training is None:
        if changes:
            raise InputError(
                f"--set {changes[0].text}: the run has no training: state its tokens"
            )
        return None
    found: ReliabilitySpec = catalog.load(
        "reliability", run.training.reliability, changes
    )
    return found


def _by_root(changes: Iterable[Override]) -> dict[str, list[Override]]:
    found: dict[str, list[Override]] = {root: [] for root in ROOTS}
    for change in changes:
        root, inner = change.path[0], change.path[1:]
        if root not in found or not all(inner) or len(inner) < 1 + (root == "link"):
            paths = "chip.FIELD, link.NAME.FIELD, system.FIELD, … (" + ", ".join(ROOTS)
            hint = nearest(root, ROOTS) if root not in found else ""
            raise InputError(
                f"--set {change.text}: a path is {paths}); {hint}".rstrip("; ")
            )
        found[root].append(replace(change, path=inner))
    return found


def _apply(run: RunSpec, changes: dict[str, list[Override]]) -> RunSpec:
    whole = [replace(c, path=("plan", *c.path)) for c in changes["plan"]]
    return catalog.override(run, [*changes["run"], *whole], "run")


def _with_changes(run: RunSpec, given: Iterable[Override]) -> RunSpec:
    """Return a run that holds all its changes: resolved again, it asks the same."""
    told = {".".join(one.path): _as_written(one.value) for one in given}
    return run if told == run.set else run.model_copy(update={"set": told})


def _as_written(value: Any) -> Any:
    return value.text if isinstance(value, Figure) else value


def _load_named(
    kind: str, name: str, owner: Path | None, changes: Iterable[Override]
) -> Any:
    """Return a spec that `owner` names; a path leads from that file's folder."""
    try:
        return catalog.load(kind, name, changes, owner)
    except InputError as error:
        if owner is None or owner.is_relative_to(catalog.BUILT_IN):
            raise
        raise InputError(f"{owner}: {error}") from None


def _links(
    system: SystemSpec, file: Path, changes: list[Override]
) -> dict[str, LinkSpec]:
    used = {tier.link for tier in system.tiers.values()}
    for change in changes:
        if change.path[0] not in used:
            raise InputError(
                f"--set link.{change.text}: system {system.name} has no such link; "
                f"{nearest(change.path[0], used)}"
            )
    return {
        name: _load_named(
            "links",
            name,
            file,
            [replace(c, path=c.path[1:]) for c in changes if c.path[0] == name],
        )
        for name in sorted(used)
    }


def _precision(run: RunSpec, chip: ChipSpec) -> Precision:
    if run.precision == "best":
        return max(
            (p for p in BEST_PRECISIONS if p in chip.matrix.peak),
            key=lambda p: chip.matrix.peak[p].value,
        )
    if run.precision in chip.matrix.peak:
        return run.precision
    if run.precision == "fp16":
        return "bf16"  # same rate and width on every chip of the catalog
    raise InputError(
        f"run: precision: chip {chip.name} has no {run.precision}; "
        f"valid: {', '.join(chip.matrix.peak)}, or best"
    )


def _global_batch(run: RunSpec, seq_len: int) -> int:
    if run.global_batch is not None:
        return run.global_batch
    tokens = run.global_batch_tokens or DEFAULT_BATCH_TOKENS
    if run.global_batch_tokens and tokens % seq_len:
        raise InputError(
            f"run: global_batch_tokens: {tokens} is no multiple of seq_len {seq_len}"
        )
    return max(1, tokens // seq_len)
