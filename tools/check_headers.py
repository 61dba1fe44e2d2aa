#!/usr/bin/env python3
"""Each public header compiles alone, without a warning of any family that users have, and stays small:
check_headers.py ROOT HEADER... -- COMPILER...

Small: the preprocessed lines of a header, less those of the standard headers that it includes (directly or through
others of ours), are at most 3,000. The umbrella eddy.h is all of them together and only has to compile.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

LIMIT = 3000
WARNINGS = [f'-W{family}' for family in (
    'all', 'extra', 'pedantic', 'shadow', 'conversion', 'sign-conversion', 'old-style-cast', 'null-dereference',
    'cast-align', 'cast-qual', 'double-promotion', 'format=2', 'non-virtual-dtor', 'overloaded-virtual', 'undef', 'unused')]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*<([^>]+)>', re.M)


def standard_headers(text, root, seen, found):
    for name in INCLUDE.findall(text):
        if not name.startswith('eddy/'):
            found.setdefault(name)
        elif name not in seen:
            seen.add(name)
            standard_headers((root / 'include' / name).read_text(), root, seen, found)
    return found


class checker:
    def __init__(self, root, compiler, folder):
        self.root, self.folder = root, folder
        self.command = compiler + ['-std=c++20', '-I', str(root / 'include'), '-x', 'c++']

    def run(self, text, *options):
        source = self.folder / 'alone.cc'
        source.write_text(text)
        return subprocess.run(self.command + [*options, str(source)], capture_output=True, text=True)

    def errors(self, text):
        """What the compiler says against `text` as a file of its own; nothing where all is well."""
        done = self.run(text, '-fsyntax-only', *WARNINGS, '-Werror')
        return done.stderr if done.returncode else ''

    def lines(self, text):
        done = self.run(text, '-E', '-P')
        return done.stdout.count('\n')


def main():
    split = sys.argv.index('--')
    root = pathlib.Path(sys.argv[1]).resolve()
    headers = sorted(pathlib.Path(h).resolve() for h in sys.argv[2:split])
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        check = checker(root, sys.argv[split + 1:], pathlib.Path(folder))
        assert check.errors('missing_type x;\n'), 'a check that cannot fail'
        assert check.errors('inline short narrow(long x) { return x; }\n'), 'a warning that cannot be seen'
        assert check.lines('#include <cstddef>\n') > 10
        for header in headers:
            name = str(header.relative_to(root)).removeprefix('include/eddy/')
            include = f'#include <eddy/{name}>\n'
            errors = check.errors(include + include)
            if errors:
                bad.append(name)
                print(f'{name}: does not compile alone\n{errors[:4000]}')
                continue
            standard = ''.join(f'#include <{h}>\n' for h in standard_headers(include, root, set(), {}))
            own = check.lines(standard + include) - check.lines(standard)
            too_large = own > LIMIT and name != 'eddy.h'
            print(f'{own:6} lines  {name}' + (f'  (at most {LIMIT})' if too_large else ''))
            if too_large:
                bad.append(name)
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
