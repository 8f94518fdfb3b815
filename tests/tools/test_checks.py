"""Tests of the checks: each rule is broken once in a small tree of its own and must be found there."""
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_docs  # noqa: E402
import check_floors  # noqa: E402
import check_sizes  # noqa: E402
import check_text  # noqa: E402
import doc_session  # noqa: E402
import markdown  # noqa: E402
import summary  # noqa: E402
import tree  # noqa: E402


class TreeCase(unittest.TestCase):
    """Gives each test an empty tree, and runs a check over what it writes there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stele-tools-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        patch = mock.patch.object(tree, "ROOT", self.root)
        patch.start()
        self.addCleanup(patch.stop)
        tree.text_of.cache_clear()
        tree.resolve.cache_clear()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def findings_of(self, check, *arguments):
        with mock.patch("builtins.print") as printed, mock.patch.object(sys, "argv", ["check", *arguments]):
            code = check.main()
        said = "\n".join(str(call.args[0]) for call in printed.call_args_list if call.args)
        return said if code else ""


class Floors(TreeCase):
    def test_an_include_that_points_down_is_good(self):
        self.write("src/base/bytes.hpp", "")
        self.write("src/engine/log.cpp", '#include "base/bytes.hpp"\n#include <vector>\n')
        self.assertEqual(self.findings_of(check_floors), "")

    def test_an_upward_include_is_found_with_its_line(self):
        self.write("src/server/http.hpp", "")
        self.write("src/engine/log.cpp", '\n#include "server/http.hpp"\n')
        self.assertIn("src/engine/log.cpp:2: server/http.hpp: upward", self.findings_of(check_floors))

    def test_a_room_of_a_lower_floor_that_is_not_in_the_row_is_found(self):
        self.write("src/engine/log.hpp", "")
        self.write("src/projection/runner.cpp", '#include "engine/log.hpp"\n')
        self.assertIn("may include only base, event", self.findings_of(check_floors))

    def test_an_include_by_a_relative_path_does_not_hide(self):
        self.write("src/engine/log.hpp", "")
        self.write("src/base/bytes.cpp", '#include "../engine/log.hpp"\n')
        self.assertIn("upward", self.findings_of(check_floors))

    def test_an_include_in_a_comment_does_not_count(self):
        self.write("src/server/http.hpp", "")
        self.write("src/base/bytes.cpp", '// #include "server/http.hpp"\n/*\n#include "server/http.hpp"\n*/\n')
        self.assertEqual(self.findings_of(check_floors), "")

    def test_an_application_sees_public_headers_and_itself_only(self):
        self.write("include/stele/store.hpp", "")
        self.write("src/base/bytes.hpp", "")
        self.write("examples/bank/account.hpp", "")
        self.write("examples/bank/good.cpp", '#include "stele/store.hpp"\n#include "account.hpp"\n')
        self.write("examples/bank/bad.cpp", '#include "base/bytes.hpp"\n')
        self.assertEqual(self.findings_of(check_floors).count("bad.cpp:1"), 1)
        self.assertNotIn("good.cpp", self.findings_of(check_floors))

    def test_a_public_header_may_not_include_a_private_one_nor_a_heavy_one(self):
        self.write("src/base/bytes.hpp", "")
        self.write("include/stele/store.hpp", '#include "base/bytes.hpp"\n#include <boost/asio.hpp>\n')
        said = self.findings_of(check_floors)
        self.assertIn("not public", said)
        self.assertIn("store.hpp:2: third-party", said)

    def test_public_headers_that_include_each_other_are_found(self):
        self.write("include/stele/decider.hpp", '#include "stele/wire.hpp"\n')
        self.write("include/stele/wire.hpp", '#include "stele/decider.hpp"\n')
        self.assertIn("leads back to it", self.findings_of(check_floors))

    def test_a_public_header_that_no_room_owns_is_found(self):
        self.write("include/stele/surprise.hpp", '#include "stele/store.hpp"\n')
        self.write("include/stele/store.hpp", "")
        self.assertIn("not in the table", self.findings_of(check_floors))

    def test_a_file_that_does_not_exist_is_found(self):
        self.write("src/base/bytes.cpp", '#include "base/gone.hpp"\n')
        self.assertIn("not a file of the tree", self.findings_of(check_floors))


class Text(TreeCase):
    def found(self, name, line):
        self.write(name, f"// What it is.\n\n{line}\n")
        return self.findings_of(check_text)

    def test_each_forbidden_thing_is_found(self):
        for name, line, said in (
                ("src/io/a.cpp", "auto f() { co" "_await g(); }", "no coroutines"),
                ("src/io/a.cpp", "int x;  // FIX" "ME later", "left for later"),
                ("docs/a.md", "see /ro" "ot/notes", "a path of one machine"),
                ("src/io/a.cpp", "int x;" + " " * 120 + "int y;", "at most 120"),
                ("src/io/a.cpp", "// return old_way(x);", "commented out"),
                ("src/io/a.cpp", "f();  // NOLINT", "needs a reason"),
                ("src/io/a.cpp", "f();  // NOLINT(bugprone-x)", "needs a reason"),
                ("src/engine/a.cpp", "int n = ::open(path);", "a system call"),
                ("src/engine/a.cpp", "auto t = std::chrono::steady_clock::now();", "a clock"),
                ("src/engine/a.cpp", "std::random_device seed;", "randomness"),
                ("src/engine/a.cpp", "std::filesystem::remove(path);", "a file operation"),
                ("src/engine/a.cpp", "#include <fcntl.h>", "only src/io needs"),
                ("src/engine/a.cpp", "std::this_thread::sleep_for(d);", "sleeping")):
            with self.subTest(line=line):
                tree.text_of.cache_clear()
                self.assertIn(said, self.found(name, line))
                (self.root / name).unlink()

    def test_what_only_looks_forbidden_is_not_found(self):
        for line in ('auto s = "co' '_await";', "int x;  // without co" "_await",
                     "f();  // NOLINT(bugprone-x): implicit", "// Why.\nf();  // NOLINT(bugprone-x)",
                     "std::filesystem::path where;",
                     "auto d = Disk::open(path);", "// The rest is read on demand."):
            with self.subTest(line=line):
                tree.text_of.cache_clear()
                self.assertEqual(self.found("src/engine/a.cpp", line), "")

    def test_a_file_without_an_opening_comment_is_found(self):
        self.write("src/io/a.cpp", "int x;\n")
        self.assertIn("opens without", self.findings_of(check_text))


class Sizes(TreeCase):
    def test_a_function_of_71_lines_fails_and_one_of_70_does_not(self):
        for lines, verdict in ((71, "a.cpp:1: far has 71 lines"), (70, "")):
            tree.text_of.cache_clear()
            self.write("src/base/a.cpp", "int far() {\n" + "  work();\n" * (lines - 2) + "}\n")
            self.write("tests/base/a.cpp", "test();\n" * lines)
            self.assertIn(verdict, self.findings_of(check_sizes))
            self.assertEqual(bool(verdict), bool(self.findings_of(check_sizes)))

    def test_comments_and_code_are_told_apart(self):
        self.assertEqual(tree.line_counts('int a;  // why\n\n/* two\nlines */\nauto s = "// not";\n'), (2, 3))
        self.assertEqual(tree.line_counts("auto n = 10'000;  // it's\nauto c = '\"';\n"), (2, 1))
        self.assertEqual(tree.line_counts('auto r = R"(// not\n/* not */)";\n'), (2, 0))

    def test_an_engine_without_tests_fails(self):
        self.write("src/engine/a.cpp", "int x;\nint y;\nSTELE_ASSERT(x, \"x\");\n")
        self.assertTrue(self.findings_of(check_sizes))


class Docs(TreeCase):
    def page(self, text):
        self.write("docs/page.md", text)
        return self.findings_of(check_docs, "--bin", str(self.root))

    def test_dead_links_and_anchors_are_found(self):
        self.write("docs/other.md", "# A `name` here\n## Twice\n## Twice\n")
        self.assertEqual(self.page("[a](other.md#a-name-here) [b](other.md#twice-1) [c](https://nowhere.example)"), "")
        self.assertIn("dead link: gone.md", self.fresh("[a](gone.md)"))
        self.assertIn("no such heading: other.md#gone", self.fresh("[a](other.md#gone)"))

    def fresh(self, text):
        tree.text_of.cache_clear()
        return self.page(text)

    def test_a_sample_equals_the_part_of_the_file_it_names(self):
        self.write("tests/a.cpp", "void f() {\n  // [sum]\n  int x = 1;\n  // [/sum]\n}\n")
        self.assertEqual(self.fresh("```cpp file=tests/a.cpp#sum\nint x = 1;\n```\n"), "")
        self.assertIn("differs", self.fresh("```cpp file=tests/a.cpp#sum\nint x = 2;\n```\n"))
        self.assertIn("no part [product]", self.fresh("```cpp file=tests/a.cpp#product\nint x = 1;\n```\n"))
        self.assertIn("names the compiled file", self.fresh("```cpp\nint x = 1;\n```\n"))
        self.assertIn("names its language", self.fresh("```\nint x = 1;\n```\n"))

    def test_console_samples_are_run_and_compared(self):
        self.assertEqual(self.fresh("```console\n$ printf 'a b\\nc\\nd\\n'\na …\n…\nd\n$ true\n```\n"), "")
        self.assertIn("prints something else", self.fresh("```console\n$ echo 1\n2\n```\n"))
        self.assertIn("ends with 3", self.fresh("```console\n$ exit 3\n```\n"))
        self.assertEqual(self.fresh("```console seconds=0.3\n$ echo first; sleep 60\nfirst\n```\n"), "")
        self.assertIn("ends with", self.fresh("```sh\nfalse\ntrue\n```\n"))
        self.assertEqual(self.fresh("```sh\n./run   # everything\n```\n"), "")
        self.assertIn("the reason", self.fresh("```sh skip=\nfalse\n```\n"))

    def test_commands_may_continue_on_the_next_line(self):
        self.assertEqual(list(check_docs.commands_of("$ a \\\n    b\nout\n$ c\n> d\n")), [("a \\\n    b", "out"),
                                                                                        ("c\nd", "")])

    def test_json_samples_are_json(self):
        self.assertEqual(self.fresh('```json\n{"a": [1, …], "b": "…", …}\n```\n'), "")
        self.assertIn("is not JSON", self.fresh('```json\n{"a": }\n```\n'))

    def test_the_wildcard_stands_for_anything_and_layout_for_nothing(self):
        self.assertTrue(doc_session.same('{"a": 1,\n "b": …}', '{"a":1,"b":[2,3]}'))
        self.assertFalse(doc_session.same('{"a": 1}', '{"a":12}'))

    def test_a_fence_inside_a_longer_fence_is_text(self):
        blocks, _ = markdown.read("````text\n```cpp\n```\n````\n")
        self.assertEqual([(block.language, block.text) for block in blocks], [("text", "```cpp\n```\n")])


SUITE = '<testsuite time="1">{}</testsuite>'
GOOD = '<testcase name="fuzz.a" status="run"/>'
GONE = '<testcase name="install.c" status="notrun"><skipped message="Unable to find executable"/></testcase>'
SKIPPED = '<testcase name="fuzz.d" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>'
BAD = '<testcase name="fuzz.b" status="fail"><failure message=""/></testcase>'


class Summary(TreeCase):
    def last_line(self, **results):
        for preset, cases in results.items():
            self.write(f"{preset}/tests.xml", SUITE.format(cases))
        run = subprocess.run([sys.executable, summary.__file__, self.root, "release", "asan"],
                             capture_output=True, text=True)
        return run.returncode, run.stdout

    def test_all_presets_are_counted_together(self):
        self.assertEqual(self.last_line(release=GOOD * 2, asan=GOOD), (0, "3 passed, 0 failed\n"))

    def test_a_failed_test_fails(self):
        self.assertEqual(self.last_line(release=GOOD, asan=GOOD + BAD), (1, "2 passed, 1 failed\n"))

    def test_a_skipped_test_is_not_counted_and_one_that_could_not_start_fails(self):
        self.assertEqual(self.last_line(release=GOOD + SKIPPED, asan=GOOD), (0, "2 passed, 0 failed\n"))
        self.assertEqual(self.last_line(release=GOOD + GONE, asan=GOOD), (1, "2 passed, 1 failed\n"))

    def test_a_preset_without_results_or_without_tests_fails(self):
        self.assertEqual(self.last_line(release=GOOD), (1, "1 passed, 1 failed\n"))
        self.assertEqual(self.last_line(release=GOOD, asan=""), (1, "1 passed, 1 failed\n"))

    def test_the_tests_of_a_suite_are_counted_one_by_one(self):
        ran = '<testcase name="{}" classname="S" status="run" result="{}">{}</testcase>'
        tests = [ran.format("x", "completed", ""), ran.format("y", "skipped", "<skipped/>"),
                 '<testcase name="z" classname="S" status="notrun" result="suppressed"/>']
        suite = GOOD.replace('"fuzz.a"', '"S/s"')
        self.write("release/results/S-s.xml", SUITE.format("".join(tests)))
        self.assertEqual(self.last_line(release=suite, asan=GOOD), (0, "2 passed, 0 failed\n"))
        died_after = BAD.replace('"fuzz.b"', '"S/s"')
        self.assertEqual(self.last_line(release=died_after, asan=GOOD), (1, "2 passed, 1 failed\n"))
        tests.append(ran.format("w", "completed", "<failure/>"))
        self.write("release/results/S-s.xml", SUITE.format("".join(tests)))
        self.assertEqual(self.last_line(release=died_after, asan=GOOD), (1, "2 passed, 1 failed\n"))

    def test_a_suite_that_left_no_results_or_ran_nothing_fails(self):
        suite = GOOD.replace('"fuzz.a"', '"S/s"')
        self.assertEqual(self.last_line(release=suite, asan=GOOD), (1, "1 passed, 1 failed\n"))
        self.write("release/results/S-s.xml", SUITE.format(""))
        self.assertEqual(self.last_line(release=suite, asan=GOOD), (1, "1 passed, 1 failed\n"))


if __name__ == "__main__":
    unittest.main()
