"""CPython's half: runs every probe (or those named), and prints `name<TAB>outcome` for each."""

import importlib
import pathlib
import sys
import warnings

import outcome

NOT_SECTIONS = {"run", "outcome", "ends", "traces"}


def main(wanted):
    if sys.version_info < (3, 10):
        sys.exit("CPython 3.10 or newer is needed: before, a timeout was no TimeoutError")
    warnings.simplefilter("ignore", ResourceWarning)
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        if path.stem not in NOT_SECTIONS:
            importlib.import_module(path.stem)
    for name, run in outcome.PROBES.items():
        if not wanted or any(name.startswith(word) for word in wanted):
            print(f"{name}\t{outcome.outcome(run)}", flush=True)


main(sys.argv[1:])
