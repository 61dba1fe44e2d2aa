#!/usr/bin/env python3
"""A simulated example with a mistake made on purpose: it is found, and its run made small.

check_mistake.py MOST_FAULTS PROGRAM ARGUMENT...
"""
import os
import re
import subprocess
import sys
import tempfile


def main():
    most_faults, program = int(sys.argv[1]), [os.path.abspath(sys.argv[2]), *sys.argv[3:]]
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith('EDDY_')}
        run = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
        print(run.stdout, run.stderr, sep='')
        small = re.search(r'shrunk in .* to (\d+)', run.stdout)
        if run.returncode != 1 or not small:
            sys.exit('the mistake was not found')
        if int(small.group(1)) > most_faults:
            sys.exit(f'more than {most_faults} faults were left')
        kept = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.choices')]
        if len(kept) != 1:
            sys.exit(f'no recording was kept: {os.listdir(folder)}')
        environment['EDDY_SIMULATION'] = kept[0]
        again = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
        reason = run.stdout.splitlines()[1].strip()
        if again.returncode != 1 or reason not in again.stdout:
            sys.exit('the recording does not fail in the same way:\n' + again.stdout + again.stderr)


if __name__ == '__main__':
    main()
