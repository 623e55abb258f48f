"""Leaves orphans to whoever adopts them, and says what becomes of them when they have ended."""

import os
import sys
import time

parent = os.getpid()


def orphan():
    """A grandchild that ends once it has been adopted, and its id."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        middle = os.getpid()
        if os.fork() == 0:
            os.write(into, str(os.getpid()).encode())
            while os.getppid() == middle:
                time.sleep(0.001)
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(out, 20))


def state(pid):
    """The letter of /proc/PID/stat, or nothing where nobody of that id is left."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


orphans = [orphan() for _ in range(5)]
deadline = time.monotonic() + float(sys.argv[1])
while (states := [state(pid) for pid in orphans]) != [""] * 5:
    if states == ["Z"] * 5 and time.monotonic() > deadline:
        break
    time.sleep(0.005)
print("zombies:", states.count("Z"), flush=True)
