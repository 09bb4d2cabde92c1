#!/usr/bin/env python3
"""Runs qconv-bench on two small layers and reads its CSV file.

usage: check_bench.py QCONV_BENCH
"""

import csv
import pathlib
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
                                         "ceiling_pct", "peer_ms", "ratio"])
        self.assertEqual([row["layer"] for row in rows], ["one", "two"])
        self.assertEqual([row["class"] for row in rows], ["1x1", "kxk"])
        self.assertEqual([row["count"] for row in rows], ["3", "1"])
        self.assertEqual(float(rows[0]["gmac"]), 32 * 32 * 64 / 1e9)
        for row in rows:
            self.assertGreater(float(row["ms"]), 0)
            self.assertGreater(float(row["ceiling_pct"]), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
