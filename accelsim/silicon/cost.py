"""What a good chip costs to make, by part.

Wafers by date over the dies that work; memory by its bytes; packaging by area; test.
An assembly that fails loses its dies and its memory (compound yield). This file knows
what is bought from foundry, memory maker and packager; it knows no margin and no rent.
"""

from dataclasses import dataclass
from datetime import date

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.silicon.nodes import Take, Value, at_date, nominal, process
from accelsim.silicon.wafer import die_yield, dies_per_wafer
from accelsim.specs.chip import ChipSpec
from accelsim.specs.die import DieSpec
from accelsim.specs.figure import Figure
from accelsim.specs.packaging import PackageSpec

PARTS = ("logic", "hbm", "packaging", "test", "loss")
MODEL = "negative-binomial"


@dataclass(frozen=True, slots=True)
class ChipCost:
    """Money for one good chip [USD], by part, and what it follows from.

    logic : good dies. hbm : memory. packaging : interposer, substrate, assembly.
    test : of the finished package. loss : what failed assemblies took with them.
    """

    logic: Value
    hbm: Value
    packaging: Value
    test: Value
    loss: Value
    dies_per_wafer: Value
    die_yield: Value
    package_yield: Value
    interposer_area: Value

    @property
    def total(self) -> Value:
        """Return the cost of a good chip [USD]."""
        return self.logic + self.hbm + self.packaging + self.test + self.loss


def die_of(chip: ChipSpec) -> tuple[DieSpec, Figure]:
    """Return what a chip is made of and the area of its dies.

    Raises
    ------
    NoAnswerError
        The chip's file does not say.
    """
    if chip.die is None or chip.die_area is None:
        raise NoAnswerError(
            f"chip {chip.name} has no [die]: its process, dies and package are not told"
        )
    return chip.die, chip.die_area


def yield_of(
    chip: ChipSpec, model: str = MODEL, take: Take = nominal, *, harvest: bool = True
) -> Value:
    """Return the share of a chip's compute dies that work, spare cores harvested."""
    die, area = die_of(chip)
    made = process(die.process)
    mean = (
        take("chip.die_area", area)
        / die.count
        * take(f"process.{made.name}.defects", made.defects)
    )
    spare = {}
    if harvest:
        spare = {
            "core_area": take("chip.die.core_area", die.core_area),
            "cores": die.cores // die.count,
            "needed": -(-chip.matrix.units // die.count),
            "repaired": take("chip.die.cache_repair", die.cache_repair),
        }
    return die_yield(mean, model, clustering=float(made.clustering), **spare)


def _other_dies(die: DieSpec, when: date | None, model: str, take: Take) -> Value:
    cost = 0.0
    for index, other in enumerate(die.other):
        made, at = process(other.process), f"process.{other.process}"
        area = take(f"chip.die.other.{index}.area", other.area)
        wafer = at_date(made.wafers, when, f"{at}.wafers", take)
        defects = area * take(f"{at}.defects", made.defects)
        good = die_yield(defects, model, clustering=float(made.clustering))
        cost = cost + other.count * wafer / dies_per_wafer(area) / good
    return cost


def _memory(chip: ChipSpec, when: date | None, take: Take) -> Value:
    memory = chip.hbm.memory
    if memory is None or not memory.prices:
        raise NoAnswerError(
            f"chip {chip.name}: hbm.memory: no memory with a price by its bytes"
        )
    price = at_date(memory.prices, when, f"hbm.{memory.name}.prices", take)
    return price * float(chip.hbm.capacity)


def interposer_area(chip: ChipSpec, package: PackageSpec, take: Take) -> Value:
    """Return the area under dies and stacks [m2]."""
    die, area = die_of(chip)
    silicon = take("chip.die_area", area)
    for index, other in enumerate(die.other):
        # bases carry the dies that compute: the larger of the two counts
        below = other.count * take(f"chip.die.other.{index}.area", other.area)
        silicon = below if float(area) < float(other.area) * other.count else silicon
    stacks = die.hbm_ports * float(package.stack_area)
    return (silicon + stacks) * take(f"package.{package.name}.margin", package.margin)


def chip_cost(
    chip: ChipSpec,
    *,
    when: date | None = None,
    model: str = MODEL,
    take: Take = nominal,
) -> ChipCost:
    """Return the cost of a good chip by part.

    Parameters
    ----------
    when : date, optional
        Of the prices; the newest of each if left out.
    model : str
        Of the yield: poisson, murphy, seeds or negative-binomial.
    take
        How figures become values (samples of uncertain ones).

    Raises
    ------
    NoAnswerError
        The chip does not tell its dies, or its memory has no price.
    """
    die, area = die_of(chip)
    made = process(die.process)
    package: PackageSpec = catalog.load("packages", die.package)
    at = f"package.{package.name}"
    wafer = at_date(made.wafers, when, f"process.{made.name}.wafers", take)
    per_wafer = dies_per_wafer(take("chip.die_area", area) / die.count)
    if (
        float(min(per_wafer, default=0) if hasattr(per_wafer, "__len__") else per_wafer)
        < 1
    ):
        raise InputError(f"chip {chip.name}: die_area: no die of it fits a wafer")
    good = yield_of(chip, model, take)
    logic = die.count * wafer / per_wafer / good + _other_dies(die, when, model, take)
    under = interposer_area(chip, package, take)
    packaging = under * at_date(package.interposer, when, f"{at}.interposer", take)
    packaging = packaging + take(f"{at}.substrate", package.substrate)
    hbm = _memory(chip, when, take)
    placed = die.count + sum(other.count for other in die.other)
    attached = (
        take(f"{at}.die_yield", package.die_yield) ** placed
        * take(f"{at}.stack_yield", package.stack_yield) ** chip.hbm.stacks
        * take(f"{at}.package_yield", package.package_yield)
    )
    test = take(f"{at}.test", package.test)
    loss = (logic + hbm + packaging) * (1.0 / attached - 1.0)
    return ChipCost(logic, hbm, packaging, test, loss, per_wafer, good, attached, under)
