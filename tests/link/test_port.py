from accelsim import catalog
from accelsim.link.port import port


def test_a_port_is_the_link_in_si_units() -> None:
    # NVLink 4: 25 GB/s one way a port (NVIDIA H100 whitepaper); 5 pJ/b is 40 pJ/B.
    nvlink = port(catalog.load("links", "nvlink4"))
    assert nvlink.bandwidth == 25e9
    assert nvlink.latency == 500e-9
    assert abs(nvlink.energy - 40e-12) < 1e-21
