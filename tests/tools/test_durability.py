"""Tests of the tools around the simulator: broken engines still break, images of power cuts are what they must be."""
import pathlib
import random
import struct
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import broken_engine  # noqa: E402
import durability_card  # noqa: E402
import powercut  # noqa: E402


class BrokenEngines(unittest.TestCase):
    def test_every_change_still_applies(self):
        for engine in broken_engine.engines().values():
            source = (broken_engine.ROOT / engine["file"]).read_text(encoding="utf-8")
            self.assertNotEqual(source, broken_engine.changed(engine), engine["name"])

    def test_a_change_that_does_not_apply_is_an_error(self):
        engine = {"name": "x", "file": "src/engine/log/segment.cpp", "changes": [["not there at all", ""]]}
        with self.assertRaises(SystemExit):
            broken_engine.changed(engine)

    def test_there_are_at_least_eight(self):
        self.assertGreaterEqual(len(broken_engine.engines()), 8)


def record(kind, offset, data=b""):
    return struct.pack("<QQQ", kind, offset, len(data)) + data


class Cuts(unittest.TestCase):
    def setUp(self):
        log = (record(powercut.WRITE, 0, b"a" * 4096) + record(powercut.FLUSH, 0) + record(powercut.MARK, 7)
               + record(powercut.WRITE, 4096, b"b" * 4096) + record(powercut.WRITE, 0, b"c" * 4096))
        recording = types.SimpleNamespace(base=bytes(8192), log=log)
        recording.records = list(powercut.Recording.parsed(recording))
        folder = tempfile.TemporaryDirectory(prefix="stele-cuts-")
        self.addCleanup(folder.cleanup)
        self.cutter = powercut.Cutter(recording, random.Random(3), pathlib.Path(folder.name))

    def images(self, until):
        self.cutter.advance(until)
        for _ in range(40):
            self.cutter.cut()
            yield self.cutter.image.read_bytes()

    def test_what_was_flushed_is_in_every_image(self):
        for image in self.images(3):
            self.assertEqual(image, b"a" * 4096 + bytes(4096))
        self.assertEqual(self.cutter.acked, 7)

    def test_what_was_not_flushed_is_there_or_not_by_sectors(self):
        seen = set()
        for image in self.images(5):
            seen.add(image)
            for sector in range(16):
                piece = set(image[sector * 512:(sector + 1) * 512])
                self.assertIn(piece, [{ord("a")}, {ord("b")}, {ord("c")}, {0}])
        self.assertGreater(len(seen), 2)


class Card(unittest.TestCase):
    RUN = {"kind": "simulation", "first_seed": 1, "seeds": 10, "power_cuts": 1000, "openings": 1200, "steps": 600,
           "cuts_during_recovery_or_after_it": 200, "acknowledged": 5, "refused": 2, "disk_faults": 1, "violations": 0,
           "seconds": 60}

    def test_runs_over_other_seeds_add_up_and_the_same_replace_each_other(self):
        runs = durability_card.merged([self.RUN], [dict(self.RUN, first_seed=11), dict(self.RUN, seeds=10)])
        self.assertEqual(len(runs), 2)
        self.assertIn("| 2,000 |", durability_card.card(runs))

    def test_a_loss_is_shown(self):
        text = durability_card.card([{"kind": "kills", "rounds": 9, "lost": 3, "seconds": 1}])
        self.assertIn("| 9 | 3 |", text)

    def test_runs_of_one_fuzzer_add_up(self):
        run = {"kind": "fuzz", "target": "uri", "seed": 1, "executions": 600, "findings": 0, "seconds": 60}
        runs = durability_card.merged([run], [dict(run, seed=2), dict(run, target="sse", executions=7, findings=1)])
        text = durability_card.card(runs)
        self.assertIn("| `uri` | 1,200 | 0 | 2 min |", text)
        self.assertIn("| `sse` | 7 | 1 |", text)

    def test_the_card_is_checked_against_its_figures(self):
        with tempfile.TemporaryDirectory(prefix="stele-card-") as folder:
            root = pathlib.Path(folder)
            with mock.patch.object(durability_card, "CARD", root / "card.md"), \
                    mock.patch.object(durability_card, "FIGURES", root / "card.ndjson"):
                self.assertEqual(durability_card.main(["--check"]), 1)
                self.assertEqual(durability_card.main([]), 0)
                self.assertEqual(durability_card.main(["--check"]), 0)


if __name__ == "__main__":
    unittest.main()
