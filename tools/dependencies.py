#!/usr/bin/env python3
"""Writes docs/dependencies.md from tools/packages.txt; with --check it only says whether the two agree."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
GROUPS = {
    "build": ("To build and run", "What `./run` installs; the libraries are linked into `stele`."),
    "test": ("To test", "What `./test` installs beyond that. Nothing of it is linked into `stele`."),
    "check": ("To work on it", "What `./dev check`, `./dev bench` and `./dev fuzz` install beyond that."),
    "compare": ("To compare with others", "What `./dev bench compare` installs beyond that; nothing else uses it."),
    "powercut": ("To cut the power", "What `./dev powercut` installs beyond that; nothing else uses it."),
    "speed": ("To be quicker", "Installed with the others; everything works without them."),
}
HEAD = """# Dependencies

Debian 12 packages, and nothing else: no downloads, no vendored copies, no second package manager. Each line says what
a package is for, why it is this one, and its licence. All licences of what is linked are compatible with stele's own
(Apache-2.0, [LICENSE](../LICENSE)); none of them asks anything of programs built on stele beyond attribution.

This page is made from [tools/packages.txt](../tools/packages.txt) by `tools/dependencies.py`; `./dev check docs`
compares them.
"""


def page():
    lines = (ROOT / "tools/packages.txt").read_text().splitlines()
    rows = [[field.strip() for field in line.split("|")] for line in lines if line.strip() and not line.startswith("#")]
    text = HEAD
    for group, (title, about) in GROUPS.items():
        text += f"\n## {title}\n\n{about}\n\n| package | what for | why this one | licence |\n|---|---|---|---|\n"
        text += "".join(f"| `{name}` | {use} | {why} | {licence} |\n" for one, name, use, why, licence in rows
                        if one == group)
    unknown = {row[0] for row in rows} - set(GROUPS)
    return text if not unknown else sys.exit(f"tools/packages.txt: unknown groups {sorted(unknown)}")


if __name__ == "__main__":
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != page():
            sys.exit("docs/dependencies.md is not what tools/packages.txt says; run tools/dependencies.py")
    else:
        PAGE.write_text(page())
