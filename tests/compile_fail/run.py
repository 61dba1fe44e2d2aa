#!/usr/bin/env python3
"""Misuse must not compile: run.py ROOT COMPILER...

Each *.cc here begins with `// expect: text` (more such lines may follow); compiling it must fail, and the compiler must say each text.
A line `// errors: N` after them: the compiler must say exactly N errors, each with the first text; so nobody has to search for it.
A line `// language: c++17` after them: compiled as that, and the first error has the first text.
A line `// only: gcc12` after them: what only g++ before 13 must refuse; other compilers must take it. `// only: clang`: as that.
The files of self_check/ are cases that this script must refuse, each for the reason in its name.
"""
import pathlib
import re
import subprocess
import sys


def is_gcc12(compiler):
    """Is it g++ before 13, which destroys temporaries twice?"""
    done = subprocess.run([*compiler, '-dM', '-E', '-x', 'c++', '/dev/null'], capture_output=True, text=True, check=True)
    return '__clang__' not in done.stdout and int(re.search(r'#define __GNUC__ (\d+)', done.stdout).group(1)) < 13


def is_clang(compiler):
    done = subprocess.run([*compiler, '-dM', '-E', '-x', 'c++', '/dev/null'], capture_output=True, text=True, check=True)
    return '__clang__' in done.stdout


ONLY = {'gcc12': is_gcc12, 'clang': is_clang}


def verdict(case, root, compiler):
    """Nothing where compiling `case` fails as it should; else what is wrong."""
    expected = []
    must_fail = True
    errors = 0
    language = 'c++20'
    for line in case.read_text().splitlines():
        if match := re.fullmatch(r'// expect: (.+)', line):
            expected.append(match.group(1))
        elif match := re.fullmatch(r'// errors: (\d+)', line):
            errors = int(match.group(1))
        elif match := re.fullmatch(r'// language: (.+)', line):
            language = match.group(1)
        elif match := re.fullmatch(r'// only: (.+)', line):
            if match.group(1) not in ONLY:
                return 'the compiler is unknown'
            must_fail = ONLY[match.group(1)](compiler)
        else:
            break
    if not expected:
        return 'the first line is no "// expect: text"'
    command = [*compiler, '-std=' + language, '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', str(root / 'include'), '-I', str(root), str(case)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if not must_fail:
        return '' if done.returncode == 0 else f'it does not compile; the compiler says\n{said[:3000]}'
    if done.returncode == 0:
        return 'it compiles'
    missing = [text for text in expected if text not in said]
    if missing:
        return f'the compiler does not say {missing}; it says\n{said[:3000]}'
    if language != 'c++20':
        first = [line for line in said.splitlines() if 'error: ' in line][:1]
        if not first or expected[0] not in first[0]:
            return f'the first error is {first}'
    if errors:
        found = [line for line in said.splitlines() if 'error: ' in line]
        others = [line for line in found if expected[0] not in line]
        if others or len(found) != errors:
            return f'the compiler says {len(found)} errors, not {errors}, and of them without the text:\n' + '\n'.join(others[:10])
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
