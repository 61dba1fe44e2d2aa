#!/usr/bin/env python3
"""One version and one list of sources everywhere: check_packaging.py ROOT VERSION SOURCE...

meson.build has the version and the sources that meson builds (given here as arguments). CMakeLists.txt reads the version
there and lists the same sources; the recipes of packaging/, debian/changelog, CHANGELOG.md and README.md name no other
version. (The archive of a release has no debian/.)
"""
import pathlib
import re
import sys


def cmake_sources(text):
    return re.findall(r'^\s+([\w/]+\.cc)\)?$', text, re.M)


def differences(wanted, found, where):
    twice = sorted({s for s in found if found.count(s) > 1})
    return ([f'{where}: lacks {s}' for s in sorted(wanted - set(found))] +
            [f'{where}: {s} is none of meson\'s' for s in sorted(set(found) - wanted)] +
            [f'{where}: {s} stands there twice' for s in twice])


# (file, pattern with the version as group 1, how many there must be at least)
VERSIONS = [
    ('CHANGELOG.md', r'\A(?:(?!^## ).*\n)*?## (\d+\.\d+\.\d+)', 1),
    ('README.md', r'\beddy-(\d+\.\d+\.\d+)', 1),
    ('debian/changelog', r'\Aeddy \((\d+\.\d+\.\d+)-', 1),
    ('packaging/conanfile.py', r'^    version = "(\d+\.\d+\.\d+)"', 1),
    ('packaging/eddy.nix', r'^  version = "(\d+\.\d+\.\d+)"', 1),
    ('packaging/vcpkg/vcpkg.json', r'"version": "(\d+\.\d+\.\d+)"', 1),
]
# The soname is the minor version: so are names of packages and what find_package is asked for.
MINORS = [
    ('README.md', r'find_package\(eddy (\d+\.\d+)', 1),
    ('debian/control', r'\blibeddy(\d+\.\d+)\b', 2),
]


def wrong_versions(text, pattern, least, version, where):
    found = re.findall(pattern, text, re.M)
    wrong = [f'{where}: {v}, and meson.build says {version}' for v in sorted(set(found)) if v != version]
    return wrong + ([f'{where}: no version is found'] if len(found) < least else [])


def self_check():
    assert cmake_sources('add_library(eddy\n  a/b.cc\n  c.cc)\n') == ['a/b.cc', 'c.cc']
    assert not differences({'a.cc'}, ['a.cc'], 'x')
    for found in ([], ['a.cc', 'b.cc'], ['a.cc', 'a.cc']):
        assert differences({'a.cc'}, found, 'x')
    for text in ('## 0.1.0', '# Changes\n\nnewest first.\n\n## 0.1.0, not released\n## 0.0.1\n'):
        assert not wrong_versions(text, VERSIONS[0][1], 1, '0.1.0', 'x'), text
    for text in ('', '## 0.2.0\n## 0.1.0\n'):
        assert wrong_versions(text, VERSIONS[0][1], 1, '0.1.0', 'x'), text


def main():
    self_check()
    root, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    # (uring*.cc are there where liburing is)
    wanted = {str(pathlib.Path(s).resolve().relative_to(root.resolve())) for s in sys.argv[3:]}
    wanted |= {str(p.relative_to(root)) for p in root.glob('runtime/backend/uring*.cc')}
    bad = differences(wanted, cmake_sources((root / 'CMakeLists.txt').read_text()), 'CMakeLists.txt')
    debian = (root / 'debian').exists()
    minor = version.rsplit('.', 1)[0]
    for entries, expected in ((VERSIONS, version), (MINORS, minor)):
        for name, pattern, least in entries:
            if name.startswith('debian/') and not debian:
                continue
            bad += wrong_versions((root / name).read_text(), pattern, least, expected, name)
    if debian and not (root / f'debian/libeddy{minor}.install').exists():
        bad.append(f'debian/libeddy{minor}.install: is not there, and the soname is {minor}')
    print('\n'.join(bad) or f'{len(wanted)} sources, version {version}')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
