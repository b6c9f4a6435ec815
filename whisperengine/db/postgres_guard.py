"""The process between the service and PostgreSQL: it starts PostgreSQL and stops it when the service is gone.

Run as a program, `python -I -S postgres_guard.py LOCK_FD UID GID COMMAND...`; it imports nothing of the project.
Standard input is a pipe whose other end the service alone holds: the end of input means that the service wants
PostgreSQL to stop, or that it died in whatever way. A death signal asked for by the service itself would not do:
Linux sends it when the *thread* that forked ends, and macOS has none.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run(lock: int, uid: int, gid: int, command: list[str]) -> int:
    """Run `command` until it ends; return its exit status. It inherits the descriptor `lock`; `uid` 0 keeps the user.

    PostgreSQL gets SIGINT (fast shutdown) at the end of standard input, and SIGQUIT (immediate shutdown) on SIGQUIT.
    """
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    guard = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def end_with_the_guard() -> None:
        if prctl:
            prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != guard:  # it died before the line above
            os._exit(1)

    # Only the pipe decides: whoever signals every process of the service must not end the guard first.
    # Handlers, because PostgreSQL would inherit "ignore".
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    postgres = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(lock,),
        preexec_fn=end_with_the_guard,  # safe: no other thread runs yet
    )
    signal.signal(signal.SIGQUIT, lambda *_: postgres.send_signal(signal.SIGQUIT))

    def stop_at_end_of_input() -> None:
        while os.read(0, 1):
            continue
        postgres.send_signal(signal.SIGINT)

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    return postgres.wait()


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
