"""Channels and references for the link room.

The synthetic channels and all reference figures are in the repository; the IEEE
channels are public but not ours to pass on: tests that need them read the folder that
the environment variable ACCELSIM_IEEE_CHANNELS names, and are left out without it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from accelsim.link.channel import Channel
from accelsim.link.channel_files import find_channel
from accelsim.link.keywords import sheet_of
from accelsim.link.sheet import Sheet

LINK = Path(__file__).parents[2] / "benchmarks" / "measured" / "link"
VARIABLE = "ACCELSIM_IEEE_CHANNELS"


def reference(job: str) -> dict[str, Any]:
    path = LINK / "reference" / f"{job}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def sheet(name: str, **changes: Any) -> Sheet:
    configs = json.loads((LINK / "com430_configs.json").read_text("utf-8"))
    return sheet_of(name, configs["configs"][name] | changes)


def channel(job: str) -> Channel:
    said = reference(job)
    folder = LINK / "channels"
    if not said["channel"].startswith("synth"):
        if VARIABLE not in os.environ:
            pytest.skip(f"{VARIABLE} names no folder with the IEEE channels")
        folder = Path(os.environ[VARIABLE])
    found = find_channel(
        folder, said["channel"], said["thru"], said["fext"], said["next"]
    )
    return found if said["crosstalk"] else found.alone()


def synthetic(crosstalk: int = 1) -> Channel:
    """Return the synthetic 15.7 dB channel with aggressors, each of them so often."""
    names = ["synth_fext1", "synth_fext2"] * crosstalk
    return find_channel(
        LINK / "channels", "-", "synthB_cr", names, ["synth_next1"] * crosstalk
    )
