#!/usr/bin/env python3
"""Checks that a README shows the code between `// [embed]` and `// [/embed]` of a source file.

usage: check_readme.py README.md SOURCE
"""

import pathlib
import sys
import textwrap


def embedded(source):
    lines = source.splitlines()
    stripped = [line.strip() for line in lines]
    first, last = stripped.index("// [embed]"), stripped.index("// [/embed]")
    return textwrap.dedent("\n".join(lines[first + 1:last])) + "\n"


def main():
    readme, source = (pathlib.Path(argument) for argument in sys.argv[1:])
    code = embedded(source.read_text())
    assert code.strip(), f"{source}: nothing between the marks"
    if code in readme.read_text():
        return 0
    print(f"{readme} does not show this part of {source} as it is:\n{code}")
    return 1


sys.exit(main())
