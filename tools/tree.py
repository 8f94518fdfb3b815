#!/usr/bin/env python3
"""What belongs to the tree, and how its C++ reads: files, rooms, comments, includes. Shared by the checks.

Run by itself it lists the C++ files (`--null`: NUL-terminated).
"""
import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE_FOLDERS = ("include", "src", "examples", "bench", "tests")
PRODUCT_FOLDERS = ("include", "src", "examples")

# A public header belongs to the room whose vocabulary it is; everything not named here is unknown, and an error.
PUBLIC_ROOMS = {
    "result": "base", "types": "base", "decimal": "base", "detail": "base",
    "detail/command_run": "domain", "detail/unit_of_work": "domain", "detail/spec_answer": "domain",
    "detail/snapshots": "domain", "snapshot": "domain", "detail/spec_reading": "domain",
    "evolution": "domain", "detail/history": "domain",
    "saga": "domain", "detail/clock": "domain", "detail/reaction": "domain", "detail/saga_mind": "domain",
    "detail/saga_kind": "domain", "detail/saga_scene": "domain",
    "event": "event", "store": "event",
    "decider": "domain", "wire": "domain", "handler": "domain", "spec": "domain",
    "projection": "projection", "outbox": "projection", "sqlite": "targets", "targets": "targets", "world": "world",
    "history": "history", "detail/aggregate_kind": "domain", "detail/history_plugin": "domain",
    "app": "server", "web": "server",
}


def files():
    """Every file of the tree, tracked or new, as paths relative to the root."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True) if (ROOT / ".git").exists() else None
    if listed and listed.returncode == 0:
        names = sorted(set(listed.stdout.split("\0")) - {""})
        return [pathlib.PurePath(name) for name in names if (ROOT / name).is_file()]
    every = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*")) if path.is_file())
    return [path for path in every if path.parts[0] not in ("build", ".git", ".cache")]


def cpp_files(folders=CODE_FOLDERS):
    return [path for path in files() if path.suffix in (".hpp", ".cpp") and path.parts[0] in folders]


@functools.cache
def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')", re.S)


def blanked(text, *kinds):
    """The text with every token of these kinds (comment, raw, string, char) replaced by blanks, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0]) if any(match[kind] is not None for kind in kinds) else match[0]
    return TOKEN.sub(blank, text)


def code_only(text):
    """The text without comments and without what stands in literals."""
    return blanked(text, "comment", "raw", "string", "char")


def comments_only(text):
    """The text with everything but comments blanked."""
    kept = [" " if character != "\n" else "\n" for character in text]
    for match in TOKEN.finditer(text):
        if match["comment"] is not None:
            kept[match.start():match.end()] = match[0]
    return "".join(kept)


def line_counts(text):
    """(lines with code, lines with comment); a line with both counts twice, a lone // counts as comment."""
    code = sum(bool(line.strip()) for line in blanked(text, "comment").splitlines())
    comment = sum(bool(line.strip()) for line in comments_only(text).splitlines())
    return code, comment


def comment_share(counts):
    """Percent of comment in a list of (code, comment)."""
    code, comment = sum(pair[0] for pair in counts), sum(pair[1] for pair in counts)
    return 100 * comment / max(1, code + comment)


def room_of(path):
    """The room a file lives in ("engine", "targets", "examples/bank"), or nothing: tests and benches see all."""
    top, rest = path.parts[0], path.parts[1:]
    if top == "src":
        return rest[0]
    if top == "examples":
        return f"examples/{rest[0]}"
    if top == "include":
        name = str(pathlib.PurePath(*rest[1:]).with_suffix(""))
        return PUBLIC_ROOMS.get(name) or PUBLIC_ROOMS.get(name.split("/")[0], str(path))
    return None


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    """(line, quoted?, name, file of the tree it leads to or nothing) of every include."""
    text = blanked(text_of(path), "comment")
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield line, match[1] == '"', match[2], resolve(path, match[2])


@functools.cache
def resolve(path, name):
    for start in (path.parent, "src", "include", "", "examples", "tests"):
        candidate = (ROOT / start / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(ROOT):
            return pathlib.PurePath(candidate.relative_to(ROOT))
    return None


def closure(path, seen=None):
    """The file and every file of the tree it includes, directly or not."""
    seen = set() if seen is None else seen
    if path not in seen:
        seen.add(path)
        for _, _, _, target in includes(path):
            if target:
                closure(target, seen)
    return seen


class Findings:
    """Collects `file:line: what is wrong` and turns it into an exit code."""

    def __init__(self):
        self.lines = []

    def add(self, path, line, message):
        self.lines.append(f"{path}:{line}: {message}" if line else f"{path}: {message}")

    def finish(self, good):
        """Prints the findings, or the sentence that there are none."""
        for line in self.lines:
            print(line)
        print(f"{len(self.lines)} findings" if self.lines else good)
        return 1 if self.lines else 0


if __name__ == "__main__":
    sys.stdout.write("".join(f"{path}\0" if "--null" in sys.argv else f"{path}\n" for path in
                             (ROOT / relative for relative in cpp_files())))
