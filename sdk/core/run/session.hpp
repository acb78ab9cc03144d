// A session: a model ready to run pass after pass, with weights in their tiers and open lanes.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "core/run/compute.hpp"
#include "core/run/experts.hpp"
#include "core/run/loader.hpp"
#include "core/run/prepare.hpp"
#include "core/run/rows.hpp"
#include "core/run/streaming.hpp"
#include "core/run/tiers.hpp"
#include "core/tier/reader.hpp"
#include "core/zero/executor.hpp"

namespace strata::run {

// The parts that a session is made from; `model` and everything `compute` points to outlive it.
struct SessionParts {
  const Model* model = nullptr;
  Wish wish;
  Prepared prepared;
  std::vector<std::unique_ptr<tier::Tier>> tiers;  // of the wish, in order
  std::unique_ptr<tier::Tier> files;  // reads the checkpoint while loading; none: dummy weights
  std::unique_ptr<tier::Tier> rows;   // reads the table's rows, where a file tier holds it
  device::Collective* collective = nullptr;  // of a group; outlives the session
  // Each of several ranks calls it before a pass with whether it has tokens for the pass; returns
  // whether any of them has.
  std::function<bool(bool mine)> any_has_tokens;
  std::function<void(uint64_t pass, uint32_t unit)> progress;  // called before each unit; optional
  ComputeOptions compute;
  bool trace = false;                        // note when each action began and ended
  std::function<uint64_t()> resident_bytes;  // of the process now; asked once, ready to compute
  std::function<OpenCompute> open_compute;
  std::function<std::unique_ptr<device::Device>(uint32_t events)> open_device;
};

// Bytes moved to the device: counted at completion, and planned. `gathered` came from other ranks
// beside them.
struct Moved {
  uint64_t counted = 0, planned = 0, gathered = 0;
};
inline Moved operator-(const Moved& a, const Moved& b) {
  return {a.counted - b.counted, a.planned - b.planned, a.gathered - b.gathered};
}

// Used on one thread, which computes.
class Session {
 public:
  explicit Session(SessionParts parts, const Progress& progress = {});
  ~Session();

  // Runs one pass of at most prepared().chunk tokens. Returns the logits of the wanted rows,
  // [wanted, V], valid until the next pass.
  std::span<const float> pass(const Batch& batch);
  // Takes part, without tokens, in the pass that other ranks run. Returns false where no rank has
  // tokens any more; then all of them have run the same number of passes. Every rank calls it until
  // then after its last pass. On one rank it does nothing.
  bool follow();
  // Forgets all keys and values.
  void reset();
  // Waits for the fetches issued ahead.
  void finish();

  const Prepared& prepared() const { return parts_.prepared; }
  const Model& model() const { return *parts_.model; }
  int64_t vocabulary() const { return vocabulary_; }
  Moved moved() const;
  // Bytes read from files before the first pass.
  uint64_t loaded() const;
  Compute& compute() { return *compute_; }
  // Null without a group.
  const device::Collective* collective() const { return parts_.collective; }
  // The experts of mixture-of-experts layers; null: the model has none.
  const ExpertSlots* experts() const { return experts_.get(); }
  Streaming& streaming() { return *streaming_; }
  // The parts for another plan over the same units and arena, with events from `first_event` on.
  StreamingParts streaming_parts(uint32_t first_event);
  double load_seconds() const { return load_seconds_; }
  // The measured timeline after finish(): seconds of device::now().
  const std::deque<zero::Span>& trace() const { return trace_; }
  // resident_bytes() at the moment when the arithmetic was ready and nothing was loaded.
  uint64_t start_bytes() const { return start_bytes_; }

 private:
  std::span<std::byte> announced(uint64_t bytes);
  void open_reader();
  void load_weights(const Progress& progress);
  void open_rows();
  bool table_is_mapped() const;
  const zero::Weight& table_weight() const;
  std::unique_ptr<Rows> resident_rows() const;
  std::unique_ptr<Rows> file_rows(RowRoom room);
  MappedTile dummy_tile(const zero::Weight& table);
  std::unique_ptr<Rows> mapped_rows(RowRoom room) const;

  // Each member is destroyed before those above it, also where the constructor fails: the lanes
  // copy from memory of the tiers; the reader and the rows have nothing in flight once destroyed.
  SessionParts parts_;
  std::deque<zero::Span> trace_;
  int64_t vocabulary_ = 0;
  std::unique_ptr<Tiers> tiers_;
  std::vector<tier::Region> file_regions_, row_regions_;
  std::unique_ptr<device::Device> device_;
  std::byte* arena_ = nullptr;
  std::vector<tier::Announced> announced_;
  std::unique_ptr<Compute> compute_;
  std::unique_ptr<tier::Reader> reader_;
  std::unique_ptr<Rows> rows_;
  std::unique_ptr<ExpertSlots> experts_;
  std::unique_ptr<Streaming> streaming_;
  std::unique_ptr<zero::Executor> executor_;
  std::vector<uint64_t> loaded_;  // bytes that the tiers had read before the first pass
  double load_seconds_ = 0;
  uint64_t start_bytes_ = 0;
};

}  // namespace strata::run
