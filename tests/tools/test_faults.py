"""The tests that pages name as proof are there: docs/faults.md and docs/guarantees.md."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
NAMED = re.compile(r"`((?:\w+/)?[A-Z]\w*\*?\.(?:\w+…?|\*))`|`([A-Z]\w+\*)`")


def tests():
    return {".".join(found) for path in (ROOT / "tests").rglob("*.cpp")
            for found in TEST.findall(path.read_text(encoding="utf-8"))}


def pattern(name):
    """A name as pages write it: `Suite.*`, `Suite*`, `Suite.the_beginning_…`."""
    name = name.rpartition("/")[2]
    return re.compile(re.escape(name).replace(r"\*", ".*").replace("…", ".*") + ("" if "." in name else r"\..*"))


class NamesInPages(unittest.TestCase):
    def test_every_named_test_exists(self):
        there = tests()
        self.assertGreater(len(there), 1000)
        for page in ("faults.md", "guarantees.md"):
            text = (ROOT / "docs" / page).read_text(encoding="utf-8")
            names = {first or second for first, second in NAMED.findall(text)}
            self.assertGreater(len(names), 30, page)
            for name in sorted(names):
                wanted = pattern(name)
                self.assertTrue(any(wanted.fullmatch(one) for one in there), f"{page}: there is no test {name}")

    def test_every_row_of_the_matrix_names_one(self):
        rows = [line for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
                if re.match(r"\| [SR]\d+ \|", line)]
        self.assertEqual(36, len(rows))
        for row in rows:
            proof = row.split(" | ")[3]
            elsewhere = any(words in proof for words in ("tests/fuzz", "every test under", "as S1"))
            self.assertTrue(NAMED.search(proof) or elsewhere, row)


if __name__ == "__main__":
    unittest.main()
