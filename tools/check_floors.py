#!/usr/bin/env python3
"""Includes point down: each room may include only what the table below allows (the house, docs/architecture.md).

Also: public headers include only the standard library and public headers of their own floor or below, without
cycles; applications in examples/ see include/stele and their own folder; heavy third-party headers stay out of
public headers, and each only in the rooms that own it.
"""
import re
import sys

import tree

# room: (floor, rooms it may include). `*` = every room on a lower floor.
ROOMS = {
    "base": (0, ()),
    "event": (1, ("base",)),
    "io": (2, ("base",)),
    "engine": (3, ("base", "event", "io")),
    "postgres": (3, ("base", "event")),
    "replica": (3, ("base", "event", "io", "engine")),
    "domain": (4, ("base", "event")),
    "projection": (4, ("base", "event")),
    "sql": (4, ("base", "event")),
    "targets": (5, ("base", "event", "projection")),
    "declared": (5, ("base", "event", "projection", "targets")),
    "world": (5, ("base", "event", "io", "engine", "domain", "projection")),
    "history": (5, ("base", "event", "domain")),
    "bus": (5, ("base", "event", "projection")),
    "server": (6, ("*",)),
    "cli": (8, ("*",)),
}
EXAMPLES_FLOOR = 7

# Third-party headers that cost much or bind much: where each may appear at all.
HEAVY = {
    r"boost/asio": ("server",), r"boost/beast": ("server",), r"boost/json": ("base", "server"),
    r"simdjson": ("base",), r"CLI/": ("cli",), r"curl/": ("cli",), r"spdlog/": ("server", "cli"),
    r"prometheus/": ("server",), r"openssl/": ("base", "server"),
    r"toml\+\+/": ("history",), r"sqlite3\.h": ("base", "engine", "targets", "sql"),
    r"libpq-fe\.h": ("targets", "postgres"), r"mariadb/": ("targets",), r"hiredis/": ("targets",),
    r"libmemcached": ("targets",),
}


def floor_of(room):
    return EXAMPLES_FLOOR if room.startswith("examples/") else ROOMS[room][0] if room in ROOMS else None


def upward(here, there):
    if floor_of(there) > floor_of(here):
        return f"upward: {here} (floor {floor_of(here)}) includes {there} (floor {floor_of(there)})"
    return None


def complaint(source, target):
    """Why the file `source` may not include the file `target`, or nothing."""
    here, there = tree.room_of(source), tree.room_of(target)
    if here is None or here == there:
        return None
    if target.parts[0] in ("tests", "bench"):
        return "product code includes a test"
    for room, path in ((here, source), (there, target)):
        if floor_of(room) is None:
            return f"'{room}' ({path}) is not in the table of rooms: tools/check_floors.py, tools/tree.py"
    if source.parts[0] == "include":
        if target.parts[0] != "include":
            return "a public header includes one that is not public"
        return upward(here, there)
    if here.startswith("examples/"):
        return None if target.parts[0] == "include" else "an application sees only include/stele and its own folder"
    if why := upward(here, there):
        return why
    allowed = ROOMS[here][1]
    if there in allowed or ("*" in allowed and floor_of(there) < floor_of(here)):
        return None
    return f"{here} may include only {', '.join(allowed) or 'itself'}; this is {there}"


def heavy_complaint(source, name):
    """Why this file may not include the third-party header `name`, or nothing."""
    room = tree.room_of(source)
    for pattern, owners in HEAVY.items():
        if room is None or not re.match(pattern, name):
            continue
        if source.parts[0] == "include":
            return "third-party headers have no place in a public header"
        if room not in owners:
            return f"only {', '.join(owners)} may include <{name}>"
        if source.suffix == ".hpp" and room != "server":
            return f"<{name}> belongs in a .cpp file"
    return None


def cycles(headers):
    """Public headers that include themselves by a detour."""
    for header in headers:
        for _, _, _, target in tree.includes(header):
            if target and target != header and header in tree.closure(target):
                yield header, target


def main():
    findings = tree.Findings()
    sources = tree.cpp_files()
    for source in sources:
        for line, quoted, name, target in tree.includes(source):
            if target is None:
                if quoted:
                    findings.add(source, line, f'"{name}" is not a file of the tree (use <> for libraries)')
                elif why := heavy_complaint(source, name):
                    findings.add(source, line, why)
            elif why := complaint(source, target):
                findings.add(source, line, f"{name}: {why}")
    for header, target in cycles([source for source in sources if source.parts[0] == "include"]):
        findings.add(header, 0, f"includes {target}, which leads back to it")
    return findings.finish(f"{len(sources)} files, 0 upward includes")


if __name__ == "__main__":
    sys.exit(main())
