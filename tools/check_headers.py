#!/usr/bin/env python3
"""The public headers: few, annotated, each compiles alone with both compilers. Answers are cached by content."""
import concurrent.futures
import hashlib
import os
import subprocess
import sys

import tree

# Eighteen: a store, a domain, a read model, a server, what joins a domain to the server (web.hpp: every application
# would write it again), the domain's snapshots, evolution, sagas and outbox, and the world that
# tests all of it at once (world.hpp: specifications, spec.hpp, need no store and stay cheap to include).
MOST, LEAST_PROSE = 20, 35
FLAGS = ["-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
         "-x", "c++", "-I", str(tree.ROOT / "include"), "-"]
COMPILERS = ("g++", "clang++-19")
CACHE = tree.ROOT / "build" / "check" / "headers"


def compiles_alone(compiler, header):
    """What the compiler says about a file with nothing but this include; the empty string when it is content."""
    content = "".join(tree.text_of(path) for path in sorted(tree.closure(header)))
    key = hashlib.sha256(f"{compiler} {FLAGS} {content}".encode()).hexdigest()
    if (CACHE / key).exists():
        return ""
    source = f'#include "{header.relative_to("include")}"\n'
    run = subprocess.run([compiler, *FLAGS], input=source, capture_output=True, text=True)
    if run.returncode == 0:
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / key).touch()
        return ""
    return run.stderr


def main():
    findings = tree.Findings()
    headers = [path for path in tree.cpp_files(("include",)) if path.parts[:2] == ("include", "stele")]
    public = [path for path in headers if len(path.parts) == 3]
    if len(public) > MOST:
        findings.add("include/stele", 0, f"{len(public)} public headers, at most {MOST}")
    for header in public:
        prose = tree.comment_share([tree.line_counts(tree.text_of(header))])
        if prose < LEAST_PROSE:
            findings.add(header, 0, f"{prose:.0f} % of its lines hold prose; a public header has {LEAST_PROSE} or more")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tries = [(compiler, header) for header in headers for compiler in COMPILERS]
        for (compiler, header), said in zip(tries, pool.map(lambda one: compiles_alone(*one), tries)):
            if said:
                findings.add(header, 0, f"does not compile alone with {compiler}:\n{said}")
    return findings.finish(f"{len(public)} public headers, each compiles alone with {' and '.join(COMPILERS)}")


if __name__ == "__main__":
    sys.exit(main())
