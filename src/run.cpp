// Longer than 250 lines: the worker and the job it works on have no other user.
#include "run.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "dispatch/float_environment.h"
#include "in_place.h"
#include "pack/chains.h"
#include "pack/feed.h"
#include "pack/lane_feed.h"
#include "pack/pad_image.h"
#include "plan.h"
#include "stack.h"
#include "transform_model.h"
#include "transformed.h"

namespace qconv {
namespace {

using kernels::PanelTask;
using pack::ChannelGroup;
using pack::ImageView;
using pack::PackedLayer;
using pack::Panel;
using pack::Piece;
using pack::PieceFeed;

// What all tasks of one Run share.
struct Job {
  const PackedLayer& layer;
  const ImagePlan& plan;
  const pack::RunRows& run_rows;
  const uint8_t* input;
  uint8_t* output;
  int64_t blocks;  // of all images
  int64_t blocks_per_task;
  int64_t splits;            // shares of the panels
  std::byte* large_scratch;  // for windows beyond kCopyBytes, or null

  ImageView Image(int64_t index) const {
    const auto bytes = [](const pack::Dims& size, int64_t channels, int64_t idle) {
      return size[0] * size[1] * (size[2] * channels - idle);
    };
    const pack::Geometry& g = layer.geometry;
    const int64_t input_bytes = bytes(plan.input(), g.in_channels, 0);
    const int64_t output_bytes = bytes(plan.output(), g.out_channels, plan.idle_outputs());
    return {.input_size = plan.input(),
            .output_size = plan.output(),
            .input = input + index * input_bytes,
            .output = output + index * output_bytes,
            .tensor = input,
            .tensor_end = input + plan.batch() * input_bytes,
            .channels = g.in_channels,
            .first_channel = 0,
            .padding = g.padding,
            .idle_outputs = plan.idle_outputs()};
  }
};

// Whether the input of all taps lies within the 32 bits of a list about all of them. It does, but
// for windows over more than two GiB.
bool WithinReach(const kernels::TapLoop (&taps)[3]) {
  constexpr int64_t kTapBytes = int64_t{1} << 20;  // more than lists of all taps have
  int64_t last = kTapBytes;
  for (const kernels::TapLoop& loop : taps) last += (loop.count - 1) * loop.input_stride;
  return last <= std::numeric_limits<int32_t>::max();
}

// Blocks of output pixels and their multiplication by panels. Lives on the stack of its task.
class Worker {
 public:
  explicit Worker(const Job& job) : job_(job), layer_(job.layer) {}

  // Multiplies block `index` of all images by panels [begin, end).
  void Multiply(int64_t index, int64_t begin, int64_t end) {
    image_ = job_.Image(index / job_.plan.blocks());
    piece_count_ = job_.plan.PiecesOf(index % job_.plan.blocks(), pieces_);
    if (job_.plan.in_place()) {
      return RunInPlace(layer_, image_, pieces_[0], begin, end, scratch_);
    }
    feed_count_ = 0;
    int group = -1;
    for (int64_t p = begin; p < end; ++p) {
      const Panel& panel = layer_.panels[static_cast<size_t>(p)];
      if (panel.group != group) {
        if (layer_.feed == pack::Feed::kLanes) {
          FeedLanes(panel, group == -1);
        } else {
          FeedPieces(panel);
        }
        group = panel.group;
      }
      MultiplyPanel(panel);
    }
  }

 private:
  std::byte* Scratch() { return job_.large_scratch != nullptr ? job_.large_scratch : scratch_; }

  // A single piece.
  void FeedLanes(const Panel& panel, bool new_block) {
    if (!lanes_) {
      lanes_.emplace(layer_, image_, Scratch(), rows_);
    }
    if (new_block) lanes_->MoveTo(pieces_[0], image_);
    feed_count_ = lanes_->Feed(panel, feeds_);
  }

  void FeedPieces(const Panel& panel) {
    std::byte* scratch = Scratch();
    const ChannelGroup& group = layer_.groups[static_cast<size_t>(panel.group)];
    if (job_.plan.pads() && (feed_count_ == 0 || !padded_.Has(group))) {
      padded_ = PadImage(layer_, group, image_, scratch_);
    }
    const ImageView& image = job_.plan.pads() ? padded_ : image_;
    feed_count_ = piece_count_;
    int64_t row = 0;
    for (int i = 0; i < piece_count_; ++i) {
      const Piece& piece = pieces_[i];
      feeds_[i] = FeedPiece(layer_, group, piece, image, job_.run_rows, scratch, rows_ + row);
      if (piece.copied()) scratch += pack::CopyBytes(layer_, piece);
      if (layer_.needs_row_terms) SumRows(feeds_[i], piece.rows(), row_terms_ + row);
      row += piece.rows();
    }
  }

  // terms[r] = sum of (a - input zero point) over the taps of row r.
  void SumRows(const PieceFeed& feed, int64_t rows, int32_t* terms) {
    layer_.kernels->row_sums(feed.input, feed.rows, rows, feed.taps, feed.sum_bytes, terms);
    const auto zero_points = static_cast<uint32_t>(feed.products * layer_.input_zero_point);
    for (int64_t r = 0; r < rows; ++r) {
      terms[r] = static_cast<int32_t>(static_cast<uint32_t>(terms[r]) - zero_points);
    }
  }

  void MultiplyPanel(const Panel& panel) const {
    const kernels::PanelShape& shape = layer_.kernels->shapes[panel.shape];
    const auto kernel = layer_.feed == pack::Feed::kLanes ? shape.lanes.multiply : shape.multiply;
    const bool chained = panel.shape == kernels::kChainedShape;
    const int64_t tap_size = chained ? 1 : layer_.TapWeightBytes(panel);
    PanelTask task;
    task.epilogue = panel.epilogue;
    int64_t row = 0;
    for (int i = 0; i < feed_count_; ++i) {
      const PieceFeed& feed = feeds_[i];
      task.columns = panel.columns - static_cast<int>(feed.idle_outputs);
      task.input = feed.input;
      task.output = feed.output + panel.out_begin;
      task.rows = feed.rows;
      task.row_count = feed.row_count;
      task.runs = feed.runs;
      for (int level = 0; level < 3; ++level) {
        task.taps[level] = feed.taps[level];
        task.taps[level].weight_stride *= tap_size;
      }
      task.depth_groups = feed.depth_groups;
      task.group_inputs = feed.group_inputs;
      task.group_count = feed.group_count;
      if (layer_.feed == pack::Feed::kLanes) {
        task.sharing = feed.sharing;
        task.share_weight_step = layer_.weight_parts * layer_.GridTaps() * tap_size;
        task.share_output_step = feed.share_output_step;
      }
      if (chained) {
        task.weights = reinterpret_cast<const std::byte*>(layer_.chain_weights.data());
        task.whole_chains = feed.all_taps && pack::HasWholeChains(layer_) && WithinReach(task.taps);
        task.chains = layer_.chain_lists.data() +
                      (task.whole_chains ? panel.whole_chains : panel.tap_chains + feed.first_tap);
        task.chain_inputs = layer_.chain_inputs.data();
        task.chain_taps = layer_.chain_taps.data();
        if (feed.taps[2].count == 1) {  // maybe several that are one run; chains end with each
          const ChannelGroup& group = layer_.groups[static_cast<size_t>(panel.group)];
          task.taps[2] = {feed.taps_in_row, group.depth_groups * kernels::kDepthGroup, 1};
        }
      } else {
        task.weights = layer_.weights.data() + panel.weights_offset + feed.first_tap * tap_size;
      }
      alignas(64) int32_t offsets[kernels::kMaxColumns];
      task.epilogue.offsets = panel.epilogue.offsets;
      if (!feed.all_taps && layer_.input_zero_point != 0) {
        SumOffsets(panel, feed, shape.columns, offsets);
        task.epilogue.offsets = offsets;
      }
      task.epilogue.row_terms = layer_.needs_row_terms ? row_terms_ + row : nullptr;
      kernel(task);
      row += task.row_count;
    }
  }

  // Column offsets of a piece that skips taps.
  void SumOffsets(const Panel& panel, const PieceFeed& feed, int columns, int32_t* offsets) const {
    uint32_t sums[kernels::kMaxColumns] = {};
    for (int64_t i = 0; i < feed.taps[0].count; ++i) {
      for (int64_t j = 0; j < feed.taps[1].count; ++j) {
        const int64_t tap =
            feed.first_tap + i * feed.taps[0].weight_stride + j * feed.taps[1].weight_stride;
        const int32_t* begin = layer_.tap_sums.data() + panel.tap_sums_offset + tap * columns;
        const int32_t* end = begin + feed.taps_in_row * columns;
        for (int c = 0; c < columns; ++c) {
          sums[c] += static_cast<uint32_t>(end[c]) - static_cast<uint32_t>(begin[c]);
        }
      }
    }
    for (int c = 0; c < columns; ++c) {
      offsets[c] = static_cast<int32_t>(static_cast<uint32_t>(panel.epilogue.bases[c]) -
                                        uint32_t{layer_.input_zero_point} * sums[c]);
    }
  }

  const Job& job_;
  const PackedLayer& layer_;
  ImageView image_;
  ImageView padded_;  // of some layers (pack::PadImage), once there are feeds
  Piece pieces_[kMaxPieces];
  int piece_count_;
  PieceFeed feeds_[kMaxPieces];
  int feed_count_ = 0;
  std::optional<pack::LaneFeeder> lanes_;
  kernels::Row rows_[kMaxBlockRows];
  int32_t row_terms_[kMaxBlockRows];
  alignas(64) std::byte scratch_[kCopyBytes];
};

// Task t: blocks from t / splits * blocks_per_task on, t % splits-th share of the panels.
__attribute__((noinline)) void RunTask(const Job& job, int64_t task) {
  const dispatch::DefaultFloatEnvironment float_environment;
  const int64_t split = task % job.splits, first = task / job.splits * job.blocks_per_task;
  const int64_t last = std::min(first + job.blocks_per_task, job.blocks);
  const auto panels = static_cast<int64_t>(job.layer.panels.size());
  Worker worker(job);
  for (int64_t block = first; block < last; ++block) {
    worker.Multiply(block, panels * split / job.splits, panels * (split + 1) / job.splits);
  }
}

// Of a thread. The set-up of a task takes as long as a small block.
constexpr int64_t kMostTasks = 16;

// Plans the layer for images of this size, and runs it block by block.
__attribute__((noinline)) void RunBlocks(const PackedLayer& layer, int64_t batch,
                                         const pack::Dims& input_size,
                                         const pack::Dims& output_size, int64_t idle_outputs,
                                         const uint8_t* input, uint8_t* output,
                                         const Executor& caller) {
  const int caller_threads = std::max(caller.Concurrency(), 1);
  const ImagePlan plan(layer, batch, input_size, output_size, caller_threads, idle_outputs);
  const int64_t blocks = plan.batch() * plan.blocks();
  if (blocks == 0) return;
  // Windows that do not fit the stack share one buffer, a pixel at a time.
  pack::AlignedVector<std::byte> large_scratch;
  if (plan.copies() && layer.window_bytes > kCopyBytes) {
    large_scratch.resize(static_cast<size_t>(layer.window_bytes));
  }
  const Executor& executor = large_scratch.empty() ? caller : Executor::Serial();
  const int threads = large_scratch.empty() ? caller_threads : 1;
  const int64_t splits = ChooseSplits(blocks, static_cast<int64_t>(layer.panels.size()), threads);
  const int64_t blocks_per_task = std::max<int64_t>(blocks * splits / (kMostTasks * threads), 1);
  const pack::RunRows run_rows(layer, plan.LargestRectangle(), plan.most_rows(), plan.input(),
                               plan.output(), plan.pads(), idle_outputs);
  const Job job{.layer = layer,
                .plan = plan,
                .run_rows = run_rows,
                .input = input,
                .output = output,
                .blocks = blocks,
                .blocks_per_task = blocks_per_task,
                .splits = splits,
                .large_scratch = large_scratch.empty() ? nullptr : large_scratch.data()};
  executor.ParallelFor(
      pack::CeilDiv(blocks, blocks_per_task) * splits,
      [](const void* context, int64_t task) {
        CheckStack(sizeof(Worker) + kCalleeBytes);
        RunTask(*static_cast<const Job*>(context), task);
      },
      &job);
}

// What RunBlocks takes without its tasks, 4 KiB for what it calls.
constexpr int64_t kPlanBytes = sizeof(ImagePlan) + sizeof(pack::RunRows) + 4 * 1024;

}  // namespace

Way ChooseWay(const PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
              const pack::Dims& output_size) {
  const pack::Combination best = pack::BestCombination(layer, output_size[2]);
  const pack::Combination single = pack::SinglePixels(layer, output_size[2]);
  // Winograd's algorithm takes about half as long as all taps do. (3x3, 56x56 to 128x128, times its
  // speed: 64 -> 8 channels, two pixels, a third fewer products, AVX-512 VNNI 1.2, AVX-512 0.85; 64
  // -> 3, four pixels, half as many, 1.5 and 1.2, AVX2, two pixels, 1.0.)
  const bool nearly_half = best.layer != &layer && 9 * best.Columns() <= 5 * single.Columns();
  return {!nearly_half && PrefersTransformed(layer, batch, input_size, output_size), best};
}

void RunLayer(const PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
              const pack::Dims& output_size, const uint8_t* input, uint8_t* output,
              const Executor& executor) {
  const Way way = ChooseWay(layer, batch, input_size, output_size);
  if (way.transformed) {
    return RunTransformed(*layer.transformed, batch, input_size, output_size, input, output,
                          executor);
  }
  const PackedLayer& rows = *way.rows.layer;
  const pack::Dims size = {output_size[0], output_size[1], way.rows.pixels};
  const bool runs = rows.runs != nullptr && PrefersRuns(rows, input_size, size);
  CheckStack(kPlanBytes);
  RunBlocks(runs ? *rows.runs : rows, batch, input_size, size, way.rows.idle_outputs, input, output,
            executor);
}

}  // namespace qconv
