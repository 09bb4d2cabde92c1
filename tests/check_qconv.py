#!/usr/bin/env python3
"""Runs the qconv command as a user would.

usage: check_qconv.py QCONV GOLDEN
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

QCONV, GOLDEN = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*arguments):
    return subprocess.run([QCONV, *map(str, arguments)], capture_output=True, text=True)


def counts(result):
    """(passed, failed) of the closing line."""
    match = re.fullmatch(r"(\d+) passed, (\d+) failed", result.stdout.splitlines()[-1])
    return tuple(map(int, match.groups()))


class Info(unittest.TestCase):
    def test_json(self):
        result = run("info", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        info = json.loads(result.stdout)
        usable = [isa["name"] for isa in info["isas"] if isa["usable"]]
        self.assertEqual(usable[0], "scalar")
        self.assertEqual(info["isa"], usable[-1])
        for isa in info["isas"]:
            self.assertEqual(isa["usable"], isa.get("ceiling_gmacs_per_second", 0) > 0, isa)

    def test_text_names_the_isas(self):
        result = run("info")
        self.assertEqual(result.returncode, 0, result.stderr)
        for isa in json.loads(run("info", "--json").stdout)["isas"]:
            self.assertIn(isa["name"], result.stdout)


class Verify(unittest.TestCase):
    def setUp(self):
        self.lines = GOLDEN.read_text().splitlines()[:3]
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        info = json.loads(run("info", "--json").stdout)
        self.isas = sum(isa["usable"] for isa in info["isas"])

    def write(self, lines):
        path = pathlib.Path(self.folder.name, "golden.jsonl")
        path.write_text("\n".join(lines) + "\n")
        return path

    def write_layers(self):
        """A list of one layer."""
        path = pathlib.Path(self.folder.name, "layers.csv")
        path.write_text("net,layer,count,N,IC,ID,IH,IW,OC,KD,KH,KW,SD,SH,SW,PD,PH,PW,PH2,PW2,"
                        "DD,DH,DW,G\na,b,1,1,8,1,9,9,7,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1\n")
        return path

    def test_every_source_of_cases(self):
        result = run("verify", "--isa", "all", "--golden", self.write(self.lines), "--layers",
                     self.write_layers(), "--random", 5, "--seed", 1)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(counts(result), (9 * self.isas, 0))

    def test_input_maximum(self):
        for maximum in (1, 127, 255):
            result = run("verify", "--isa", "all", "--layers", self.write_layers(), "--random", 5,
                         "--input-maximum", maximum)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertEqual(counts(result), (6 * self.isas, 0))

    def test_one_wrong_byte_fails(self):
        wrong = json.loads(self.lines[1])
        wrong["output"][-1] ^= 1
        golden = self.write([self.lines[0], json.dumps(wrong), self.lines[2]])
        result = run("verify", "--isa", "all", "--golden", golden)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(counts(result), (2 * self.isas, self.isas))

    def test_wrong_use(self):
        for arguments in (["--isa", "pentium", "--random", 1], ["--golden", "/nonexistent"], [],
                          ["--golden", self.write(["{}"])],
                          ["--random", 1, "--input-maximum", 0],
                          ["--random", 1, "--input-maximum", 256]):
            result = run("verify", *arguments)
            self.assertNotEqual(result.returncode, 0, arguments)
            self.assertNotEqual(result.stderr, "", arguments)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
