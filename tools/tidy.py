#!/usr/bin/env python3
"""What this house does not do, and what it does instead: tidy.py ROOT"""
import pathlib
import re
import sys

LIBRARY = r'(runtime|coro|io|simulation|include)/'
PUBLIC = r'(runtime|coro|io|simulation|include)/(?!backend/).*\.h$'
CODE = r'.*\.(h|cc|c)$'
LINES_MAX = 700
COLUMNS_MAX = 120

# (files, pattern, why and what instead). A line that ends with `// tidy: <reason>` is let through.
BANS = [
    (LIBRARY, r'\bstd::c(out|err|log)\b', 'a library prints nothing by iostream; fprintf where it aborts'),
    (LIBRARY, r'\bstd::regex\b', 'slow and large; write the few lines'),
    (LIBRARY, r'\bvolatile\b', 'is no synchronisation; std::atomic'),
    (PUBLIC, r'^\s*using namespace\b', 'a header puts no names into the user\'s scope'),
    (r'(runtime|coro)/', r'\bstd::function\b', 'allocates and copies; eddy::callback or a template'),
    (r'tests/', r'\bstd::this_thread::sleep_(for|until)\b|\bu?sleep\(|\bnanosleep\(',
     'a sleep is no synchronisation; wait for the event, or use the virtual clock'),
    (r'tests/', r'\bGTEST_FLAG_SET\(repeat|--gtest_repeat', 'no retries: a flaky test is a bug'),
    (r'tests/', r'\bDISABLED_', 'a test runs, or is not there'),
    (r'tests/', r'\bmk[ds]?temp\(|\btmp(nam|file)\(|\bTempDir\(|\btemp_directory_path\b',
     'who makes it removes it: temporary_directory of tests/support'),
    (r'tests/', r'#define\s+private\s+public', 'tests use the public interface or the simulation'),
    (CODE, r'\bFIXME\b|\bXXX\b|\bTODO\b', 'finish it, or write down what is missing where users see it'),
    (CODE, r'\t', 'two spaces'),
    (CODE, r'[ \t]+$', 'space at the end of the line'),
    (CODE, r'\r', 'lines end with \\n'),
    (CODE, r'\bNULL\b', 'nullptr'),
]
FOLDERS = ('runtime', 'coro', 'io', 'testing', 'simulation', 'include', 'tests', 'bench', 'examples')


def check(path, text):
    """Everything against one file, as (line, reason)."""
    lines = text.split('\n')
    for number, line in enumerate(lines, 1):
        if re.search(r'// tidy: \w', line):
            continue
        for files, pattern, reason in BANS:
            if re.match(files, path) and re.search(pattern, line):
                yield number, reason
        if len(line) > COLUMNS_MAX:
            yield number, f'{len(line)} columns; at most {COLUMNS_MAX}'
    if len(lines) - 1 > LINES_MAX:
        yield LINES_MAX + 1, f'{len(lines) - 1} lines; split it, at most {LINES_MAX}'
    if text and not text.endswith('\n'):
        yield len(lines), 'no newline at the end'
    if path.endswith('.h') and '#pragma once' not in text:
        yield 1, 'no #pragma once'
    if not re.match(r'//|/\*', text):
        yield 1, 'the first line says what lives here'


def forgotten(path, builds):
    """Is this source named by no meson.build? `builds`: folder -> text. (Where a folder lists itself nothing is.)"""
    folder = path.split('/')[0]
    text = builds.get(folder, '')
    return (path.endswith('.cc') and 'run_command' not in text and '/compile_fail/' not in path
            and '/install/' not in path and '/canary/' not in path and f"'{path[len(folder) + 1:]}'" not in text)


def self_check():
    """Every ban must be able to bite."""
    planted = {
        'runtime/a.cc': ['std::cout << 1;', 'std::regex r;', 'volatile int x;', 'std::function<void()> f;', 'int a;  // FIXME',
                         '\tint a;', 'int a; ', 'int a;\r', 'f(NULL);', 'int a;' + ' ' * 120 + 'b', '\n' * 701],
        'io/a.h': ['using namespace std;'],
        'tests/a.cc': ['std::this_thread::sleep_for(1s);', 'usleep(1);', '--gtest_repeat', 'TEST(A, DISABLED_B)',
                       '#define private public', 'mkdtemp(name);', '::testing::TempDir() + "a"'],
    }
    for path, cases in planted.items():
        head = '// What.\n' + ('#pragma once\n' if path.endswith('.h') else '')
        assert not list(check(path, head)), path
        for case in cases:
            assert list(check(path, head + case + '\n')), (path, case)
            assert len(case) > 600 or not list(check(path, head + case + '  // tidy: planted\n')) or '\n' in case, case
    assert forgotten('io/b.cc', {'io': "files('a.cc')"}) and not forgotten('io/a.cc', {'io': "files('a.cc')"})
    assert list(check('runtime/a.h', '// What.\n')) and list(check('runtime/a.cc', 'int a;\n'))


def main():
    self_check()
    root = pathlib.Path(sys.argv[1])
    files = [p for folder in FOLDERS for p in sorted((root / folder).rglob('*'))
             if p.suffix in ('.h', '.cc', '.c') and not p.is_symlink()]
    bad = [f'{p.relative_to(root)}:{number}: {reason}' for p in files
           for number, reason in check(str(p.relative_to(root)), p.read_text())]
    builds = {folder: (root / folder / 'meson.build').read_text() for folder in FOLDERS if folder != 'include'}
    bad += [f'{p.relative_to(root)}: no meson.build names it' for p in files
            if forgotten(str(p.relative_to(root)), builds)]
    print('\n'.join(bad) or f'{len(files)} files: tidy')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
