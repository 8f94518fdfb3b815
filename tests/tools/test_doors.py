"""Tests of what ./run, ./test and ./dev do before they build: with the commands they call replaced by small fakes."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBIAN = "ID=debian\nVERSION_ID=12\n"


class Doors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stele doors ")  # with blanks on purpose
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for tool in ("bash", "env", "sed", "awk", "dirname", "readlink", "nproc", "cat", "mkdir", "rm", "grep"):
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.calls = self.folder / "calls"
        self.release = self.folder / "os-release"
        self.release.write_text(DEBIAN)

    def fake(self, name, script):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.calls}"\n{script}\n')
        path.chmod(0o755)

    def installed(self, *packages):
        self.fake("dpkg-query", "printf '%s' '" + "".join(f"ii {package} " for package in packages) + "'")

    def need(self, *groups):
        """Calls need_packages and gives (exit code, stderr, the fakes' calls)."""
        self.calls.write_text("")
        run = subprocess.run(
            [self.bin / "bash", "-c", 'root=$1; . "$root/tools/lib.sh"; shift; need_packages "$@"', "door", ROOT,
             *groups],
            capture_output=True, text=True, env={"PATH": str(self.bin), "STELE_OS_RELEASE": str(self.release)},
            stdin=subprocess.DEVNULL)
        return run.returncode, run.stderr, self.calls.read_text()

    def names(self, *groups):
        rows = [line.split("|") for line in (ROOT / "tools/packages.txt").read_text().splitlines()
                if line and not line.startswith("#")]
        return [row[1].strip() for row in rows if row[0].strip() in groups]

    def test_nothing_is_called_when_nothing_is_missing(self):
        self.installed(*self.names("build"))
        code, said, calls = self.need("build")
        self.assertEqual((code, said), (0, ""))
        self.assertEqual(calls.count("\n"), 1)  # one dpkg-query

    def test_root_installs_exactly_what_is_missing_and_what_makes_it_quicker(self):
        self.installed(*self.names("build")[1:])
        self.fake("id", "echo 0")
        self.fake("apt-get", "")
        code, _, calls = self.need("build")
        self.assertEqual(code, 0)
        self.assertIn("update", calls)
        install = [line for line in calls.splitlines() if " install " in line]
        self.assertEqual(len(install), 1)
        self.assertTrue(install[0].endswith(" ".join(["", self.names("build")[0], *self.names("speed")])), install)
        self.assertIn("--no-remove", install[0])

    def test_without_the_quicker_ones_it_goes_on(self):
        self.installed(*self.names("build")[1:])
        self.fake("id", "echo 0")
        self.fake("apt-get", 'case "$*" in *ccache*) exit 100 ;; esac')
        self.assertEqual(self.need("build")[0], 0)

    def test_without_network_it_fails_and_names_the_packages(self):
        self.installed()
        self.fake("id", "echo 0")
        self.fake("apt-get", "exit 100")
        code, said, _ = self.need("build")
        self.assertEqual(code, 1)
        self.assertIn("no network? the packages: g++ cmake", said)

    def test_neither_root_nor_sudo(self):
        self.installed()
        self.fake("id", "echo 1000")
        self.fake("apt-get", "")
        code, said, calls = self.need("build")
        self.assertEqual(code, 1)
        self.assertIn("neither root nor is there sudo", said)
        self.assertNotIn("apt-get", calls)

    def test_sudo_without_terminal_and_with_a_password(self):
        self.installed()
        self.fake("id", "echo 1000")
        self.fake("sudo", "exit 1")
        code, said, _ = self.need("build")
        self.assertEqual(code, 1)
        self.assertIn("sudo asks for a password", said)

    def test_sudo_is_used_where_it_is_needed(self):
        self.installed()
        self.fake("id", "echo 1000")
        self.fake("sudo", '[ "$1" = -n ] && exit 0; "$@"')
        self.fake("apt-get", "")
        code, _, calls = self.need("build")
        self.assertEqual(code, 0)
        self.assertIn("sudo env DEBIAN_FRONTEND=noninteractive apt-get", calls)

    def test_another_distribution_is_told_what_is_missing(self):
        self.installed()
        self.release.write_text("ID=ubuntu\nVERSION_ID=24.04\n")
        code, said, _ = self.need("build")
        self.assertEqual(code, 1)
        self.assertIn("here: ubuntu 24.04", said)
        self.assertIn("libsimdjson-dev", said)

    def test_another_distribution_that_has_everything_is_left_alone(self):
        self.installed(*self.names("build", "test"))
        self.release.write_text("ID=ubuntu\nVERSION_ID=24.04\n")
        self.assertEqual(self.need("build", "test")[0], 0)

    def test_a_system_without_dpkg(self):
        code, said, _ = self.need("build")
        self.assertEqual(code, 1)
        self.assertIn("not a Debian system", said)

    def test_a_wrong_word_is_refused_with_a_way_on(self):
        for call, said in ((["dev", "biuld"], "./dev help"), (["test", "nonsense"], "dev, release, asan, tsan")):
            run = subprocess.run([ROOT / call[0], *call[1:]], capture_output=True, text=True, cwd=os.sep)
            self.assertEqual(run.returncode, 1)
            self.assertIn(said, run.stderr)


if __name__ == "__main__":
    unittest.main()
