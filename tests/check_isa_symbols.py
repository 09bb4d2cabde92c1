#!/usr/bin/env python3
"""Checks that the objects of the kernels export nothing but their kernel table.

An inline function compiled with the flags of one ISA may be the copy that the linker keeps for all
of them, and end the program on a CPU without that ISA. So each object may define one symbol that is
visible outside: qconv::kernels::k<Isa>Table.

usage: check_isa_symbols.py --nm NM OBJECT...
       check_isa_symbols.py --nm NM --self-test COMPILER
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# Mangled, as the linker sees it: a variable directly in namespace qconv::kernels.
TABLE = re.compile(r"^_ZN5qconv7kernels\d+k\w+TableE$")


def visible_symbols(nm, path):
    """(type, name) of the defined symbols that the linker could use for another object."""
    listing = subprocess.run([nm, "--format=posix", path], check=True, capture_output=True,
                             text=True).stdout
    symbols = [line.split()[:2] for line in listing.splitlines() if line.strip()]
    # Lower case is local, except u (unique global); U, w and v are undefined.
    return [(kind, name) for name, kind in symbols
            if (kind.isupper() and kind != "U") or kind == "u"]


def problems(nm, path):
    found = visible_symbols(nm, path)
    tables = [name for _, name in found if TABLE.match(name)]
    result = [f"{path}: defines {name} (nm type {kind})" for kind, name in found
              if not TABLE.match(name)]
    if len(tables) != 1:
        result.append(f"{path}: {len(tables)} kernel tables instead of one")
    return result


GOOD = """
namespace qconv::kernels {
namespace { int Local(int x) { return x + 1; } }
extern int elsewhere;
struct Table { int (*run)(int); int* used; };
extern const Table kSomeTable;
constexpr Table kSomeTable = {Local, &elsewhere};
}
"""
BAD = {
    "weak function": GOOD + "inline int Leak(int x) { return x * 3; } auto* use = &Leak;",
    "global function": GOOD + "int Leak(int x) { return x * 3; }",
    "template": GOOD + "template <class T> T Leak(T x) { return x * 3; } template int Leak(int);",
    "static of an inline function": GOOD + "inline int& Leak() { static int x; return x; }"
                                           "static int& use = Leak();",
    "no table": "namespace { int Local(int x) { return x + 1; } } static auto* use = &Local;",
    "table outside of the namespace": "struct T { int x; }; extern const T kSomeTable;"
                                      "constexpr T kSomeTable = {1};",
}


def self_test(nm, compiler):
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        def check(code):
            source, target = pathlib.Path(folder, "code.cpp"), pathlib.Path(folder, "code.o")
            source.write_text(code)
            subprocess.run([compiler, "-std=c++20", "-O0", "-c", source, "-o", target], check=True)
            return problems(nm, target)
        failures += check(GOOD)
        failures += [f"not found: {name}" for name, code in BAD.items() if not check(code)]
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nm", required=True)
    parser.add_argument("--self-test", metavar="COMPILER")
    parser.add_argument("objects", nargs="*")
    arguments = parser.parse_args()
    if arguments.self_test:
        failures = self_test(arguments.nm, arguments.self_test)
    else:
        failures = [problem for path in arguments.objects
                    for problem in problems(arguments.nm, path)]
        if not arguments.objects:
            failures = ["no object files given"]
    print("\n".join(failures) or f"{len(arguments.objects)} objects: fine")
    return 1 if failures else 0


sys.exit(main())
