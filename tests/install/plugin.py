"""Loads shared libraries with eddy in them and calls each on several threads: plugin.py LIBRARY..."""
import ctypes
import sys
import threading

libraries = [ctypes.CDLL(path) for path in sys.argv[1:]]
wrong = []


def call(library):
    got = [library.answer(pause) for pause in (1, 0, 2)]
    if got != [42, 42, 42]:
        wrong.append(got)


for library in libraries:
    call(library)
threads = [threading.Thread(target=call, args=(library,)) for library in libraries for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f'{len(libraries)} libraries, {len(threads)} threads, wrong: {wrong}')
sys.exit(bool(wrong) or not libraries)
