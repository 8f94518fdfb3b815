#!/usr/bin/env python3
"""Does the simulator find engines that are broken on purpose? Each has a minute.

  simulate_broken.py --bin BIN [--seconds S] [--summary FILE]

The table of them is tests/simulation/broken/engines.json. An engine that is not found fails the run: either the
simulator does not look there, or what was broken does not matter.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

import broken_engine


def caught(program, seconds):
    """(seconds, what was found), or (seconds, None)."""
    began = time.monotonic()
    done = subprocess.run([program, "--seconds", str(seconds), "--quiet"], capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    if done.returncode == 0:
        return took, None
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "seed" in line or "assert" in line.lower()]
    return took, lines[0] if lines else f"the process ends with {done.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--summary", type=pathlib.Path)
    chosen = parser.parse_args()
    results = []
    for name, engine in broken_engine.engines().items():
        took, what = caught(chosen.bin / f"simulate_{name}", chosen.seconds)
        results.append({"kind": "broken_engine", "name": name, "what": engine["what"], "caught": what is not None,
                        "seconds": round(took, 1)})
        print(f"{'caught' if what else 'NOT CAUGHT':10} {took:5.1f} s  {name:24} {engine['what']}\n           {what}",
              flush=True)
    if chosen.summary:
        chosen.summary.write_text("".join(json.dumps(result) + "\n" for result in results))
    missed = [result["name"] for result in results if not result["caught"]]
    print(f"{len(results) - len(missed)} of {len(results)} broken engines caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
