#!/usr/bin/env python3
"""The store on real file systems and real system calls, cut off at every moment. Needs root, FUSE and loop devices.

  powercut.py --bin BIN [--work DIR] [--summary FILE] [--ext4 POINTS] [--xfs POINTS] [--kills N] [--syscalls]

ext4, xfs  A life is recorded block by block through a device in FUSE (tests/powercut/block_recorder.cpp). For each
           point the image is made that a power cut there may leave: all that was flushed, a random part of what came
           after, some of it torn; it is mounted, and the store on it opened and looked at. A control life without
           syncs must lose acknowledged events, or the rig proves nothing.
syscalls   strace kills a life at its n-th system call, for every n until it ends by itself; then the same with EIO.
kills      SIGKILL at random moments, round after round on one directory.

Without any of the four: 2000 points of ext4, 300 of XFS, 2000 kills and the system calls.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

WRITE, FLUSH, MARK = 1, 2, 3
BLOCK, SECTOR = 4096, 512
IMAGE_BYTES = {"ext4": 48 << 20, "xfs": 304 << 20}
CALLS = ("openat pwrite64 pwritev write fdatasync fsync fallocate ftruncate rename unlink mkdir mmap pread64 read "
         "getdents64 flock fcntl newfstatat lseek close").split()
SHORT = 60
EVENTS = 420


def run(*command, check=True, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done


class Life:
    """Runs crash_life."""

    def __init__(self, binary):
        self.binary = binary

    def write(self, directory, count, *acks, before=()):
        return run(*before, self.binary, "write", directory, count, *acks, check=False)

    def check(self, directory, acked):
        return run(self.binary, "check", directory, acked, check=False)


def acked_in(text):
    lines = [line for line in text.splitlines() if line.startswith("ack=")]
    return int(lines[-1][4:]) if lines else 0


# ---- Real file systems

class Recording:
    """One life on a file system, as the order of its block writes, flushes and acknowledgements."""

    def __init__(self, work, life, filesystem, synced):
        self.work, self.filesystem = work, filesystem
        image, log = work / "disk.img", work / "disk.log"
        with open(image, "wb") as file:
            file.truncate(IMAGE_BYTES[filesystem])
        run(f"mkfs.{filesystem}", "-q", image)
        self.base = image.read_bytes()
        device, mount = work / "device", work / "mount"
        for folder in (device, mount):
            folder.mkdir(exist_ok=True)
        recorder = subprocess.Popen([life.binary.parent / "block_recorder", image, log, device])
        try:
            while not (device / "disk").exists():
                time.sleep(0.02)
                if recorder.poll() is not None:
                    raise SystemExit("the recorder does not start: is there /dev/fuse, and may it be used?")
            loop = run("losetup", "-f", "--show", device / "disk").stdout.strip()
            run("mount", loop, mount)
            unsynced = () if synced else ("strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                          "trace=fsync,fdatasync,sync_file_range", "-e",
                                          "inject=fsync,fdatasync,sync_file_range:retval=0")
            written = life.write(mount / "store", EVENTS, device / "ctl", before=unsynced)
            if written.returncode != 0:
                raise SystemExit(f"the recorded life fails: {written.stdout}{written.stderr}")
            if not synced:
                time.sleep(0.1)  # gives the kernel a chance to write something back
            run("umount", mount)
            run("losetup", "-d", loop)
        finally:
            run("fusermount3", "-u", device, check=False)
            recorder.wait()
        self.log = log.read_bytes()
        self.records = list(self.parsed())

    def parsed(self):
        at = 0
        while at < len(self.log):
            kind, offset, length = struct.unpack_from("<QQQ", self.log, at)
            at += 24
            yield kind, offset, at, length
            at += length if kind == WRITE else 0


class Cutter:
    """The images that power cuts leave of a recording."""

    def __init__(self, recording, dice, work):
        self.recording, self.dice = recording, dice
        self.durable = bytearray(recording.base)
        self.pending = []
        self.acked = 0
        self.at = 0
        self.repaired = 0
        self.image = work / "cut.img"

    def advance(self, until):
        log = self.recording.log
        for kind, offset, start, length in self.recording.records[self.at:until]:
            if kind == WRITE:
                self.pending.append((offset, start, length))
            elif kind == MARK:
                self.acked = offset
            else:
                for where, begin, count in self.pending:
                    self.durable[where:where + count] = log[begin:begin + count]
                self.pending = []
        self.at = until

    def cut(self):
        """Writes the image: what was flushed, and of the rest what the dice let through."""
        share = self.dice.choice((0.0, 0.5, 0.9, 1.0))
        with open(self.image, "wb") as file:
            file.write(self.durable)
            for where, begin, count in self.pending:
                for done in range(0, count, BLOCK):
                    size = min(BLOCK, count - done)
                    if self.dice.random() >= share:
                        continue
                    if self.dice.random() < 0.1:
                        size = SECTOR * self.dice.randrange(max(1, size // SECTOR))
                    file.seek(where + done)
                    file.write(self.recording.log[begin + done:begin + done + size])


REPAIR = {"ext4": ("e2fsck", "-f", "-y"), "xfs": ("xfs_repair",)}


def mounted_after_all(cutter, mount):
    """A file system may itself need its repair: a superblock of 1 KiB that is torn in its middle is one of ext4's own
    limits. Counted, and looked into all the same."""
    if run("mount", "-o", "loop", cutter.image, mount, check=False).returncode == 0:
        return True
    cutter.repaired += 1
    run(*REPAIR[cutter.recording.filesystem], cutter.image, check=False)
    return run("mount", "-o", "loop", cutter.image, mount, check=False).returncode == 0


def look(cutter, life, mount):
    """What is wrong with the image, or nothing."""
    if not mounted_after_all(cutter, mount):
        return "the file system does not mount"
    try:
        if not (mount / "store" / "MANIFEST").exists() and cutter.acked > 0:
            return "lost: the store is not there"
        checked = life.check(mount / "store", cutter.acked)
        return None if checked.returncode == 0 else (checked.stdout + checked.stderr).strip()
    finally:
        run("umount", mount)


def cut_filesystem(life, work, filesystem, points, synced, seed):
    began = time.monotonic()
    recording = Recording(work, life, filesystem, synced)
    dice = random.Random(seed)
    cutter = Cutter(recording, dice, work)
    found = []
    for point in sorted(dice.randrange(1, len(recording.records) + 1) for _ in range(points)):
        cutter.advance(point)
        cutter.cut()
        if (what := look(cutter, life, work / "mount")) is not None:
            found.append((point, what))
    lost = [what for _, what in found if what.startswith("lost")]
    result = {"kind": "powercut", "filesystem": filesystem, "synced": synced, "points": points,
              "block_records": len(recording.records), "lost": len(lost), "other_findings": len(found) - len(lost),
              "file_system_repaired": cutter.repaired,
              "seed": seed, "seconds": round(time.monotonic() - began)}
    if synced and found:
        result["first_finding"] = f"record {found[0][0]}: {found[0][1]}"
    return result


# ---- System calls and kills

def at_every_call(life, work, fault, verdict):
    """One run per index of each system call (in each thread), until a run meets no fault."""
    began = time.monotonic()
    directory, log = work / "calls", work / "strace.log"
    found, hit = [], 0
    for call in CALLS:
        for index in range(1, 10000):
            shutil.rmtree(directory, ignore_errors=True)
            done = life.write(directory, SHORT, before=("strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e",
                                                        f"inject={call}:{fault}:when={index}"))
            told = log.read_text(errors="replace")
            if "(INJECTED)" not in told and "SIGKILL" not in told:
                break
            hit += 1
            checked = life.check(directory, acked_in(done.stdout))
            made = (directory / "MANIFEST").exists() or acked_in(done.stdout) > 0
            if checked.returncode != 0 and made:
                found.append(f"{call} {index}: {(checked.stdout + checked.stderr).strip()}")
    result = {"kind": "syscalls", "fault": verdict, "calls": len(CALLS), "indices": hit, "lost": len(found),
              "seconds": round(time.monotonic() - began)}
    if found:
        result["first_finding"] = found[0]
    return result


def kill_again_and_again(life, work, rounds, seed):
    began = time.monotonic()
    dice = random.Random(seed)
    directory = work / "kills"
    shutil.rmtree(directory, ignore_errors=True)
    found, acks, acked = [], 0, 0
    for number in range(rounds):
        if number % 200 == 0:
            shutil.rmtree(directory, ignore_errors=True)
            acked = 0
        process = subprocess.Popen([life.binary, "write", directory, "1000000"], stdout=subprocess.PIPE, text=True)
        text = ""
        for _ in range(dice.randrange(40)):  # a moment in the middle of writing, not one of the clock
            text += process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        text += process.stdout.read()
        process.wait()
        acks += text.count("ack=")
        acked = max(acked, acked_in(text))
        checked = life.check(directory, acked)
        if checked.returncode != 0:
            found.append(f"round {number}: {(checked.stdout + checked.stderr).strip()}")
    result = {"kind": "kills", "rounds": rounds, "acknowledgements": acks, "lost": len(found), "seed": seed,
              "seconds": round(time.monotonic() - began)}
    if found:
        result["first_finding"] = found[0]
    return result


def wishes():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/dev/shm/stele-powercut"))
    parser.add_argument("--summary", type=pathlib.Path)
    parser.add_argument("--ext4", type=int, default=0, metavar="POINTS")
    parser.add_argument("--xfs", type=int, default=0, metavar="POINTS")
    parser.add_argument("--kills", type=int, default=0, metavar="N")
    parser.add_argument("--syscalls", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if not (chosen.ext4 or chosen.xfs or chosen.kills or chosen.syscalls):
        chosen.ext4, chosen.xfs, chosen.kills, chosen.syscalls = 2000, 300, 2000, True
    return chosen


def main():
    chosen = wishes()
    life = Life(chosen.bin.resolve() / "crash_life")
    shutil.rmtree(chosen.work, ignore_errors=True)
    chosen.work.mkdir(parents=True)
    results, good = [], True

    def tell(result, holds):
        nonlocal good
        good = good and holds
        results.append(result)
        print(json.dumps(result), "" if holds else "  <- NOT AS IT MUST BE", flush=True)

    for filesystem, points in (("ext4", chosen.ext4), ("xfs", chosen.xfs)):
        if points == 0:
            continue
        one = cut_filesystem(life, chosen.work, filesystem, points, True, chosen.seed)
        tell(one, one["lost"] + one["other_findings"] == 0)
        control = cut_filesystem(life, chosen.work, filesystem, max(20, points // 20), False, chosen.seed)
        tell(control, control["lost"] > 0)
    if chosen.syscalls:
        for fault, verdict in (("signal=KILL", "SIGKILL"), ("error=EIO", "EIO")):
            one = at_every_call(life, chosen.work, fault, verdict)
            tell(one, one["lost"] == 0)
    if chosen.kills:
        one = kill_again_and_again(life, chosen.work, chosen.kills, chosen.seed)
        tell(one, one["lost"] == 0)
    if chosen.summary:
        chosen.summary.write_text("".join(json.dumps(result) + "\n" for result in results))
    shutil.rmtree(chosen.work, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.exit(main())
