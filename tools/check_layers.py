#!/usr/bin/env python3
"""Checks who includes whom (ARCHITECTURE.md): check_layers.py ROOT [the headers that meson installs...]"""
import itertools
import pathlib
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
LANGUAGE = 'runtime/detail/language.h'
FOLDERS = ('runtime', 'coro', 'io', 'testing', 'simulation', 'include', 'tests', 'bench', 'examples')
# Which layers a layer may not see. Paths as in the tree: <eddy/io/tcp.h> is io/tcp.h.
FORBIDDEN = {
    'runtime': ('coro/', 'io/', 'tests/', 'bench/'),
    'coro': ('io/', 'runtime/backend/', 'tests/', 'bench/'),
    'io': ('runtime/backend/', 'tests/', 'bench/'),
    'testing': ('runtime/backend/', 'simulation/', 'tests/', 'bench/'),
    'simulation': ('tests/', 'bench/'),
}
for _layer in ('runtime', 'coro', 'io'):
    FORBIDDEN[_layer] += ('testing/', 'simulation/')
# Each more than 20,000 lines in every user's file. (Not stop_token: 2,400 beside what is included anyway.)
HEAVY = {'iostream', 'regex', 'future', 'thread'}


def is_private(text):
    """The opening comment has the word "Private", and not "installed" (as "Private, but installed: templates …")."""
    comment = ' '.join(line for line in text.splitlines()[:4] if line.startswith('//'))
    return 'Private' in comment and 'installed' not in comment


def check(path, text, public):
    """All that is wrong with the includes of one file; `path` relative to the root, `public` the installed headers."""
    layer = path.split('/')[0]
    for first, (quote, name) in zip(itertools.chain([True], itertools.repeat(False)), INCLUDE.findall(text)):
        target = name[len('eddy/'):] if name.startswith('eddy/') else name
        if layer in FORBIDDEN and target.startswith(FORBIDDEN[layer]):
            yield f'{path}: {layer}/ must not include {name}'
        if name == 'liburing.h' and not path.startswith(('runtime/backend/uring', 'bench/', 'tests/')):
            yield f'{path}: <liburing.h> belongs in runtime/backend/uring* alone'
        if layer == 'coro' and quote == '<' and re.search(r'\.h$', name) and not name.startswith('eddy/'):
            yield f'{path}: coro/ makes no system call and needs no <{name}>'
        if name.startswith('eddy/') and quote == '<' and target not in public and target != 'eddy.h':
            yield f'{path}: <{name}> is no public header (private ones are spelled "{target}")'
        if quote == '"' and target in public:
            yield f'{path}: "{name}" is a public header, spelled <eddy/{target}>'
        if quote == '"' and '..' in name:
            yield f'{path}: "{name}": includes are relative to the root'
        if layer == 'examples' and quote == '"':
            yield f'{path}: an example sees what a user sees, not "{name}"'
        if path in public or layer == 'include':
            if first and target != LANGUAGE and path != LANGUAGE:
                yield f'{path}: a public header begins with <eddy/{LANGUAGE}>, which says what language it needs'
            if quote == '"':
                yield f'{path}: a quoted include ("{name}") in a header that is installed'
            elif layer == 'testing' or path == 'simulation/gtest.h':
                pass  # for programs that have GoogleTest, and only in their tests
            elif not name.startswith('eddy/') and not re.fullmatch(r'[a-z_]+', name):
                yield f'{path}: a public header includes no system header beyond the standard library\'s, not <{name}>'
            elif name in HEAVY:
                yield f'{path}: <{name}> is too large for a public header'


def self_check():
    """Each rule must be able to fail."""
    for path, line in (('runtime/a.cc', '#include <eddy/coro/task.h>'), ('coro/a.cc', '#include "io/a.h"'),
                       ('io/a.cc', '#include "runtime/backend/backend.h"'), ('io/a.cc', '#include <liburing.h>'),
                       ('coro/a.cc', '#include <unistd.h>'), ('io/a.cc', '#include <eddy/runtime/pool.h>'),
                       ('io/a.cc', '#include "coro/task.h"'), ('tests/a.cc', '#include "../a.h"'),
                       ('examples/a.cc', '# include "a.h"'), ('coro/task.h', '#include "a.h"'),
                       ('io/a.cc', '#include <eddy/testing/gtest.h>'), ('io/a.cc', '#include "simulation/a.h"'), ('coro/task.h', '#include <sys/socket.h>'), ('coro/task.h', '#include <thread>')):
        assert list(check(path, line, {'coro/task.h'})), (path, line)
    assert not list(check('io/a.cc', '#include <eddy/coro/task.h>\n#include <sys/socket.h>', {'coro/task.h'}))


def main():
    self_check()
    root = pathlib.Path(sys.argv[1])
    files = {str(p.relative_to(root)): p.read_text() for folder in FOLDERS
             for p in sorted((root / folder).rglob('*')) if p.suffix in ('.h', '.cc') and not p.is_symlink()}
    # (rglob does not follow the links in include/eddy.)
    public = {path for path, text in files.items()
              if path.endswith('.h') and path.startswith(('runtime/', 'coro/', 'io/', 'testing/', 'simulation/'))
              and '/backend/' not in path and '/world/' not in path and not is_private(text)}
    bad = [finding for path, text in files.items() for finding in check(path, text, public)]
    of_library = {path for path in public if not path.startswith('testing/')}
    installed = {str(pathlib.Path(p).resolve().relative_to(root.resolve())) for p in sys.argv[2:]}
    if installed:
        bad += [f'{path}: is installed but says "Private", or is not installed and does not say so'
                for path in sorted((of_library | {'include/eddy/eddy.h'}) ^ installed)]
        umbrella = files['include/eddy/eddy.h']
        bad += [f'include/eddy/eddy.h: lacks <eddy/{path}>' for path in sorted(of_library)
                if not path.startswith('simulation/') and '/detail/' not in path and 'Private' not in files[path][:400] and f'<eddy/{path}>' not in umbrella]
    print('\n'.join(bad) or f'{len(files)} files, {len(public)} public headers: every include is allowed')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
