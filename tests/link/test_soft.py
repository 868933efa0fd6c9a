"""Soft figures of wires: named by link and device, not those that a link states."""

import pytest

from accelsim import catalog
from accelsim.link.soft import of_wire, soft_figures
from accelsim.question import resolve, run_from
from accelsim.specs.figure import SOFT_KINDS
from accelsim.specs.link import LinkSpec


def test_a_run_names_the_guesses_of_its_wires() -> None:
    job = {"model": "llama3-8b", "system": "trn3-ultraserver-gen2", "chips": 16}
    q = resolve(run_from(job))
    found = soft_figures(q)
    assert q.soft_figures().items() <= found.items()
    name = "link.neuronlink-v4.path.serdes-neuronlink-v4.energy"
    assert found[name].kind == "assumed"
    assert any(".path.cable-backplane.line." in path for path in found)
    assert all(figure.kind in SOFT_KINDS for figure in found.values())


def test_what_a_link_states_does_not_rest_on_its_wire() -> None:
    spec: LinkSpec = catalog.load("links", "neuronlink-v4")
    changes = catalog.parse_overrides(["energy=5 pJ/b", "latency=300 ns"])
    stated = catalog.load("links", "neuronlink-v4", changes)
    left_out = of_wire(spec).keys() - of_wire(stated).keys()
    assert {path.rsplit(".", 1)[-1] for path in left_out} == {"energy", "latency"}
    assert of_wire(spec.model_copy(update={"path": ""})) == {}


@pytest.mark.parametrize("name", catalog.names("devices"))
def test_cables_of_the_catalog_are_sold_longer_the_thicker(name: str) -> None:
    cables = catalog.load("devices", name).cables
    lengths = [float(cable.longest) for cable in cables]
    assert lengths == sorted(lengths)
    for cable in cables:
        assert catalog.load("segments", cable.wire).what == "cable"
