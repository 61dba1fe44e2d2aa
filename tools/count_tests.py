#!/usr/bin/env python3
"""What came of a run of meson's tests: count_tests.py TESTLOG.json [NAME_OF_ONE_NOT_BUILT...]

A line for each test that failed (its whole output goes to a file beside the log), then `N passed, N failed`.
"""
import json
import pathlib
import sys


def main():
    log = pathlib.Path(sys.argv[1])
    passed = 0
    failed = len(sys.argv[2:])
    for name in sys.argv[2:]:
        print(f'dev: failed: {name} (not built)')
    for line in log.read_text().splitlines() if log.exists() else []:
        test = json.loads(line)
        name = test['name'].split(' / ')[-1]
        if test['result'] == 'OK':
            passed += 1
        elif test['result'] == 'SKIP':
            print(f'dev: skipped: {name}')
        else:
            failed += 1
            output = log.with_name(f'{log.stem}-{name}.txt')
            output.write_text(f"{test['result']}: {' '.join(test['command'])}\n{test.get('stdout') or ''}{test.get('stderr') or ''}")
            print(f'dev: failed: {name} {output}')
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0 or passed == 0)


if __name__ == '__main__':
    main()
