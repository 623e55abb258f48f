"""Says which signals arrive: all that a program can wait for. It blocks them, so that none ends or suspends it."""

import signal
import sys

signals = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("ready", file=sys.stderr, flush=True)
while True:
    print("got", int(signal.sigwait(signals)), file=sys.stderr, flush=True)
