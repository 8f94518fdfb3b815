#!/usr/bin/env python3
"""clang-tidy over all product code, in parallel, cached by content: what did not change is not looked at again.

It looks at the unity files of the `tidy` preset (a handful of sources each), because most of its time goes into
the headers they share. Usage: check_tidy.py [--fresh]
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import tree

TIDY = "clang-tidy-19"
BUILD = tree.ROOT / "build" / "tidy"
CACHE = tree.ROOT / "build" / "check" / "tidy"


def configure():
    run = subprocess.run(["cmake", "--preset", "tidy"], cwd=tree.ROOT, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)


def units():
    """(file to look at, compile command) of every unit made of product code."""
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        at = file.relative_to(BUILD if file.is_relative_to(BUILD) else tree.ROOT)
        if at.parts[0] in ("src", "examples"):
            yield file, entry["command"]


def members(unit):
    """The files of the tree a unit reads, directly or not."""
    named = re.findall(r'#include "([^"]+)"', unit.read_text()) if unit.is_relative_to(BUILD) else [str(unit)]
    seen = set()
    for name in named:
        path = pathlib.Path(name)
        if path.is_relative_to(tree.ROOT):
            tree.closure(pathlib.PurePath(path.relative_to(tree.ROOT)), seen)
    return sorted(seen)


def key_of(unit, command, tool):
    digest = hashlib.sha256(f"{tool} {command}".encode())
    digest.update((tree.ROOT / ".clang-tidy").read_bytes())
    for path in members(unit):
        digest.update(f"{path}\0{tree.text_of(path)}\0".encode())
    return digest.hexdigest()


def look_at(unit):
    """(findings, seconds) of one unit."""
    began = time.monotonic()
    run = subprocess.run([TIDY, "--quiet", "-p", BUILD, f"--config-file={tree.ROOT}/.clang-tidy", unit],
                         capture_output=True, text=True)
    said = run.stdout.strip() or (run.stderr.strip() if run.returncode else "")
    return said, time.monotonic() - began


def diagnostics(said):
    """The findings in what clang-tidy says: each its own line with the lines that explain it."""
    said = said.replace(f"{tree.ROOT}/", "")
    parts = re.split(r"^(?=\S+:\d+:\d+: (?:warning|error):)", said, flags=re.M)
    return [part.rstrip() for part in parts if part.strip()]


def main():
    configure()
    tool = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    CACHE.mkdir(parents=True, exist_ok=True)
    every = [(unit, CACHE / key_of(unit, command, tool)) for unit, command in units()]
    todo = [(unit, stamp) for unit, stamp in every if "--fresh" in sys.argv or not stamp.exists()]
    found = set()  # a header's finding comes with every unit that includes it
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (unit, stamp), (said, seconds) in zip(todo, pool.map(look_at, [unit for unit, _ in todo])):
            print(f"  {unit.relative_to(tree.ROOT)}: {seconds:.0f} s", file=sys.stderr)
            if not said:
                stamp.touch()
            for diagnostic in diagnostics(said):
                if diagnostic not in found:
                    print(diagnostic)
                found.add(diagnostic)
    print(f"{len(every)} units, {len(todo)} looked at, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
