#!/usr/bin/env python3
"""Checks who includes whom, and that flags of an ISA enter the build in one place only.

usage: check_layers.py ROOT
       check_layers.py --self-test
"""

import pathlib
import re
import sys
import tempfile

STD = "<(%s)>" % "|".join(
    """algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat
    charconv chrono cinttypes climits clocale cmath compare complex concepts
    condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib
    cstring ctime cuchar cwchar cwctype deque exception execution filesystem format
    forward_list fstream functional future initializer_list iomanip ios iosfwd iostream
    istream iterator latch limits list locale map memory memory_resource mutex new numbers
    numeric optional ostream queue random ranges ratio regex scoped_allocator semaphore set
    shared_mutex source_location span sstream stack stdexcept stop_token streambuf string
    string_view syncstream system_error thread tuple type_traits typeindex typeinfo
    unordered_map unordered_set utility valarray variant vector version""".split())
API = r'"qconv/\w+\.h"'
TABLE = r'"kernels/kernel_table\.h"'
PLAIN = "<(cstddef|cstdint|cstring)>"
INTRINSICS = r"<(cpuid|[a-z]mmintrin|immintrin|x86intrin|x86gprintrin)\.h>"
KERNELS = [TABLE, PLAIN, r'"kernels/\w+\.inl\.h"', r"<xsimd/[\w/]+\.hpp>", r"<immintrin\.h>"]
MIDDLE = [STD, API, TABLE, r'"pack/\w+\.h"', r'"dispatch/\w+\.h"', r'"\w+\.h"']

# What a file may include; the first pattern that matches its path decides.
LAYERS = [
    (r"include/qconv/.*", "the public API knows only std", [STD, API]),
    (r"src/kernels/kernel_table\.h", "the watershed knows nothing", [PLAIN]),
    (r"src/kernels/\w+\.inl\.h", "kernels know the kernel table, xsimd and intrinsics", KERNELS),
    (r"src/kernels/isa_\w+\.cpp", "kernels know the kernel table, xsimd and intrinsics", KERNELS),
    (r"src/dispatch/(cpu\.cpp|float_environment\.h)", "dispatch knows the API, the kernel table, "
     "itself; these of its files the CPU too", [STD, API, TABLE, r'"dispatch/\w+\.h"', INTRINSICS]),
    (r"src/dispatch/\w+\.(h|cpp)", "dispatch knows the API, the kernel table and itself",
     [STD, API, TABLE, r'"dispatch/\w+\.h"']),
    (r"src/pack/\w+\.(h|cpp)", "pack knows the API, the kernel table and itself",
     [STD, API, TABLE, r'"pack/\w+\.h"']),
    (r"src/reference/\w+\.(h|cpp)", "the reference knows only the API",
     [STD, API, r'"reference/\w+\.h"']),
    (r"src/executor\.cpp", "the executor alone knows oneTBB, and tells the thread sanitizer of it",
     MIDDLE + [r"<(oneapi/)?tbb/\w+\.h>", r"<sanitizer/tsan_interface\.h>"]),
    (r"src/\w+\.(h|cpp)", "the middle end knows the API, pack, dispatch and the kernel table",
     MIDDLE),
    (r"src/.*", "every file of src/ belongs to a layer", []),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])')
# Flags for one function, which would bypass CMake.
TARGET = re.compile(r"\btarget\s*\(\s*\"|#\s*pragma\s+(GCC\s+target|clang\s+attribute)|gnu::target")
FLAG = re.compile(r'(?<![\w-])-m\w+')


def sources(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                yield path, path.relative_to(root).as_posix()


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def library_problems(root):
    for path, name in sources(root, "include", "src"):
        rule, allowed = next((rule, allowed) for pattern, rule, allowed in
                             LAYERS + [(".*", "headers live in include/qconv", [])]
                             if re.fullmatch(pattern, name))
        if not allowed:
            yield f"{name}:1: {rule}"
        for number, what in includes(path):
            if allowed and not any(re.fullmatch(pattern, what) for pattern in allowed):
                yield f"{name}:{number}: {what}: {rule}"
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if TARGET.search(line):
                yield f"{name}:{number}: flags of an ISA are given by qconv_add_isa alone"


def client_problems(root):
    """tools and bench see the public API and themselves, nothing of src/."""
    rule = "tools and bench know the public API, never src/"
    for path, name in sources(root, "tools", "bench"):
        for number, what in includes(path):
            file = what[1:-1]
            own = [path.parent, root / "tools", root / "bench", root / "include"]
            if what[0] == '"' and any((folder / file).is_file() for folder in own):
                inside = ".." in pathlib.PurePath(file).parts
            else:
                inside = what[0] == '"' or (root / "src" / file).is_file()
            if inside:
                yield f"{name}:{number}: {what}: {rule}"


def size_problems(root):
    for path, name in sources(root, "include", "src", "tools", "bench", "tests"):
        text = path.read_text()
        if text.count("\n") > 250 and not text.startswith("// Longer than 250 lines: "):
            yield f"{name}:1: more than 250 lines: says why at its top"


def flag_problems(root):
    files = [path for pattern in ("CMakeLists.txt", "*.cmake", "CMakePresets.json")
             for path in sorted(root.rglob(pattern))]
    for path in files:
        name = path.relative_to(root)
        if name.parts[0] == "build" or any(part.startswith(".") for part in name.parts):
            continue
        text = path.read_text()
        if path.suffix != ".json":
            text = re.sub(r"#.*", "", text)
        for calls in (r"qconv_add_isa\([^)]*\)", r"function\(qconv_add_isa.*?endfunction\(\)"):
            text = re.sub(calls, lambda call: "\n" * call[0].count("\n"), text, flags=re.DOTALL)
        for number, line in enumerate(text.splitlines(), 1):
            for flag in FLAG.findall(line):
                yield f"{name.as_posix()}:{number}: {flag}: qconv_add_isa alone takes -m flags"


def problems(root):
    return [*library_problems(root), *client_problems(root), *size_problems(root),
            *flag_problems(root)]


CLEAN = {
    "CMakeLists.txt": "qconv_add_isa(avx2 -mavx2)\nqconv_add_isa(avx_vnni\n  -mavx2 -mavxvnni)\n",
    "cmake/isa.cmake": "# -mavx2 in a comment\nfunction(qconv_add_isa name)\n"
                       "  target_compile_options(isa PRIVATE -mtune=generic)\nendfunction()\n",
    "include/qconv/conv.h": '#include <vector>\n#include "qconv/params.h"\n',
    "src/kernels/kernel_table.h": "#include <cstdint>\n",
    "src/kernels/tile.inl.h": '#include <immintrin.h>\n#include "kernels/kernel_table.h"\n',
    "src/kernels/isa_avx2.cpp": '#include <xsimd/xsimd.hpp>\n#include "kernels/tile.inl.h"\n',
    "src/pack/weights.h": "",
    "src/pack/weights.cpp": '#include <vector>\n#include "pack/weights.h"\n',
    "src/dispatch/cpu.cpp": "#include <cpuid.h>\n",
    "src/reference/reference_conv.cpp": '#include "qconv/reference.h"\n#include <cmath>\n',
    "src/executor.cpp": "#include <tbb/parallel_for.h>\n",
    "src/layer.cpp": '#include "pack/weights.h"\n#include "layer.h"\n#include <string>\n',
    "src/layer.h": "",
    "tools/common/case.h": '#include <fmt/core.h>\n#include "qconv/conv.h"\n',
    "bench/main.cpp": '#include "common/case.h"\n#include <oneapi/dnnl/dnnl.hpp>\n',
}
PLANTED = [
    ("include/qconv/bad.h", "#include <immintrin.h>"),
    ("include/qconv/bad.h", '#include "pack/weights.h"'),
    ("include/bad.h", "#include <vector>"),
    ("src/kernels/kernel_table.h", "#include <vector>"),
    ("src/kernels/bad.inl.h", "#include <algorithm>"),
    ("src/kernels/bad.inl.h", '#include "pack/weights.h"'),
    ("src/kernels/isa_bad.cpp", '#include "qconv/conv.h"'),
    ("src/kernels/isa_bad.cpp", "#include <string>"),
    ("src/kernels/other.cpp", "#include <cstdint>"),
    ("src/pack/bad.cpp", '#include "dispatch/registry.h"'),
    ("src/pack/bad.cpp", '#include "kernels/tile.inl.h"'),
    ("src/pack/bad.cpp", "#include <immintrin.h>"),
    ("src/dispatch/bad.cpp", '#include "pack/weights.h"'),
    ("src/dispatch/bad.cpp", "#include <cpuid.h>"),
    ("src/reference/bad.cpp", '#include "pack/weights.h"'),
    ("src/reference/bad.cpp", '#include "kernels/kernel_table.h"'),
    ("src/bad.cpp", "#include <tbb/parallel_for.h>"),
    ("src/bad.cpp", "  #  include <oneapi/tbb/parallel_for.h>"),
    ("src/bad.cpp", "#include <sanitizer/tsan_interface.h>"),
    ("src/bad.cpp", "#include <xsimd/xsimd.hpp>"),
    ("src/bad.cpp", '#include "kernels/tile.inl.h"'),
    ("src/bad.cpp", '__attribute__((target("avx2"))) void f();'),
    ("src/bad.cpp", "#pragma GCC target(\"avx2\")"),
    ("src/executor.cpp", "#include <immintrin.h>"),
    ("tools/common/bad.cpp", '#include "pack/weights.h"'),
    ("tools/qconv/bad.cpp", '#include "layer.h"'),
    ("bench/bad.cpp", '#include "../src/layer.h"'),
    ("bench/bad.cpp", "#include <pack/weights.h>"),
    ("tests/bad.cpp", "\n" * 251),
    ("bench/CMakeLists.txt", "target_compile_options(bench PRIVATE -march=native)"),
    ("CMakeLists.txt", 'set(CMAKE_CXX_FLAGS "-mavx2")'),
    ("cmake/isa.cmake", "add_compile_options(-mavx2)"),
    ("CMakePresets.json", '{"CMAKE_CXX_FLAGS": "-O3 -mfma"}'),
]


def self_test():
    """A clean tree has no problem, and each planted line is found where it is, alone."""
    failures = []
    for planted in [None, *PLANTED]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            files = dict(CLEAN)
            if planted:
                files[planted[0]] = "\n" + planted[1] + "\n"
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            found = problems(root)
            places = {problem.split(": ")[0] for problem in found}
            whole = planted and planted[0] in ("include/bad.h", "src/kernels/other.cpp",
                                               "tests/bad.cpp")
            expected = {f"{planted[0]}:{1 if whole else 2}"} if planted else set()
            if places != expected:
                failures.append(f"planted {planted}, found {found}")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        found = self_test()
    else:
        root = pathlib.Path(sys.argv[1]).resolve()
        assert list(sources(root, "src")), f"{root}: no sources"
        found = problems(root)
    print("\n".join(found) or "fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
