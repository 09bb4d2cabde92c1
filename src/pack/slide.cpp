#include "pack/slide.h"

#include <algorithm>

#include "pack/integers.h"

namespace qconv::pack {

int ChooseSlideForm(const Geometry& g, const kernels::KernelTable& table) {
  if (g.groups != g.in_channels || g.GroupOutputs() != 1 || g.kernel[0] != 1 || g.kernel[1] == 1) {
    return kNoSlide;
  }
  for (int i = 0; i < kernels::kSlideFormCount; ++i) {
    const kernels::SlideForm& form = kernels::kSlideForms[i];
    const bool fits = form.taps == g.kernel[2] && form.stride == g.ColumnStride() &&
                      g.kernel[1] <= form.inputs[0] &&
                      form.quads == CeilDiv(g.kernel[1], kernels::kDepthGroup);
    if (fits && MostSlideVectors(table, i) > 0) {
      return i;
    }
  }
  return kNoSlide;
}

int64_t MostSlideVectors(const kernels::KernelTable& table, int form) {
  int most = 0;
  for (int i = 0; i < table.shape_count; ++i) {
    const kernels::PanelShape& shape = table.shapes[i];
    if (shape.lanes.slides[form] != nullptr) most = std::max(most, shape.vectors);
  }
  return most;
}

int64_t SlideWeightsOffset(const PackedLayer& layer, const Panel& panel) {
  return panel.weights_offset + (layer.SlidesPairs() ? layer.PanelWeightBytes(panel) : 0);
}

int64_t SlideWeightBytes(const PackedLayer& layer, const Panel& panel) {
  if (!layer.SlidesPairs()) return 0;
  const kernels::SlideForm& form = kernels::kSlideForms[layer.slide_form];
  return layer.spread.output_rows * form.WeightQuads() * layer.TapWeightBytes(panel);
}

bool Slides(const PackedLayer& layer, const Dims& input_size, const Dims& output_size) {
  if (layer.slide_form == kNoSlide) return false;
  // Rows of a pixel, and phases of one or two, take longer to set up than to compute. (64 channels,
  // times the speed of spread input: 3x3, 1764x1 0.8, 882x2 1.0; 33x33, dilation 36 0.75, dilation
  // 20 1.06.)
  const Geometry& g = layer.geometry;
  const int64_t width = input_size[2], phases = g.Phases();
  return width * g.in_channels >= layer.spread.read_bytes && output_size[2] > 1 &&
         (phases == 1 || 3 * phases <= 2 * width);
}

SlideFeeder::SlideFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      image_(image),
      form_(kernels::kSlideForms[layer.slide_form]),
      phases_(g_.Phases()),
      tensor_end_(image, layer.spread.read_bytes, scratch) {}

void SlideFeeder::MoveTo(int64_t z, int64_t y, int64_t rows, int64_t phase) {
  if (phase != phase_) SetPhase(phase);
  rows_ = rows;
  const Dims &in = image_.input_size, &out = image_.output_size;
  output_ = image_.output + ((z * out[1] + y) * out[2] + phase) * g_.out_channels;
  row_pitch_ = rows > 1 ? layer_.spread.row_step * out[2] * g_.out_channels : 0;
  const int64_t in_z = z * g_.stride[0] - g_.padding[0];
  const int64_t in_y = y * g_.stride[1] - g_.padding[1];
  // Rows beyond those that have weights: the last one stands in.
  const int64_t last = g_.kernel[1] - 1 + (rows - 1) * layer_.spread.row_taps;
  for (int64_t i = 0; i < form_.inputs[rows - 1]; ++i) {
    const int64_t at = in_y + std::min(i, last) * g_.dilation[1];
    const bool inside = in_z >= 0 && in_z < in[0] && at >= 0 && at < in[1];
    inputs_[i] = inside ? image_.input + (in_z * in[1] + at) * in[2] * g_.in_channels : nullptr;
    if (inside || i == 0) lowest_ = inputs_[i];
  }
  FillRuns(/*channel=*/0, /*safe=*/end_, runs_);
}

// What slides of a phase share.
void SlideFeeder::SetPhase(int64_t phase) {
  phase_ = phase;
  count_ = CeilDiv(image_.output_size[2] - phase, phases_);
  columns_ = (count_ - 1) * form_.stride + form_.taps;
  first_ = phase * g_.stride[2] - g_.padding[2];
  begin_ = ColumnsBefore(0);
  end_ = ColumnsBefore(image_.input_size[2]);
}

int64_t SlideFeeder::ColumnsBefore(int64_t position) const {
  return StepsBefore(position, first_, g_.dilation[2], columns_);
}

kernels::SlideTask SlideFeeder::Task(const Panel& panel) {
  const int64_t channel = panel.out_begin;
  const bool near_end = ReadsBeyond(channel);
  return {.runs = near_end ? end_runs_ : runs_,
          .channel = near_end ? 0 : channel,
          .outputs = {output_ + channel, output_ + row_pitch_ + channel},
          .output_rows = static_cast<int>(rows_),
          .output_step = phases_ * g_.out_channels,
          .count = count_,
          .weights = layer_.weights.data() + SlideWeightsOffset(layer_, panel),
          .epilogue = &panel.epilogue,
          .columns = panel.columns};
}

// Whether a panel from this channel on would read beyond the tensor; fills end_runs_ if so.
bool SlideFeeder::ReadsBeyond(int64_t channel) {
  if (lowest_ == nullptr || channel + layer_.spread.read_bytes <= g_.in_channels) return false;
  const int64_t readable = FloorDiv(tensor_end_.Room(lowest_) - channel, g_.in_channels) + 1;
  if (readable >= image_.input_size[2]) return false;
  FillRuns(channel, std::clamp(ColumnsBefore(readable), begin_, end_), end_runs_);
  return true;
}

// Fills `runs` with those of the slide, `channel` bytes further on; the lowest row is read in place
// before column `safe` only.
void SlideFeeder::FillRuns(int64_t channel, int64_t safe, Runs& runs) const {
  const int64_t step = g_.dilation[2] * g_.in_channels;
  const uint8_t* const padding = layer_.padding.data() + channel;
  kernels::SlideRun* run = runs;
  int64_t column = 0;
  for (const int64_t end : {begin_, safe, end_, columns_}) {
    if (end == column) continue;
    run->count = end - column;
    const bool inside = column >= begin_ && column < end_;
    const int64_t from_row = first_ * g_.in_channels + column * step + channel;
    for (int64_t i = 0; i < form_.inputs[rows_ - 1]; ++i) {
      const bool reads = inside && inputs_[i] != nullptr;
      const uint8_t* at = reads ? inputs_[i] + from_row : padding;
      run->rows[i] = reads && column >= safe ? tensor_end_.Safe(at) : at;
      run->steps[i] = reads ? step : 0;
    }
    column = end;
    ++run;
  }
}

}  // namespace qconv::pack
