#!/usr/bin/env python3
"""Documentation says what it must, and what it shows is compiled: check_docs.py ROOT

A docstring in a public header that begins with "Awaits" or has a line Result or Cancel describes an awaitable, and has
all four of Result, Errors, Cancel, Lifetime. A ```cpp block in README.md or docs/guide.md is a file of examples/, byte for
byte, and each examples/guide_*.cc stands in the guide; docs/simulation.md and examples/simulat*.cc the same.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from check_layers import is_private  # noqa: E402

PROMISES = ('Result', 'Errors', 'Cancel', 'Lifetime')


def docstrings(text):
    """(line, text) of each run of /// lines."""
    start, block = 0, []
    for number, line in enumerate(text.splitlines() + [''], 1):
        match = re.match(r'\s*///(?!<)\s?(.*)', line)
        if match:
            start = start if block else number
            block.append(match.group(1))
        elif block:
            yield start, block
            block = []


def missing_promises(block):
    has = [word for word in PROMISES if any(re.match(rf'\s*[*_`]*{word}\b', line) for line in block)]
    if 'Result' in has or 'Cancel' in has or re.match(r'Awaits\b', block[0]):
        return [word for word in PROMISES if word not in has]
    return []


def is_awaitable(block):
    return not missing_promises(block) and any(re.match(r'\s*[*_`]*Result\b', line) for line in block)


def code_blocks(markdown):
    return re.findall(r'^```cpp\n(.*?)^```', markdown, re.M | re.S)


def self_check():
    assert list(docstrings('  /// Awaits it.\n  /// Result: all.\n int f();\n')) == [(1, ['Awaits it.', 'Result: all.'])]
    assert missing_promises(['Reads.', 'Result: a', 'Errors: b', 'Cancel: c']) == ['Lifetime']
    assert missing_promises(['Awaits a thing.']) == list(PROMISES)
    assert not missing_promises(['Result: a', 'Errors: b', 'Cancel: c', 'Lifetime: d'])
    assert not missing_promises(['A constant.'])
    assert code_blocks('a\n```cpp\nint x;\n```\n```sh\nls\n```\n') == ['int x;\n']


def main():
    self_check()
    root = pathlib.Path(sys.argv[1])
    bad, awaitables = [], 0
    for folder in ('runtime', 'coro', 'io'):
        for path in sorted((root / folder).rglob('*.h')):
            text = path.read_text()
            if is_private(text) or 'backend' in path.parts or 'detail' in path.parts:
                continue
            for line, block in docstrings(text):
                missing = missing_promises(block)
                awaitables += is_awaitable(block)
                if missing:
                    bad.append(f'{path.relative_to(root)}:{line}: the docstring lacks {", ".join(missing)}')
    examples = {p.read_text(): p.name for p in (root / 'examples').glob('*.cc')}
    blocks = {}
    for name in ('README.md', 'docs/guide.md', 'docs/simulation.md'):
        blocks[name] = code_blocks((root / name).read_text()) if (root / name).exists() else []
        bad += [f'{name}: a code block is no file of examples/:\n{b}' for b in blocks[name] if b not in examples]
    for start, document in (('guide_', 'docs/guide.md'), ('simulat', 'docs/simulation.md')):
        bad += [f'{document}: lacks examples/{name}' for text, name in sorted(examples.items(), key=lambda e: e[1])
                if name.startswith(start) and text not in blocks[document]]
    print('\n'.join(bad) or f'{awaitables} awaitables documented, {sum(map(len, blocks.values()))} blocks compiled')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
