"""Switches of the catalog: what they say, how many links they take, what is refused."""

import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.figure import figures


@pytest.mark.parametrize("name", catalog.names("switches"))
def test_every_figure_has_a_source(name: str) -> None:
    spec = catalog.load("switches", name)
    assert spec.source
    for path, figure in figures(spec).items():
        assert figure.source, path


@pytest.mark.parametrize(
    ("name", "rate", "links"),
    [
        ("quantum-2", 50e9, 64),  # NDR
        ("quantum-2", 25e9, 128),  # two HDR links a port
        ("quantum-2", 12.5e9, 128),  # and no more
        ("quantum-2", 100e9, 32),  # an XDR link takes two ports
        ("nvswitch-4", 50e9, 72),
        ("ethernet-51t", 25e9, 256),  # as sold: 256 x 200GbE
        ("ethernet-6t", 12.5e9, 64),
    ],
)
def test_links_of_a_rate(name: str, rate: float, links: int) -> None:
    assert catalog.load("switches", name).ports(rate) == links


@pytest.mark.parametrize(
    ("kind", "name", "change", "message"),
    [
        ("switches", "quantum-2", "most_ports=32", "less than the radix"),
        ("switches", "palomar-ocs", 'buffer="1 MB"', "has none"),
        ("switches", "quantum-2", 'power="1 GB"', "power"),
        ("systems", "mi300x-8", 'tiers.node.switch="quantum-2"', "a mesh has none"),
        ("systems", "tpu-v4-pod", "tiers.pod.cube=[3, 4, 4]", "must divide dims"),
        ("systems", "tpu-v4-pod", "tiers.pod.cube=[]", "needs a cube"),
        ("systems", "dgx-h100", "tiers.fabric.switches=3", "switch tier"),
        ("systems", "dgx-h100", "tiers.node.rails=8", "belong to a fat tree"),
        ("systems", "dgx-h100", 'tiers.fabric.routing="any"', "routing"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    kind: str, name: str, change: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        catalog.load(kind, name, catalog.parse_overrides([change]))
    assert "\n" not in str(caught.value)
