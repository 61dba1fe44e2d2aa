#!/usr/bin/env python3
"""What meson's tests are made of: test_targets.py BUILD_FOLDER

A line for each test: its name, then the files (in the build folder) that must have been built for it.
"""
import json
import os
import subprocess
import sys


def main():
    folder = os.path.abspath(sys.argv[1])
    done = subprocess.run(['meson', 'introspect', '--targets', '--tests', '--force-object-output', folder],
                          stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout)
    files = {target['id']: target['filename'] for target in told['targets']}
    for test in told['tests']:
        needed = sorted(os.path.relpath(f, folder) for target in test['depends'] for f in files[target])
        print(test['name'], *needed)


if __name__ == '__main__':
    main()
