"""The table of `./dev bench compare`: ratios, marks and gaps; and its servers' ports. No server is started."""
import importlib.util
import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPEC = importlib.util.spec_from_file_location("compare_run", ROOT / "bench" / "compare" / "run.py")
run = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run)


def records(*lines):
    head = {"compare": "rivals", "machine": "2 x CPU", "fdatasync_us": 53.2, "fdatasync_p99_us": 90, "seconds": 2,
            "rounds": 3}
    return [head, *lines, {"fdatasync_us_at_end": 60}]


def line(rival, value, row="W1 ×16", workload="append", member="events_per_second", durability="fsync"):
    return {"row": row, "rival": rival, "workload": workload, member: value, "durability": durability}


class Table(unittest.TestCase):
    def row(self, *lines):
        return next(text for text in run.table(records(*lines)) if text.startswith("| W"))

    def test_figures_and_ratios_stand_beside_each_other(self):
        row = self.row(line("limit", 200e3), line("stele", 100e3), line("SQLite", 25e3), line("LMDB", 50e3))
        self.assertEqual(row, "| W1 ×16, events/s | 200 k | 100 k | 25 k (4.00×) | 50 k (2.00×) | 2.00 | 0.50 |")

    def test_less_is_better_for_loads(self):
        row = self.row(line("stele", 20, "W4 load", "load", "p50_us"), line("SQLite", 100, "W4 load", "load", "p50_us"))
        self.assertEqual(row, "| W4 load, µs p50 | – | 20 | 100 (5.00×) | 5.00 | – |")

    def test_who_is_not_durable_is_marked_and_not_the_best(self):
        row = self.row(line("stele", 100e3), line("SQLite", 50e3),
                       line("NATS", 80e3, durability="not durable: no sync"))
        self.assertIn("80 k* (1.25×)", row)
        self.assertTrue(row.endswith("| 2.00 | – |"), row)

    def test_a_form_that_a_rival_does_not_have_is_a_gap(self):
        row = self.row(line("stele", 100e3), {"row": "W1 ×16", "rival": "PostgreSQL", "error": "no such form"})
        self.assertIn("| – |", row)

    def test_the_conditions_and_what_was_left_out_are_told(self):
        text = "\n".join(run.table(records(line("stele", 1), {"rival": "NATS", "left_out": "not installed"})))
        self.assertIn("fdatasync of 300 B 53 µs (p99 90), at the end 60 µs", text)
        self.assertIn("* NATS was left out: not installed", text)

    def test_the_median_round_counts_and_errors_do_not(self):
        lines = [{"events_per_second": 3}, {"error": "busy"}, {"events_per_second": 1}, {"events_per_second": 2}]
        self.assertEqual(run.Comparison.middle("append", lines), {"events_per_second": 2})
        self.assertEqual(run.Comparison.middle("append", [{"error": "busy"}]), {"error": "busy"})


class Ports(unittest.TestCase):
    def test_a_free_port_can_be_had_twice(self):
        self.assertNotEqual(run.free_port(), 0)


if __name__ == "__main__":
    unittest.main()
