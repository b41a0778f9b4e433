"""`sluice live` in a process whose main thread can be made to hang, its loop with it: `hanging.py PYTHON -m MODULE ...`.

At SIGUSR2 it waits for ever in the middle of whatever it does, as a library that never returns would. Other threads go on.
"""

import runpy
import signal
import sys
import time

LONG_S = 3_600

if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, lambda number, frame: time.sleep(LONG_S))
    module = sys.argv[3]
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__")
