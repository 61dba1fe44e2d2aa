#!/usr/bin/env python3
"""docs/libuv-behaviours.md names tests that exist, and its sum is right: check_behaviours.py ROOT

A row's last cell begins with a test (`suite.noun: Name`, in tests/suite/noun_test.cc), with "not applicable: " or with
"missing: ". Its first cell is one name of libuv's, or several with commas.
"""
import pathlib
import re
import sys

TEST = re.compile(r'`(\w+)\.(\w+): (\w+)`')
STATES = {'shown by a test': '`', 'not applicable': 'not applicable: ', 'missing': 'missing: '}


def rows(text):
    """(line, names, last cell) of each row of a table of three columns, without its head."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')]
        if line.startswith('|') and len(cells) == 3 and cells[0] != 'libuv' and not cells[0].startswith('--'):
            yield number, cells[0].split(', '), cells[2]


def has_test(source, name):
    return re.search(rf'TEST(_P|_F)?\(\s*\w+,\s*{name}\s*[),]', source) is not None


def self_check():
    assert list(rows('| libuv | behaviour | ours |\n|---|---|---|\n| a, b | c | `d.e: F` |\n')) == [(3, ['a', 'b'], '`d.e: F`')]
    assert has_test('TEST_P(one,\n       Other) {', 'Other') and has_test('EDDY_TEST(one, Other, 1min) {', 'Other')
    assert not has_test('TEST_P(one, OtherName) {', 'Other')


def main():
    self_check()
    root = pathlib.Path(sys.argv[1])
    page = root / 'docs/libuv-behaviours.md'
    text = page.read_text()
    bad, seen, counts, tests = [], set(), dict.fromkeys(STATES, 0), set()
    for line, names, ours in rows(text):
        bad += [f'{line}: {name} stands there twice' for name in names if name in seen]
        seen.update(names)
        state = next((s for s, beginning in STATES.items() if ours.startswith(beginning)), None)
        if not state or (state == 'shown by a test' and not TEST.match(ours)):
            bad.append(f'{line}: begins neither with a test nor with "not applicable: " or "missing: "')
            continue
        counts[state] += len(names)
        for suite, noun, name in TEST.findall(ours):
            tests.add((suite, noun, name))
            source = root / 'tests' / suite / f'{noun}_test.cc'
            if not source.exists() or not has_test(source.read_text(), name):
                bad.append(f'{line}: there is no test {suite}.{noun}: {name}')
    total = f'{len(seen)} names: {", ".join(f"{n} {state}" for state, n in counts.items())}.'
    if total not in text:
        bad.append(f'0: the sum is "{total}"')
    print('\n'.join(f'{page.relative_to(root)}:{b}' for b in bad) or f'{len(tests)} tests named and there; {total}')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
