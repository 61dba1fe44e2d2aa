#!/usr/bin/env python3
"""The tour prints each of its lines once, and in its order: check_tour.py PROGRAM

Fixed are the beginning, up to the zero timers; what follows from what, in each of its strands; the timers among themselves;
and the end. Where strands meet, the kernel and the machine's speed decide, and nothing is asserted.
"""
import re
import subprocess
import sys

BEGINNING = [
    'main has ended; what it began goes on',
    'first read of the file begins',
    'zero timer 1 begins',
    'zero timer 2 begins',
    'second read of the file begins',
    'timer of 3000 ms begins',
    'timer of 1000 ms begins',
    'HTTP request to localhost begins',
    'zero timer 1 is over',
    'zero timer 2 is over',
]
STRANDS = [
    ['first count: 39 characters',
     'calculation of the Fibonacci number of 39 begins, on the pool',
     'calculation has ended: 63245986'],
    ['second count: 39 characters; third read begins',
     'third count: 39 characters'],
    ['server: has read a request, answers in 2000 ms',
     'HTTP response: HTTP/1.1 200 OK; body: The tea is ready'],
    ['timer of 1000 ms is over',
     'timer of 3000 ms is over; it begins one of 500 ms',
     'timer of 500 ms is over'],
    ['timer of 1000 ms is over',
     'HTTP response: HTTP/1.1 200 OK; body: The tea is ready'],
]
NOT_BEFORE = {  # ms
    'timer of 1000 ms is over': 1000,
    'HTTP response: HTTP/1.1 200 OK; body: The tea is ready': 2000,
    'timer of 3000 ms is over; it begins one of 500 ms': 3000,
    'timer of 500 ms is over': 3500,
}


def faults(lines):
    if not lines or not lines[0].startswith('backend: '):
        yield 'the first line does not say the backend'
    if not lines or lines[-1] != 'FINISHED':
        yield 'the last line is not FINISHED'
    stamped = [re.fullmatch(r' *(\d+) ms  (.*)', line) for line in lines[1:-1]]
    if not all(stamped):
        yield 'there are lines without a time'
        return
    said = [match.group(2) for match in stamped]
    if said[:len(BEGINNING)] != BEGINNING:
        yield 'it does not begin as it should'
    expected = set(BEGINNING).union(*STRANDS)
    yield from ('missing: ' + text for text in sorted(expected.difference(said)))
    yield from ('not expected: ' + text for text in sorted(set(said).difference(expected)))
    yield from ('twice: ' + text for text in sorted(expected) if said.count(text) > 1)
    for strand in STRANDS:
        places = [said.index(text) for text in strand if text in said]
        if places != sorted(places):
            yield 'not in this order: ' + ' > '.join(strand)
    for match in stamped:
        if int(match.group(1)) < NOT_BEFORE.get(match.group(2), 0):
            yield 'too early: ' + match.group(0).strip()


def main():
    run = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=False)
    found = list(faults(run.stdout.splitlines()))
    if run.returncode or run.stderr:
        found.append(f'it ended with {run.returncode}, and said on stderr: {run.stderr}')
    if found:
        print(run.stdout)
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
