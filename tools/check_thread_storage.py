"""The library's thread-local storage is small: of what is loaded while a program runs, the C library has room for little
where a thread begins. Usage: check_thread_storage.py LIBRARY..."""
import subprocess
import sys

ROOM = 64

wrong = 0
for library in sys.argv[1:]:
    headers = subprocess.run(['readelf', '-lW', library], capture_output=True, text=True, check=True).stdout
    size = sum(int(line.split()[5], 16) for line in headers.splitlines() if line.split()[:1] == ['TLS'])
    if size > ROOM:
        wrong += 1
        print(f'{library}: {size} bytes of thread-local storage; at most {ROOM}')
sys.exit(1 if wrong else 0)
