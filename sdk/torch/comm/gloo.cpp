// The torch package exports c10d's Gloo without gloo's headers. The system's headers declare the
// same base classes; the system's gloo itself is not linked.
#include "torch/comm/gloo.hpp"

#include <ATen/ops/from_blob.h>

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "core/error.hpp"

namespace strata::torch {

namespace {

class Gloo final : public device::Collective {
 public:
  explicit Gloo(const run::Ranks& ranks) : ranks_(ranks) {
    guarded("no meeting at " + ranks.address + ":" + std::to_string(ranks.port), [&] {
      c10d::TCPStoreOptions options;
      options.port = ranks.port;
      options.isServer = ranks.rank == 0;
      options.numWorkers = ranks.ranks;
      options.timeout = ranks.patience;
      const auto store = c10::make_intrusive<c10d::TCPStore>(ranks.address, options);
      const auto how = c10d::ProcessGroupGloo::Options::create(ranks.patience);
      how->devices.push_back(device());
      how->threads = 1;  // one gather at a time
      group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(ranks.rank),
                                                           static_cast<int>(ranks.ranks), how);
    });
  }

  uint32_t rank() const override { return ranks_.rank; }
  uint32_t ranks() const override { return ranks_.ranks; }

  // [Note: gather in place] Gloo gathers into memory of its own and copies from there to the parts
  // of `base`: this rank's part comes back to its own place.
  void all_gather(std::byte* base, uint64_t shard) override {
    guarded("the other ranks are lost", [&] {
      const auto bytes = static_cast<int64_t>(shard);
      std::vector<std::vector<at::Tensor>> parts(1);
      for (uint32_t rank = 0; rank < ranks_.ranks; ++rank)
        parts[0].push_back(at::from_blob(base + shard * rank, {bytes}, at::kByte));
      std::vector<at::Tensor> own{parts[0][ranks_.rank]};
      group_->allgather(parts, own)->wait();
    });
  }

 private:
  // Where the ranks meet on this host itself, no traffic leaves it.
  std::shared_ptr<::gloo::transport::Device> device() const {
    const bool here = ranks_.address == "localhost" || ranks_.address.starts_with("127.");
    return here ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                : c10d::ProcessGroupGloo::createDefaultDevice();
  }

  template <class F>
  void guarded(const std::string& what, F&& f) const {
    try {
      f();
    } catch (const std::exception& e) {
      std::string_view words = e.what();
      throw Error("rank " + std::to_string(ranks_.rank),
                  what + " (" + std::string(words.substr(0, words.find('\n'))) + ")",
                  "look at what the other ranks said, and start all of them again");
    }
  }

  run::Ranks ranks_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

}  // namespace

std::unique_ptr<device::Collective> open_gloo(const run::Ranks& ranks) {
  return std::make_unique<Gloo>(ranks);
}

}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::device::Collective>
strata_open_gloo(const strata::run::Ranks& ranks) {
  return strata::torch::open_gloo(ranks);
}
