#!/usr/bin/env python3
"""The fuzzers of tests/fuzz, one after the other; what ./dev fuzz calls. It fuzzes nothing itself: libFuzzer does.

  fuzz.py [--seconds N | --runs N] [--longest BYTES] [--summary FILE] [TARGET...]

Builds them first. A target goes on with the inputs that its earlier runs found worth keeping (build/fuzz/corpus) and
those of tests/fuzz/corpus; an input that breaks it is left in build/fuzz/found.
The summary gets a line a target, for ./dev card. Ends with 1 when one of them found something.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "fuzz"
BUILD = ROOT / "build" / "fuzz"


def targets(wished):
    known = sorted(path.stem for path in SOURCES.glob("*.cpp"))
    for name in wished:
        if name not in known:
            sys.exit(f"error: no fuzz target '{name}'\n  there are: {', '.join(known)}")
    return wished or known


def executed(output):
    found = re.search(r"number_of_executed_units: +(\d+)", output)
    return int(found.group(1)) if found else 0


def fuzzed(name, chosen):
    """Runs one target; its line of the summary."""
    corpus, finds = BUILD / "corpus" / name, BUILD / "found"
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    seed = random.SystemRandom().randrange(1, 1 << 31)
    until = f"-runs={chosen.runs}" if chosen.runs else f"-max_total_time={chosen.seconds}"
    command = [BUILD / "bin" / f"fuzz_{name}", until, f"-seed={seed}", f"-timeout={chosen.hang}", "-rss_limit_mb=3000",
               "-print_final_stats=1", f"-artifact_prefix={finds}/{name}-"]
    command += [f"-max_len={chosen.longest}"] if chosen.longest else []
    command += [folder for folder in (corpus, SOURCES / "corpus" / name) if folder.is_dir()]
    begin = time.monotonic()
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if run.returncode:
        sys.stderr.write(run.stderr[-20_000:])
        print(f"error: {name} found something\n  the input: {finds}/{name}-*\n  run it: {command[0]} FILE",
              file=sys.stderr)
    return {"kind": "fuzz", "target": name, "seed": seed, "executions": executed(run.stderr),
            "findings": int(run.returncode != 0), "seconds": round(time.monotonic() - begin, 1)}


def main(words):
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="any bytes into the parsers, with libFuzzer")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--runs", type=int, help="as many inputs for each target, instead of a time")
    parser.add_argument("--longest", type=int, help="bytes of an input (libFuzzer chooses)")
    parser.add_argument("--hang", type=int, default=10, help="seconds an input may take (10)")
    parser.add_argument("--summary", type=pathlib.Path, help="adds a line of JSON a target, for ./dev card")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all when none is named")
    chosen = parser.parse_args(words)
    wanted, findings = targets(chosen.targets), 0
    built = subprocess.run([ROOT / "dev", "build", "fuzz", *(f"fuzz_{name}" for name in wanted)], check=False)
    if built.returncode:
        return built.returncode
    for name in wanted:
        print(f":: fuzzing {name}", file=sys.stderr)
        result = fuzzed(name, chosen)
        findings += result["findings"]
        print(f"   {result['executions']:,} inputs in {result['seconds']:.0f} s", file=sys.stderr)
        if chosen.summary:
            with chosen.summary.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
