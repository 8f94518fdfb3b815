#!/usr/bin/env python3
"""The figures of the house: how long functions and files are, how much is explained, tested and asserted.

Prints them beside their goals. A missed goal is shown; beyond a hard limit the check fails.
"""
import re
import subprocess
import sys

import tree

ASSERT = re.compile(r"\bSTELE_ASSERT\(")


def functions():
    """(lines, name, file, first line) of every function of the product."""
    product = [str(tree.ROOT / path) for path in tree.cpp_files(tree.PRODUCT_FOLDERS)]
    tags = subprocess.run(
        ["ctags", "-o", "-", "--languages=C++", "--langmap=C++:.hpp.cpp", "--kinds-C++=f", "--fields=ne",
         "-I", "STELE_EVENT+,STELE_COMMAND+,STELE_REFUSAL+", "-L", "-"],
        input="\n".join(product), capture_output=True, text=True, check=True).stdout
    for tag in tags.splitlines():
        found = re.match(r"(\S+)\t([^\t]+)\t.*\tline:(\d+)\t.*\bend:(\d+)", tag) or re.match(
            r"(\S+)\t([^\t]+)\t.*\tline:(\d+)\tend:(\d+)", tag)
        if found:
            first, last = int(found[3]), int(found[4])
            yield last - first + 1, found[1], str(found[2]).removeprefix(f"{tree.ROOT}/"), first


def spread(values):
    """(median, p90, longest)"""
    ordered = sorted(values) or [0]
    return tuple(ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.9)) + (ordered[-1],)


class Table:
    def __init__(self):
        self.failed = False

    def row(self, figure, value, goal, met, hard=False):
        """One figure; `hard` says that missing the goal fails the check."""
        self.failed |= hard and not met
        print(f"  {figure:44} {value:>18}   goal {goal:22} {'' if met else 'FAILED' if hard else 'missed'}".rstrip())

    def ratio_row(self, figure, ratio, goal, floor):
        """A ratio that grows towards its goal: below the goal it is shown as missed, below the floor the check fails.
        The floor is where the tree stands, and is only ever raised."""
        self.row(figure, f"{ratio:.2f}", f">= {goal:.2f}", ratio >= goal, hard=ratio < floor)


def size_rows(table):
    lengths = sorted(functions(), reverse=True)
    median, p90, longest = spread([length for length, *_ in lengths])
    table.row("function lines, median / p90", f"{median} / {p90}", "<= 6 / <= 20", median <= 6 and p90 <= 20)
    table.row("function lines, longest", str(longest), "<= 70", longest <= 70, hard=True)
    for length, name, file, line in lengths:
        if length > 70:
            print(f"    {file}:{line}: {name} has {length} lines")
    files = sorted(((len(tree.text_of(path).splitlines()), path) for path in tree.cpp_files(tree.PRODUCT_FOLDERS)),
                   reverse=True)
    median, p90, longest = spread([length for length, _ in files])
    table.row("product file lines, median / p90", f"{median} / {p90}", "<= 120 / <= 300", median <= 120 and p90 <= 300)
    table.row("product file lines, longest", str(longest), "<= 800", longest <= 800, hard=True)
    for length, path in files:
        if length > 800:
            print(f"    {path}: {length} lines")


def comment_rows(table):
    for suffix, name, low, high in ((".hpp", "headers", 25, 40), (".cpp", "sources", 8, 18)):
        counts = [tree.line_counts(tree.text_of(path)) for path in tree.cpp_files(("src", "examples"))
                  if path.suffix == suffix]
        share = tree.comment_share(counts)
        table.row(f"comment share, {name} of src, examples", f"{share:.0f} %", f"{low}-{high} %",
                  low <= share <= high)


def test_rows(table):
    code = {path: tree.line_counts(tree.text_of(path))[0] for path in tree.cpp_files()}

    def total(wanted):
        return sum(lines for path, lines in code.items() if wanted(path))
    engine = total(lambda path: path.parts[:2] == ("src", "engine"))
    product = total(lambda path: path.parts[0] in tree.PRODUCT_FOLDERS) - engine
    of_engine = {("tests", "engine"), ("tests", "simulation"), ("tests", "powercut")}
    engine_tests = total(lambda path: path.parts[:2] in of_engine)
    tests = total(lambda path: path.parts[0] == "tests") - engine_tests
    table.row("product code lines, engine / elsewhere", f"{engine} / {product}", "", True)
    if engine:
        table.ratio_row("test code to product code, engine", engine_tests / engine, goal=0.9, floor=0.7)
    table.ratio_row("test code to product code, elsewhere", tests / max(1, product), goal=0.6, floor=0.5)
    asserts = sum(len(ASSERT.findall(tree.code_only(tree.text_of(path)))) for path in code
                  if path.parts[:2] == ("src", "engine"))
    if engine:
        table.ratio_row("assertions per 100 lines of engine code", 100 * asserts / engine, goal=3.0, floor=3.0)


def room_rows():
    print("  by room, code lines: product / tests")
    for room in sorted({path.parts[1] for path in tree.cpp_files(("src", "examples"))}):
        product, tests = (sum(tree.line_counts(tree.text_of(path))[0] for path in tree.cpp_files(folders)
                              if path.parts[1] == room) for folders in (("src", "examples"), ("tests",)))
        print(f"    {room:14} {product:6} / {tests}")


def main():
    table = Table()
    size_rows(table)
    comment_rows(table)
    test_rows(table)
    room_rows()
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
