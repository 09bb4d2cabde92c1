#include "run.h"

#include <algorithm>
#include <memory>

#include "dispatch/float_environment.h"
#include "pack/feed.h"
#include "plan.h"

namespace qconv {
namespace {

using kernels::PanelTask;
using pack::ChannelGroup;
using pack::ImageView;
using pack::PackedLayer;
using pack::Panel;
using pack::Piece;
using pack::PieceFeed;

// A block of output pixels, ready to be multiplied by panels. Lives on the stack of its task.
class Block {
 public:
  Block(const PackedLayer& layer, const ImagePlan& plan, int64_t index, const ImageView& image)
      : layer_(layer), image_(image), piece_count_(plan.PiecesOf(index, pieces_)) {
    const int64_t copy_bytes = pack::CopyBytesPerPixel(layer);
    if (copy_bytes > kCopyBytes && pieces_[0].copied()) {
      large_scratch_ = std::make_unique<std::byte[]>(static_cast<size_t>(copy_bytes));
    }
  }

  void Run(int64_t panel_begin, int64_t panel_end) {
    int group = -1;
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      const Panel& panel = layer_.panels[static_cast<size_t>(p)];
      if (panel.group != group) {
        group = panel.group;
        Feed(layer_.groups[static_cast<size_t>(group)]);
      }
      RunPanel(panel);
    }
  }

 private:
  void Feed(const ChannelGroup& group) {
    std::byte* scratch = large_scratch_ ? large_scratch_.get() : scratch_;
    int64_t row = 0;
    for (int i = 0; i < piece_count_; ++i) {
      const Piece& piece = pieces_[i];
      feeds_[i] = FeedPiece(layer_, group, piece, image_, scratch, rows_ + row);
      if (piece.copied()) scratch += piece.rows() * pack::CopyBytesPerPixel(layer_);
      if (layer_.general_epilogue) SumRows(feeds_[i], row, piece.rows());
      row += piece.rows();
    }
  }

  // row_terms[r] = sum of (a - input zero point) over the taps of the piece.
  void SumRows(const PieceFeed& feed, int64_t first, int64_t count) {
    layer_.kernels->row_sums(rows_ + first, count, feed.taps, feed.sum_bytes, row_terms_ + first);
    const auto all_zero_points = static_cast<uint32_t>(feed.products * layer_.input_zero_point);
    for (int64_t r = first; r < first + count; ++r) {
      row_terms_[r] = static_cast<int32_t>(static_cast<uint32_t>(row_terms_[r]) - all_zero_points);
    }
  }

  void RunPanel(const Panel& panel) {
    const kernels::PanelShape& shape = layer_.kernels->shapes[panel.shape];
    const auto kernel = layer_.general_epilogue ? shape.general : shape.symmetric;
    const int64_t tap_bytes = layer_.TapWeightBytes(panel);
    PanelTask task;
    task.epilogue.bias = layer_.bias.data() + panel.column_offset;
    task.epilogue.multipliers = layer_.multipliers.data() + panel.column_offset;
    task.epilogue.weight_zero_points = layer_.weight_zero_points.data() + panel.column_offset;
    task.epilogue.output_zero_point = layer_.output_zero_point;
    task.epilogue.lower = layer_.lower;
    task.epilogue.upper = layer_.upper;
    task.column_begin = panel.out_begin;
    task.columns = panel.columns;
    int64_t row = 0;
    for (int i = 0; i < piece_count_; ++i) {
      const PieceFeed& feed = feeds_[i];
      task.rows = rows_ + row;
      task.row_count = pieces_[i].rows();
      for (int level = 0; level < 3; ++level) {
        task.taps[level] = feed.taps[level];
        task.taps[level].weight_stride *= tap_bytes;
      }
      task.depth_groups = feed.depth_groups;
      task.weights = layer_.weights.data() + panel.weights_offset + feed.first_tap * tap_bytes;
      int32_t offsets[kernels::kMaxColumns];
      if (feed.all_taps) {
        task.epilogue.offsets = layer_.offsets.data() + panel.column_offset;
      } else {
        SumOffsets(panel, feed, shape.columns, offsets);
        task.epilogue.offsets = offsets;
      }
      task.epilogue.row_terms = layer_.general_epilogue ? row_terms_ + row : nullptr;
      kernel(task);
      row += task.row_count;
    }
  }

  // Column offsets of a piece that skips taps.
  void SumOffsets(const Panel& panel, const PieceFeed& feed, int columns, int32_t* offsets) {
    std::fill_n(offsets, columns, 0);
    for (int64_t i = 0; i < feed.taps[0].count; ++i) {
      for (int64_t j = 0; j < feed.taps[1].count; ++j) {
        const int64_t tap = feed.first_tap + i * feed.taps[0].weight_stride +
                            j * feed.taps[1].weight_stride;
        const int32_t* sums = layer_.tap_sums.data() + panel.tap_sums_offset + tap * columns;
        for (int64_t l = 0; l < feed.taps_in_row; ++l, sums += columns) {
          for (int c = 0; c < columns; ++c) {
            offsets[c] = static_cast<int32_t>(static_cast<uint32_t>(offsets[c]) -
                                              layer_.input_zero_point *
                                                  static_cast<uint32_t>(sums[c]));
          }
        }
      }
    }
  }

  const PackedLayer& layer_;
  const ImageView image_;
  Piece pieces_[kMaxPieces];
  const int piece_count_;
  PieceFeed feeds_[kMaxPieces];
  kernels::Row rows_[kMaxBlockRows];
  int32_t row_terms_[kMaxBlockRows];
  alignas(64) std::byte scratch_[kCopyBytes];
  std::unique_ptr<std::byte[]> large_scratch_;  // for windows beyond kCopyBytes
};

// Task t is block t / splits, t % splits-th share of the panels.
struct Job {
  const PackedLayer& layer;
  const ImagePlan& plan;
  const uint8_t* input;
  uint8_t* output;
  int64_t splits;

  void Run(int64_t task) const {
    const dispatch::DefaultFloatEnvironment float_environment;
    const pack::Geometry& g = layer.geometry;
    const auto pixels = [](const pack::Dims& size) { return size[0] * size[1] * size[2]; };
    const int64_t block = task / splits, split = task % splits;
    const int64_t image = block / plan.blocks();
    const ImageView view = {.input_size = plan.input(),
                            .output_size = plan.output(),
                            .input = input + image * pixels(plan.input()) * g.in_channels,
                            .output = output + image * pixels(plan.output()) * g.out_channels};
    const auto panels = static_cast<int64_t>(layer.panels.size());
    Block(layer, plan, block % plan.blocks(), view)
        .Run(panels * split / splits, panels * (split + 1) / splits);
  }
};

// How many shares of the panels make enough tasks to keep all threads busy to the end.
int64_t ChooseSplits(int64_t blocks, int64_t panels, int threads) {
  constexpr int64_t kTasksPerThread = 4;
  if (threads == 1) return 1;
  return std::clamp<int64_t>((kTasksPerThread * threads + blocks - 1) / blocks, 1, panels);
}

}  // namespace

void RunLayer(const PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
              const pack::Dims& output_size, const uint8_t* input, uint8_t* output,
              const Executor& executor) {
  const ImagePlan plan(layer, batch, input_size, output_size);
  const int64_t blocks = plan.batch() * plan.blocks();
  if (blocks == 0) return;
  const int64_t splits = ChooseSplits(blocks, static_cast<int64_t>(layer.panels.size()),
                                      executor.Concurrency());
  const Job job{layer, plan, input, output, splits};
  executor.ParallelFor(
      blocks * splits,
      [](const void* context, int64_t task) { static_cast<const Job*>(context)->Run(task); }, &job);
}

}  // namespace qconv
