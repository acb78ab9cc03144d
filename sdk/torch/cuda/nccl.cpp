#include "torch/cuda/nccl.hpp"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstring>
#include <exception>

namespace strata::torch {

namespace {

class Nccl final : public device::Collective {
 public:
  Nccl(const Joined& joined, uint32_t index)
      : joined_(joined), exceptions_(std::uncaught_exceptions()) {
    if (cudaSetDevice(static_cast<int>(index)) != cudaSuccess) {
      cudaGetLastError();  // clears the error, so that no later call reports it again
      throw Error("cuda", "there is no device " + std::to_string(index),
                  "start no more ranks on a machine than it has GPUs");
    }
    ncclUniqueId id{};
    if (rank() == 0) check("no identity", ncclGetUniqueId(&id));
    const auto shared = joined.control.broadcast({id.internal, sizeof id.internal});
    if (shared.size() != sizeof id.internal)
      throw Error("nccl", "rank 0 has another version", "use one version on all ranks");
    std::memcpy(id.internal, shared.data(), sizeof id.internal);
    check("the GPUs do not reach each other",
          ncclCommInitRank(&comm_, static_cast<int>(ranks()), id, static_cast<int>(rank())));
    if (joined.watch)
      joined.watch->look_at([comm = comm_]() -> std::string {
        ncclResult_t result = ncclSuccess;
        if (ncclCommGetAsyncError(comm, &result) != ncclSuccess || result == ncclSuccess ||
            result == ncclInProgress)
          return {};
        return std::string("NCCL: ") + ncclGetErrorString(result);
      });
  }

  // Work that waits for a rank that failed has no end, so that an exception gives it up.
  ~Nccl() override {
    if (joined_.watch) joined_.watch->look_at({});
    if (std::uncaught_exceptions() > exceptions_)
      ncclCommAbort(comm_);
    else
      ncclCommDestroy(comm_);
  }
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;

  uint32_t rank() const override { return joined_.ranks.rank; }
  uint32_t ranks() const override { return joined_.ranks.ranks; }
  device::Collected collected() const override {
    device::Collected out;
    out.library = "nccl";
    return out;
  }

  void all_gather(std::byte* base, uint64_t shard, device::Stream stream) override {
    run("a gather", [&] {
      return ncclAllGather(base + shard * rank(), base, shard, ncclUint8, comm_, of(stream));
    });
  }

  void reduce_scatter(std::byte* base, uint64_t shard, device::Element element,
                      device::Stream stream) override {
    const auto type = element == device::Element::float32 ? ncclFloat32 : ncclBfloat16;
    run("a sum", [&] {
      return ncclReduceScatter(base, base + shard * rank(), shard / device::bytes_of(element), type,
                               ncclSum, comm_, of(stream));
    });
  }

  void broadcast(std::byte* base, uint64_t bytes, uint32_t from, device::Stream stream) override {
    run("a broadcast", [&] {
      return ncclBroadcast(base, base, bytes, ncclUint8, static_cast<int>(from), comm_, of(stream));
    });
  }

  // The numbers are in host memory, and the thread waits for them: no GPU takes part.
  void all_reduce(double* values, uint32_t count) override {
    with_reason(joined_, [&] { torch::all_reduce(joined_.sums, joined_.ranks, values, count); });
  }

 private:
  static cudaStream_t of(device::Stream stream) { return static_cast<cudaStream_t>(stream); }

  void check(const std::string& what, ncclResult_t result) const {
    if (result == ncclSuccess) return;
    const std::string_view more = ncclGetLastError(comm_);
    throw Error("nccl",
                what + ": " + ncclGetErrorString(result) +
                    (more.empty() ? "" : " (" + std::string(more) + ")"),
                ranks() == 1 ? "set NCCL_DEBUG=INFO, or leave --ranks 1 out"
                             : "look at what the other ranks said, or set NCCL_DEBUG=INFO");
  }

  template <class F>
  void run(const std::string& what, F&& call) {
    if (joined_.watch) joined_.watch->begin_call();
    const auto result = call();
    if (result != ncclSuccess) throw_reason(joined_);
    check(what, result);
  }

  const Joined& joined_;
  int exceptions_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace

std::unique_ptr<device::Collective> open_nccl(const Joined& joined, uint32_t index) {
  return std::make_unique<Nccl>(joined, index);
}

}  // namespace strata::torch
