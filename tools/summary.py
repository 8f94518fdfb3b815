#!/usr/bin/env python3
"""One line per preset and a last line "N passed, N failed" from the results CTest left in BUILD/PRESET/tests.xml.

Usage: summary.py BUILD PRESET...      A preset without results (it did not build) counts as one failure.

A test of CTest is mostly a suite of GoogleTest (cmake/suites.cmake): its tests are counted, from results/SUITE.xml.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml

OTHERS = ("fuzz.", "install.")  # tests of CTest that are not GoogleTest programs


def verdict(case):
    """"passed", "skipped" (the test said so itself, or is disabled) or "failed": everything else, also what CTest
    calls "not run" because a program is missing."""
    if case.get("status") == "run" and case.find("failure") is None:
        return "passed"
    skipped = case.find("skipped")
    by_itself = skipped is not None and skipped.get("message", "").startswith("SKIP_")
    return "skipped" if by_itself or case.get("status") == "disabled" else "failed"


def inside(case, results):
    """The verdicts and names of the tests that a test of CTest ran: those of its result file, or itself."""
    said, name = verdict(case), case.get("name")
    if name.startswith(OTHERS):
        return [(said, name)]
    file = results.with_name("results") / (name.replace("/", "-") + ".xml")
    if not file.exists():  # it died, or ended itself before all its tests were over
        return [("failed", name)]
    tests = [(of_gtest(test), f"{test.get('classname')}.{test.get('name')}")
             for test in xml.parse(file).getroot().iter("testcase")]
    if not tests or (said == "failed" and all(one != "failed" for one, _ in tests)):
        tests.append(("failed", name))  # a leak, or a race, is told when all tests are over
    return tests


def of_gtest(test):
    if test.find("failure") is not None:
        return "failed"
    return "passed" if test.get("status") == "run" and test.get("result") == "completed" else "skipped"


def count(results):
    """(passed, names of the failed, skipped, seconds) of one results file."""
    suite = xml.parse(results).getroot()
    cases = [one for case in suite.iter("testcase") for one in inside(case, results)]
    failed = [name for said, name in cases if said == "failed"]
    skipped = sum(said == "skipped" for said, _ in cases)
    return len(cases) - len(failed) - skipped, failed, skipped, float(suite.get("time") or 0)


def main(build, presets):
    all_passed = all_failed = 0
    for preset in presets:
        results = pathlib.Path(build, preset, "tests.xml")
        if not results.exists():
            print(f"{preset:8} no results: it did not build, or no test was found", file=sys.stderr)
            all_failed += 1
            continue
        passed, failed, skipped, seconds = count(results)
        beside = f", {skipped} skipped" if skipped else ""
        print(f"{preset:8} {passed} passed, {len(failed)} failed{beside} in {seconds:.0f} s", file=sys.stderr)
        for name in failed:
            print(f"{'':8} failed: {name}", file=sys.stderr)
        all_passed, all_failed = all_passed + passed, all_failed + max(len(failed), int(passed == 0))
    print(f"{all_passed} passed, {all_failed} failed")
    return 1 if all_failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
