"""A door tried: an input is placed, sent, and cleared away. Also a program.

`python -m tests.fuzz.trial DOOR COUNT SEED` tries one door in a process of its own, so
that a kernel without end takes no other door with it, and prints what it found as JSON.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from tests.fuzz.doors import Door, doors
from tests.fuzz.guard import Sandbox, run
from tests.fuzz.mutate import mutant

KEPT = Path(os.environ.get("SOAK_FOLDER", "soak-failures")).resolve()
MEMORY = 6 * 2**30  # B that a process may ask for
SWEEP = """[run]
model = "llama3-8b"
system = "dgx-h100"
chips = 16
plan = { tp = 2, pp = 1, micro_batch = 1 }
[[axes]]
path = "seq_len"
values = [4096, 8192]
"""


def finished_sweep(sandbox: Sandbox) -> Path:
    """Run a small sweep, and return its folder."""
    (sandbox.catalog / "sweeps" / "sound.toml").write_text(SWEEP)
    tried = run(["sweep", "run", "sound", "--out", f"{sandbox.out}/sound"], sandbox)
    if tried.wrong or tried.code:
        raise RuntimeError(f"a sound sweep fails: {tried}")
    (sandbox.out / "sound").rename(sandbox.root / "sound")
    return sandbox.root / "sound"


class Trial:
    """A door, and the folder that it is tried in."""

    def __init__(
        self, door: Door, sandbox: Sandbox, sweep: Path, seed: int = 1
    ) -> None:
        self.door, self.sandbox, self.sweep, self.seed = door, sandbox, sweep, seed
        self.codes: Counter[int] = Counter()
        self.seeds = door.seeds or ((sweep / door.ending).read_bytes(),)

    def send(self, number: int, data: bytes) -> tuple[int, str]:
        """Return the exit code of an input, and what it did wrong."""
        file, words = self._placed(number, data)
        try:
            tried = run(words, self.sandbox, may_name=not self.door.ending)
        finally:
            self._cleared(file)
        return tried.code, tried.wrong

    def _placed(self, number: int, data: bytes) -> tuple[Path | None, list[str]]:
        door, sandbox = self.door, self.sandbox
        given = {"{out}": str(sandbox.out), "{sweep}": str(self.sweep)}
        file: Path | None = None
        if door.kind:
            file = sandbox.catalog / door.kind / f"x{number}{door.ending}"
            given["{name}"] = file.stem
        elif not door.seeds:
            copy = sandbox.inputs / f"x{number}"
            shutil.copytree(self.sweep, copy)
            file, given["{sweep}"] = copy / door.ending, str(copy)
        elif door.ending:
            file = sandbox.inputs / f"x{number}{door.ending}"
            given["{input}"] = str(file)
        else:
            given["{input}"] = data.decode()
        if file is not None:
            file.write_bytes(data)
        words = list(door.words)
        for name, text in given.items():
            words = [word.replace(name, text) for word in words]
        return file, words

    def _cleared(self, file: Path | None) -> None:
        if file is not None and self.door.kind:
            file.unlink()
        folders = (self.sandbox.inputs, self.sandbox.out, self.sandbox.here)
        for left in (path for folder in folders for path in folder.iterdir()):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    def broken(self, number: int) -> bytes:
        """Return the input of a number."""
        rng = Random(f"{self.seed} {self.door.name} {number}")
        return mutant(self.door.form, rng.choice(self.seeds), rng)

    def failures(self, count: int) -> dict[str, str]:
        """Return what went wrong among so many inputs, and the first that did it."""
        found: dict[str, str] = {}
        for number in range(count):
            data = self.broken(number)
            code, wrong = self.send(number, data)
            self.codes[code] += 1
            if wrong and wrong not in found:
                found[wrong] = f"input {number}: {_kept(self.door, number, data)}"
        return found


def _kept(door: Door, number: int, data: bytes) -> str:
    """Keep an input that failed, and return where, or the input if it is short."""
    if len(data) < 200:
        return repr(data)
    KEPT.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in door.name)
    path = KEPT / f"{name}-{number}{Path(door.ending).suffix}"
    path.write_bytes(data)
    return str(path)


def main(name: str, count: int, seed: int) -> None:
    """Try a door and print what was found."""
    door = next(door for door in doors() if door.name == name)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        sandbox = Sandbox(Path(folder).resolve()).made()
        os.chdir(sandbox.here)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        asks = not door.seeds or "{sweep}" in door.words
        sweep = finished_sweep(sandbox) if asks else sandbox.root
        trial = Trial(door, sandbox, sweep, seed)
        sound = [trial.send(n, data) for n, data in enumerate(trial.seeds)]
        found = {wrong: "a seed" for _, wrong in sound if wrong}
        if sound[0] != (0, ""):
            found["not sound"] = f"the first seed: {sound[0]}"
        found |= trial.failures(count)
        os.chdir("/")
    print(json.dumps({"codes": trial.codes, "failures": found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
