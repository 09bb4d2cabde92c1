// Strips: how the depth groups of a kStrips layer lie in its gathered rows.
//
// Layer: pack. A kernel row is a run of kw * channels bytes, as a rule no multiple of four. Instead
// of a depth group that is partly empty at the end of each, the remainders of neighbouring rows are
// joined, as many as fit one depth group. To gathered rows that takes a row of joined bytes, so
// that pixel after pixel finds its own at the distance at which all rows have them:
//
//   3x3, 3 channels, stride 2: a pixel's window begins 6 bytes after that of the one before
//
//     row 0   [0 1 2 3][4 5 6 7] 8  .  .  .          7 depth groups of 27 bytes; row by row it
//     row 1   [0 1 2 3][4 5 6 7] 8                   would be 9
//     row 2   [0 1 2 3][4 5 6 7] 8
//     joined  [8 8 8 -] -  -[8 8 8 -] -  - ...       bytes 8 of rows 0, 1 and 2
//
// The taps of panels are kernel planes; their depth groups are those of rows, one row after the
// other, then the joined ones. Read next: gather.h, which makes the rows.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/geometry.h"

namespace qconv::pack {

struct StripLayout {
  // The depth groups of a kernel plane.
  int64_t rows = 0;           // of the kernel
  int64_t row_groups = 0;     // full ones of a row
  int64_t remainder = 0;      // bytes of a row that are left
  int64_t joined_rows = 0;    // whose remainders fit one depth group
  int64_t joined_groups = 0;  // of all rows
  // For kernels::JoinTask.
  int64_t pixel_step = 0;  // bytes from pixel to pixel
  int64_t period = 0;
  std::vector<uint8_t> masks;

  // How many joined groups an output row shares with the one above, whose input begins `stride` <=
  // `rows` rows higher.
  int64_t JoinedAbove(int64_t stride) const {
    return stride % joined_rows == 0 ? (rows - stride) / joined_rows : 0;
  }
  int64_t DepthGroups() const { return rows * row_groups + joined_groups; }

  // Which kernel row, and byte of it, a byte of the plane's depth groups is; row `rows` or more:
  // none.
  struct Place {
    int64_t row, byte;
  };
  Place Find(int64_t byte) const;
};

// Of a layer that PrefersStrips; and how many depth groups that has for a kernel plane.
StripLayout MakeStripLayout(const Geometry& geometry);
int64_t StripDepthGroups(const Geometry& geometry);

// Whether this is the fastest way to read the input of a layer without groups whose kernel rows are
// runs.
bool PrefersStrips(const Geometry& geometry, const kernels::KernelTable& table);

// Fills the list of the depth groups of so many kernel planes: where each lies, from a pixel's
// first byte on. Planes are `plane` bytes apart, rows `row`, and each row is followed after
// `joined` bytes by the joined bytes of those from it on.
void ListStripGroups(const StripLayout& layout, int64_t planes, int64_t plane, int64_t row,
                     int64_t joined, int64_t* list);

}  // namespace qconv::pack
