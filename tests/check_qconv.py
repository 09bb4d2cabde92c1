#!/usr/bin/env python3
"""Runs the qconv command as a user would. Longer than 250 lines: its commands share their cases.

usage: check_qconv.py QCONV GOLDEN
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

QCONV, GOLDEN = sys.argv[1], pathlib.Path(sys.argv[2])
os.environ.pop("QCONV_ISA", None)  # the tests tell which ISA is meant


def run(*arguments, **environment):
    return subprocess.run([QCONV, *map(str, arguments)], capture_output=True, text=True,
                          env=os.environ | environment)


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

    def test_text_tells_who_chose(self):
        self.assertRegex(run("info").stdout, r"\n\* used unless another is asked for .* QCONV_ISA\n")
        result = run("info", QCONV_ISA="scalar")
        self.assertRegex(result.stdout, r"(?s)\n\* scalar .*\n\n\* named by .* QCONV_ISA; used ")

    def test_unknown_isa(self):
        result = run("info", QCONV_ISA="pentium")
        self.assertEqual(result.returncode, 2)
        self.assertIn('QCONV_ISA is "pentium"', result.stderr)


class Cases(unittest.TestCase):
    """Files to make cases of."""

    def setUp(self):
        self.lines = GOLDEN.read_text().splitlines()[:3]
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        info = json.loads(run("info", "--json").stdout)
        self.names = [isa["name"] for isa in info["isas"] if isa["usable"]]
        self.isas = len(self.names)

    def write(self, lines):
        path = pathlib.Path(self.folder.name, "golden.jsonl")
        path.write_text("\n".join(lines) + "\n")
        return path

    def write_layers(self, row="a,b,1,1,8,1,9,9,7,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1"):
        """A list of one layer."""
        path = pathlib.Path(self.folder.name, "layers.csv")
        path.write_text("net,layer,count,N,IC,ID,IH,IW,OC,KD,KH,KW,SD,SH,SW,PD,PH,PW,PH2,PW2,"
                        f"DD,DH,DW,G\n{row}\n")
        return path

    def expect_refused(self, command, arguments, *words):
        result = run(command, *arguments)
        self.assertEqual(result.returncode, 2, arguments)
        for word in words:
            self.assertIn(word, result.stderr, arguments)


class Verify(Cases):
    def test_every_source_of_cases(self):
        result = run("verify", "--isa", "all", "--golden", self.write(self.lines), "--layers",
                     self.write_layers(), "--random", 5, "--seed", 1)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(counts(result), (9 * self.isas, 0))

    def test_filter(self):
        result = run("verify", "--isa", "all", "--golden", self.write(self.lines), "--random", 5,
                     "--seed", 1, "--filter", "id [01]$|seed 3")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(counts(result), (3 * self.isas, 0))

    def test_input_maximum(self):
        for maximum in (0, 1, 127, 255):
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
        # What it prints does that case again, on that ISA, and no other.
        again = re.findall(r"again: qconv (.*)", result.stdout)
        self.assertEqual(len(again), self.isas)
        for arguments in again:
            self.assertEqual(counts(run(*shlex.split(arguments))), (0, 1))

    def test_saturation(self):
        """The counts are those of FBGEMM's own bytes on AVX2, with any number of threads."""
        lines = GOLDEN.read_text().splitlines()
        avx2 = GOLDEN.with_name("fbgemm_avx2.jsonl").read_text().splitlines()
        differences = []
        for vnni_line, avx2_line in zip(lines, avx2):
            outputs = [json.loads(line)["output"] for line in (vnni_line, avx2_line)]
            differences.append([abs(a - b) for a, b in zip(*outputs)])
        result = run("verify", "--isa", "scalar", "--golden", GOLDEN, "--saturation",
                     "--threads", 3)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(counts(result), (60, 0))
        found = re.findall(r"^      (gemm|groupwise|depthwise): (\d+) of \d+ channels can saturate"
                           r"(.*bytes by at most (\d+) levels; cured by .*)?\n"
                           r"      this input: (\d+) of (\d+) outputs saturate, (\d+) differ"
                           r"(?:, by up to (\d+) levels)?$", result.stdout, re.MULTILINE)
        self.assertEqual(len(found), 60)
        for case, (_, channels, worst, bound, saturate, outputs, differ, levels) in zip(
                differences, found):
            self.assertEqual(int(outputs), len(case))
            self.assertEqual(int(differ), sum(difference > 0 for difference in case))
            self.assertEqual(int(levels or 0), max(case))
            self.assertLessEqual(int(levels or 0), int(bound or 0))
            self.assertLessEqual(int(differ), int(saturate))
            self.assertEqual(channels != "0", worst != "")
        self.assertIn("46 give other bytes; 5504 of 32252 outputs differ, by up to 147 levels",
                      result.stdout.splitlines()[-2])

    def test_saturation_of_random_cases(self):
        """Each is told, though it passes; without the option none is."""
        arguments = ["verify", "--isa", "scalar", "--random", 4, "--seed", 7]
        self.assertNotIn("saturate", run(*arguments).stdout)
        self.assertEqual(run(*arguments, "--saturation").stdout.count("this input: "), 4)
        self.assertIn(" 0 of 4 cases can saturate",
                      run(*arguments, "--saturation", "--input-maximum", 1).stdout)

    def test_saturation_of_a_sample(self):
        layers = pathlib.Path(self.folder.name, "layers.csv")
        layers.write_text("net,layer,count,N,IC,ID,IH,IW,OC,KD,KH,KW,SD,SH,SW,PD,PH,PW,PH2,PW2,"
                          "DD,DH,DW,G\na,b,1,1,256,1,99,99,256,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1\n")
        result = run("verify", "--layers", layers, "--saturation")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        pixels = re.findall(r"a sample: (\d+) of 9801 pixels", result.stdout)
        self.assertEqual(len(pixels), 2)
        self.assertIn(f"of {256 * int(pixels[1])} outputs saturate", result.stdout)

    def test_refused_case_is_one_failure(self):
        refused = json.loads(self.lines[0])
        refused["weight_scale"][0] = 0
        result = run("verify", "--isa", "scalar", "--golden",
                     self.write([json.dumps(refused), self.lines[1]]), "--saturation")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(counts(result), (1, 1))
        self.assertIn("weight_scales[0] is 0;", result.stdout)
        self.assertEqual(result.stdout.count("this input: "), 1)

    def test_wrong_use(self):
        for arguments, *words in (
                (["--isa", "pentium", "--random", 1], "isa", "pentium"),
                (["--golden", "/nonexistent"], "--golden", "/nonexistent"), ([], "--random"),
                (["--golden", self.write(["{}"])], "golden.jsonl:1: ", "missing"),
                (["--random", 1, "--input-maximum", -1], "--input-maximum", "-1"),
                (["--random", 1, "--input-maximum", 256], "--input-maximum", "256"),
                (["--saturation"], "--random"),
                (["--golden", GOLDEN, "--input-maximum", 127], "--input-maximum"),
                (["--golden", GOLDEN, "--weights", "uniform"], "--weights"),
                (["--saturation=maybe", "--random", 1], "--saturation"),
                (["--random", 1, "--filter", "["], "--filter", "["),
                (["--random", 1, "--filter", "none"], "--filter", "none"),
                (["--random", 1, "--filter", "(" * 50000], "--filter", "50000"),
                (["--random", 2**63 - 1], "--random", str(2**63 - 1)),
                (["--random", 2**65], "--random", str(2**65)),
                (["--random", 1, "--seed", 2**63], "--seed", str(2**63)),
                (["--random", 1, "--threads", "2.5"], "--threads", "2.5")):
            self.expect_refused("verify", arguments, *words)

    def test_numbers_are_decimal(self):
        self.assertEqual(counts(run("verify", "--isa", "scalar", "--random", "010")), (10, 0))

    def test_field_twice(self):
        golden = self.write([self.lines[0][:-1] + ',"input_zero_point":5}'])
        self.expect_refused("verify", ["--golden", golden], "golden.jsonl:1: ",
                            '"input_zero_point" is there twice')

    def test_wrong_layers(self):
        for row, word in ((f"{'a' * 300},b,1,1,8,1,9,9,7,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1", "net is"),
                          ("a,b,1,1,8,1,2,2,7,1,3,3,1,1,1,0,0,0,0,0,1,1,1,1", "does not fit"),
                          ("a,b,1,1,8,1,2,2,7,1,3,3,1,2,2,0,0,0,0,0,1,1,1,1", "does not fit")):
            self.expect_refused("verify", ["--layers", self.write_layers(row)], "layers.csv:2: ",
                                word)

    def test_full_disk(self):
        for arguments in (["info"], ["--help"], ["verify", "--random", "1"],
                          ["explain", "--random", "1"], ["explain", "--random", "1000"]):
            with open("/dev/full", "w") as full:
                result = subprocess.run([QCONV, *arguments], stdout=full, stderr=subprocess.PIPE,
                                        text=True)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("No space left", result.stderr, arguments)


class Explain(Cases):
    ROW = re.compile(r"  (\w+) +(direct|indirect|gathered|lanes|sliding) +((?:\d+x)?\d+(?: \+ (?:\d+x)?\d+)*) +"
                     r"(fused|partly fused|stepwise) +(\S.*\S)((?: +(?:[\d.]+|-)){4}) +"
                     r"(-|\(?(?:Winograd|Strassen|Strassen, twice|widened)\)?)"
                     r" +(\d+(?: \(\d+\))?)((?: +\d+){3})$")

    def rows(self, *arguments):
        """The title of each case, with the match of its line of each ISA."""
        result = run("explain", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = {}
        for line in result.stdout.split("\n\n")[0].splitlines()[1:]:
            if line.startswith("  "):
                match = self.ROW.match(line)
                self.assertIsNotNone(match, line)
                rows[title].append(match)
            else:
                title = line
                rows[title] = []
        return rows

    def test_every_source_of_cases(self):
        rows = self.rows("--isa", "all", "--golden", self.write(self.lines), "--layers",
                         self.write_layers(), "--random", 5, "--seed", 1)
        self.assertEqual(len(rows), 9)
        self.assertIn("a b: 8x9x9 -> 7, 3x3, pad 1", rows)
        for title, lines in rows.items():
            self.assertEqual([line[1] for line in lines], self.names, title)
            bounds = {line[9].split()[0] for line in lines}
            self.assertEqual(len(bounds), 1, title)

    def test_arithmetic(self):
        """Chains are no longer than four links, and never taken where widening takes less."""
        for maximum in (0, 1, 127, 255):
            rows = self.rows("--isa", "all", "--layers", self.write_layers(), "--random", 20,
                             "--input-maximum", maximum)
            for title, line in [(title, line) for title, lines in rows.items() for line in lines]:
                chain, instructions, widened, transformed = line[6].split()
                self.assertEqual(line[9].split()[2], str(maximum))
                self.assertEqual(line[7] == "-", transformed == "-")
                if "vnni" in line[1] or line[1] == "scalar":
                    self.assertRegex(line[5], "^(vpdpbusd .mm|plain C..)$")
                    self.assertEqual({chain, instructions, widened}, {"-"})
                    if line[1] == "scalar":
                        self.assertEqual(transformed, "-")
                    if transformed != "-":  # 36 products for 144, of which half as many at a time
                        self.assertGreater(float(transformed), 2 * 36 / 144)
                    continue
                self.assertRegex(line[5], r"^(int16 chains|widened|int16 chains \+ widened \d+%)$")
                self.assertEqual(chain != "-", "chains" in line[5])
                if chain != "-":
                    self.assertTrue(1 <= float(chain) <= 4)
                if instructions != "-":
                    self.assertLessEqual(float(instructions), float(widened))
                if transformed != "-":  # 36 products for 144 or 49 for 64, of two instructions
                    products = 36 / 144 if "3x3" in title.split("->")[1] else 49 / 64
                    self.assertGreater(float(transformed), 4 * products)

    def test_transforms(self):
        """Large images take them, small ones do not."""
        path = pathlib.Path(self.folder.name, "layers.csv")
        header = self.write_layers().read_text().splitlines()[0]
        layers = [f"a,{size},1,1,64,1,{size},{size},64,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1"
                  for size in (2, 56)]
        path.write_text("\n".join([header, *layers]) + "\n")
        small, large = self.rows("--isa", "all", "--layers", path).values()
        for isa, one, other in zip(self.names, small, large):
            names = ("-", "-") if isa == "scalar" else ("(Winograd)", "Winograd")
            self.assertEqual((one[7], other[7]), names, isa)

    def test_pixels(self):
        """Layers of few outputs compute several pixels at once."""
        path = pathlib.Path(self.folder.name, "layers.csv")
        header = self.write_layers().read_text().splitlines()[0]
        layers = [f"a,{outputs}-{width},1,1,8,1,9,{width},{outputs},1,5,5,1,1,1,0,2,2,2,2,1,1,1,1"
                  for outputs, width in ((1, 9), (4, 9), (17, 9), (4, 1))]
        path.write_text("\n".join([header, *layers]) + "\n")
        cells = self.rows("--isa", "all", "--layers", path).values()
        for isa, *lines in zip(self.names, *cells):
            lanes = 16 if "512" in isa else 8
            self.assertEqual([line[8] for line in lines],
                             [f"{lanes}", f"{lanes // 4}", "1", f"1 ({lanes // 4})"], isa)

    def test_default_isa(self):
        for lines in self.rows("--random", 3, "--seed", 5).values():
            self.assertEqual([line[1] for line in lines], self.names[-1:])

    def test_wrong_use(self):
        for arguments, *words in (([], "--random"),
                                  (["--random", 1, "--isa", "pentium"], "isa", "pentium"),
                                  (["--random", 1, "--threads", 1], "--threads"),
                                  (["--random", 1, "--filter", "["], "--filter", "[")):
            self.expect_refused("explain", arguments, *words)

    def test_wrong_command(self):
        self.expect_refused("bogus", [], "bogus")
        self.expect_refused("--seed", ["1"], "--seed")
        self.assertIn("subcommand is required", run().stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
