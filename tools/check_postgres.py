#!/usr/bin/env python3
"""The example asks a real PostgreSQL, which is started here on a socket in a folder of its own: check_postgres.py PROGRAM

Where no server is installed the test is skipped.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
EXPECTED = """100 teas, 200 minutes, 4 connections
asked at once: yes
too slow: timed out
ERROR:  column "tea" does not exist
LINE 1: select tea
               ^
10000000 characters there and counted
"""


def programs():
    """The folder of the newest server's programs, or None."""
    found = shutil.which('postgres')
    if found:
        return pathlib.Path(found).resolve().parent
    folders = sorted(pathlib.Path('/usr/lib/postgresql').glob('*/bin/postgres'), key=lambda p: int(p.parts[-3]))
    return folders[-1].parent if folders else None


def as_whom():
    """The server refuses to be root."""
    if os.getuid():
        return {}
    for name in ('postgres', 'nobody'):
        try:
            who = pwd.getpwnam(name)
        except KeyError:
            continue
        return {'user': who.pw_uid, 'group': who.pw_gid, 'extra_groups': []}
    sys.exit('no user for the server')


def is_ready(data):
    """It says so in the last line of a file of its own."""
    try:
        return pathlib.Path(data + '/postmaster.pid').read_text(encoding='utf-8').rstrip().endswith('ready')
    except FileNotFoundError:
        return False


def check(folder, bin_folder):
    who = as_whom()
    if who:
        os.chown(folder, who['user'], who['group'])
    data = folder + '/data'
    quiet = {'cwd': folder, 'stdin': subprocess.DEVNULL, 'env': {'LC_ALL': 'C', 'PATH': os.environ['PATH']}, **who}
    made = subprocess.run([bin_folder / 'initdb', '-D', data, '-U', 'tea', '-A', 'trust', '--no-sync', '--no-locale',
                           '-E', 'UTF8'], capture_output=True, text=True, check=False, **quiet)
    if made.returncode:
        return [f'initdb: {made.stdout}{made.stderr}']
    with open(folder + '/log', 'w', encoding='utf-8') as log:
        server = subprocess.Popen([bin_folder / 'postgres', '-D', data, '-k', folder, '-h', '', '-F'],
                                  stdout=log, stderr=log, **quiet)
        try:
            while server.poll() is None and not is_ready(data):
                time.sleep(0.02)
            run = subprocess.run([sys.argv[1], f'host={folder} user=tea dbname=postgres'],
                                 capture_output=True, text=True, check=False, timeout=120)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    faults = []
    if run.stdout != EXPECTED:
        faults.append(f'it said:\n{run.stdout}')
    if run.returncode or run.stderr:
        faults.append(f'it ended with {run.returncode}, and said on stderr: {run.stderr}')
    if faults:
        faults.append('the server: ' + pathlib.Path(folder + '/log').read_text(encoding='utf-8'))
    return faults


def main():
    bin_folder = programs()
    if not bin_folder:
        print('no PostgreSQL is installed here')
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix='eddy-') as folder:
        faults = check(folder, bin_folder)
    print('\n'.join(faults) or 'as expected')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
