#!/usr/bin/env python3
"""The blocks of README.md's "Use it in your project", as files: readme.py README.md FOLDER

Each way begins with a bold word or two (`**CMake, installed.**`); its blocks become FOLDER/cmake-installed/1.cmake,
2.sh, … in their order.
"""
import pathlib
import re
import sys


def ways(text):
    """{name: [(language, block)]} of the section."""
    section = re.search(r'^## Use it in your project\n(.*?)(?=^## )', text, re.M | re.S).group(1)
    found = {}
    for way in re.split(r'^(?=\*\*)', section, flags=re.M)[1:]:
        name = re.sub(r'\W+', '-', re.match(r'\*\*(.+?)\.?\*\*', way).group(1).lower()).strip('-')
        blocks = re.findall(r'^```(\w*)\n(.*?)^```$', way, re.M | re.S)
        if blocks:
            found[name] = blocks
    return found


def main():
    sample = '# a\n## Use it in your project\n**A, b.** x\n\n```sh\n1\n```\n```cmake\n2\n```\n**C.** y\n## d\n```sh\n3\n```\n'
    assert ways(sample) == {'a-b': [('sh', '1\n'), ('cmake', '2\n')]}, ways(sample)
    for name, blocks in ways(pathlib.Path(sys.argv[1]).read_text()).items():
        folder = pathlib.Path(sys.argv[2]) / name
        folder.mkdir(parents=True)
        for number, (language, block) in enumerate(blocks, 1):
            (folder / f'{number}.{language}').write_text(block)


if __name__ == '__main__':
    main()
