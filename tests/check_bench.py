#!/usr/bin/env python3
"""Runs qconv-bench as its users do: on two small layers of a list, and on some of --cliffs.

usage: check_bench.py QCONV_BENCH
"""

import csv
import pathlib
import statistics
import subprocess
import sys
import tempfile
import unittest

BENCH = sys.argv[1]
LAYERS = """net,layer,count,N,IC,ID,IH,IW,OC,KD,KH,KW,SD,SH,SW,PD,PH,PW,PH2,PW2,DD,DH,DW,G
a,one,3,1,32,1,8,8,32,1,1,1,1,1,1,0,0,0,0,0,1,1,1,1
a,two,1,1,8,1,9,9,16,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1
b,three,1,1,8,1,9,9,16,1,3,3,1,1,1,0,1,1,1,1,1,1,1,1
"""


class Bench(unittest.TestCase):
    def test_csv(self):
        with tempfile.TemporaryDirectory() as folder:
            layers, out = pathlib.Path(folder, "layers.csv"), pathlib.Path(folder, "out.csv")
            layers.write_text(LAYERS)
            result = subprocess.run([BENCH, "--layers", layers, "--net", "a", "--threads", "1",
                                     "--csv", out], capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            rows = list(csv.DictReader(out.read_text().splitlines()))
        self.assertEqual(list(rows[0]), ["net", "layer", "class", "count", "gmac", "ms", "gmacs",
                                         "ceiling_pct", "wrong", "peer_ms", "ratio", "peer_wrong"])
        self.assertEqual([row["layer"] for row in rows], ["one", "two"])
        self.assertEqual([row["class"] for row in rows], ["1x1", "kxk"])
        self.assertEqual([row["count"] for row in rows], ["3", "1"])
        self.assertEqual(float(rows[0]["gmac"]), 32 * 32 * 64 / 1e9)
        for row in rows:
            self.assertGreater(float(row["ms"]), 0)
            self.assertGreater(float(row["ceiling_pct"]), 0)
            self.assertEqual(float(row["wrong"]), 0)

    def test_input_maximum(self):
        with tempfile.TemporaryDirectory() as folder:
            layers = pathlib.Path(folder, "layers.csv")
            layers.write_text(LAYERS)
            bench = [BENCH, "--layers", layers, "--net", "a", "--min-time", "0", "--input-maximum"]
            for maximum in ["0", "127", "255"]:
                result = subprocess.run([*bench, maximum], capture_output=True, text=True)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                line = next(line for line in result.stdout.splitlines()
                            if line.startswith("qconv "))
                self.assertEqual(line.endswith(f", input maximum {maximum}"), maximum != "255",
                                 line)
            result = subprocess.run([*bench, "127", "--input-zero-point", "128"],
                                    capture_output=True, text=True)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--input-zero-point", result.stdout + result.stderr)

    def test_wrong_use(self):
        for option in [["--isa", "neon"], ["--threads", "0"], ["--filter", "["],
                       ["--filter", "none"], ["--net", "none"], ["--vs", "nothing"],
                       ["--weights", "gold"], ["--peer-isa", "none"], ["--min-time", "nan"],
                       ["--min-time", "1e9"], ["--batch", "1.5"]]:
            result = subprocess.run([BENCH, *option], capture_output=True, text=True)
            self.assertEqual(result.returncode, 2, option)
            for word in [option[0].removeprefix("--"), option[1]]:
                self.assertIn(word, result.stderr, option)
            self.assertNotIn("qconv-bench: qconv: ", result.stderr)

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([BENCH, "--help"], stdout=full, stderr=subprocess.PIPE,
                                    text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("standard output: No space left", result.stderr)

    def test_cliffs(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "out.csv")
            result = subprocess.run([BENCH, "--cliffs", "--filter", "/(base|groups-9)$",
                                     "--min-time", "0", "--csv", out],
                                    capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            rows = list(csv.DictReader(out.read_text().splitlines()))
        names = [row["net"] + "/" + row["layer"] for row in rows]
        self.assertEqual(len(set(names)), len(names))
        for name in ["dense/base", "1d/base", "3d/base", "grouped/base", "depthwise/base",
                     "depthwise/groups-9", "depthwise3d/groups-9", "multiplier/groups-9"]:
            self.assertIn(name, names)
        # A line for each kind, then the ten worst with their shapes.
        lines = result.stdout.splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("kind "))
        last = lines.index("", first)
        kinds = [line.split() for line in lines[first + 1:last]]
        self.assertEqual([kind[0] for kind in kinds],
                         list(dict.fromkeys(row["net"] for row in rows)))
        for kind in kinds:
            gmacs = [float(row["gmacs"]) for row in rows if row["net"] == kind[0]]
            times = statistics.median(gmacs) / min(gmacs)
            self.assertEqual(int(kind[1]), len(gmacs))
            self.assertAlmostEqual(float(kind[4]), times, delta=0.01)
            self.assertEqual(kind[5], "yes" if times <= 4 else "no")
        worst = lines[last + 2:lines.index("", last + 1)]
        self.assertEqual(len(worst), 10)
        for line in worst:
            self.assertIn(line.split()[0], names)
            self.assertIn(" -> ", line)

    def test_cliffs_exclude_lists(self):
        for option in [["--net", "a"], ["--class", "1x1"], ["--layers", __file__]]:
            result = subprocess.run([BENCH, "--cliffs", *option], capture_output=True, text=True)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"{option[0]} excludes --cliffs", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
