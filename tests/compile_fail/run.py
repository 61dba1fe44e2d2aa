#!/usr/bin/env python3
"""Misuse must not compile: run.py ROOT COMPILER...

Each *.cc here begins with `// expect: text` (more such lines may follow); compiling it must fail, and the compiler must say each text.
The files of self_check/ are cases that this script must refuse, each for the reason in its name.
"""
import pathlib
import re
import subprocess
import sys


def verdict(case, root, compiler):
    """Nothing where compiling `case` fails as it should; else what is wrong."""
    lines = case.read_text().splitlines()
    expected = []
    for line in lines:
        match = re.fullmatch(r'// expect: (.+)', line)
        if not match:
            break
        expected.append(match.group(1))
    if not expected:
        return 'the first line is no "// expect: text"'
    command = [*compiler, '-std=c++20', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', str(root / 'include'), '-I', str(root), str(case)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return 'it compiles'
    said = done.stdout + done.stderr
    missing = [text for text in expected if text not in said]
    if missing:
        return f'the compiler does not say {missing}; it says\n{said[:3000]}'
    return ''


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    here = root / 'tests' / 'compile_fail'
    wrong = 0
    for case in sorted((here / 'self_check').glob('*.cc')):
        found = verdict(case, root, sys.argv[2:])
        must = case.stem.replace('_', ' ')
        good = must in found
        wrong += not good
        print(f'{"ok  " if good else "FAIL"} self_check/{case.name}: ' + (f'refused, {must}' if good else f'not refused: {found}'))
    cases = sorted(here.glob('*.cc'))
    for case in cases:
        found = verdict(case, root, sys.argv[2:])
        wrong += bool(found)
        print(f'{"FAIL" if found else "ok  "} {case.name}' + (f': {found}' if found else ''))
    print(f'{len(cases)} cases, {wrong} wrong')
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main()
