#include "in_place.h"

#include <algorithm>
#include <span>

#include "pack/group_feed.h"
#include "pack/integers.h"
#include "pack/slide.h"
#include "plan.h"

namespace qconv {
namespace {

using pack::ImageView;
using pack::PackedLayer;
using pack::Panel;
using pack::Segment;

using Panels = std::span<const Panel>;

// Rows in sets that share input.
void RunSlides(const PackedLayer& layer, const ImageView& image, const Segment& d, const Segment& h,
               Panels panels, std::byte* scratch) {
  static_assert(pack::SlideFeeder::kScratchBytes <= kCopyBytes);
  pack::SlideFeeder feeder(layer, image, scratch);
  const int64_t set = layer.spread.output_rows;
  const int64_t phases = std::min(feeder.phases(), image.output_size[2]);
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t y = h.begin; y < h.end; y += set * h.step) {
      const int64_t rows = std::min(set, pack::CeilDiv(h.end - y, h.step));
      for (int64_t phase = 0; phase < phases; ++phase) {
        feeder.MoveTo(z, y, rows, phase);
        for (const Panel& panel : panels) {
          const auto slide = layer.kernels->shapes[panel.shape].lanes.slides[layer.slide_form];
          slide(feeder.Task(panel));
        }
      }
    }
  }
}

// As many rows at a time as a table holds.
void RunGroups(const PackedLayer& layer, const ImageView& image, const Segment& d, const Segment& h,
               Panels panels, std::byte* scratch) {
  static_assert(pack::GroupFeeder::kScratchBytes <= kCopyBytes);
  pack::GroupFeeder feeder(layer, image, scratch);
  const int64_t width = image.output_size[2];
  const int64_t phases = feeder.phases(), most_pixels = feeder.MostPixels();
  for (int64_t phase = 0; phase < std::min(phases, width); ++phase) {
    const int64_t pixels = pack::CeilDiv(width - phase, phases);
    for (int64_t x = 0; x < pixels; x += most_pixels) {
      const int64_t count = std::min(pixels - x, most_pixels);
      const int64_t most_rows = feeder.MostRows(count);
      for (int64_t z = d.begin; z < d.end; ++z) {
        for (int64_t y = h.begin; y < h.end; y += most_rows) {
          feeder.MoveTo(z, y, std::min(h.end - y, most_rows), phase, x, count);
          for (const Panel& panel : panels) {
            feeder.Kernel(panel)(feeder.Task(panel));
          }
        }
      }
    }
  }
}

}  // namespace

bool ReadsInPlace(const PackedLayer& layer, const pack::Dims& input_size,
                  const pack::Dims& output_size) {
  return pack::Slides(layer, input_size, output_size) || pack::FitsGroupReads(layer, input_size);
}

void RunInPlace(const PackedLayer& layer, const ImageView& image, const pack::Piece& rows,
                int64_t first_panel, int64_t last_panel, std::byte* scratch) {
  const Panels panels(layer.panels.data() + first_panel, layer.panels.data() + last_panel);
  const auto run = layer.groups_in_place ? RunGroups : RunSlides;
  run(layer, image, rows.segment[0], rows.segment[1], panels, scratch);
}

}  // namespace qconv
