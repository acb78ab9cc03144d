#include "core/dry_run/recorder.hpp"

#include <array>

namespace strata::dry_run {
namespace {

using namespace shape;

using plugin::Handle;

// Bytes that count as held as long as any of its tensors lives.
class Storage {
 public:
  Storage(std::shared_ptr<Ledger> ledger, uint64_t bytes)
      : ledger_(std::move(ledger)), bytes_(bytes) {
    ledger_->hold(bytes_);
  }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() { ledger_->drop(bytes_); }

 private:
  std::shared_ptr<Ledger> ledger_;
  uint64_t bytes_;
};

struct Recorded : strata_tensor {
  Recorded(const Value& made, std::shared_ptr<Storage> shared)
      : value(made), storage(std::move(shared)) {
    int64_t stride = 1;
    for (auto i = value.dims.size(); i-- > 0; stride *= value.dims[i]) strides[i] = stride;
  }
  strata_view view() override {
    return {nullptr,
            {STRATA_CPU, 0},
            static_cast<int32_t>(value.dims.size()),
            value.dtype,
            &value.dims[0],
            strides.data(),
            0};
  }
  void drop() noexcept override { storage.reset(); }

  Value value;
  std::array<int64_t, Dims::most> strides{};
  std::shared_ptr<Storage> storage;  // null: a weight, which the caller holds
};

std::shared_ptr<Storage> storage_of(strata_tensor& x) { return static_cast<Recorded&>(x).storage; }

}  // namespace

Recorder::Recorder(const shape::DeclaredUnit& unit, int64_t tokens, const Request& request)
    : scope_{&unit, tokens, request.dtype}, request_(request) {}

Handle Recorder::made(const Value& value) {
  return Handle(new Recorded(value, std::make_shared<Storage>(ledger_, bytes_of(value))));
}

void Recorder::run(const shape::Op& op, const shape::Args& args, std::span<Handle> out) {
  std::array<Value, most_results> values;
  const auto results = std::span(values).first(out.size());
  op.shape(scope_, args, results);
  uint64_t bytes = 0;
  for (const auto& value : results) bytes += bytes_of(value);
  const auto cost = op.cost ? op.cost(scope_, args, results, request_) : Cost{};

  std::shared_ptr<Storage> storage;
  if (cost.viewed)
    storage = storage_of(*cost.viewed);
  else if (!cost.is_weight)
    storage = std::make_shared<Storage>(ledger_, bytes);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = Handle(new Recorded(values[i], storage));
  ledger_->pass_through(cost.held_bytes);

  kept_bytes_ += cost.kept_bytes;
  flops_ += cost.flops;
  if (cost.kv) kv_.push_back(*cost.kv);
  if (cost.positions != 0) positions_ = cost.positions, position_table_ = cost.position_table;
  if (cost.top_k != 0) top_k_ = cost.top_k;
}

Handle Recorder::empty(strata_dtype dtype, std::span<const int64_t> shape) {
  return made({dtype, Dims(shape)});
}

void* Recorder::workspace(uint64_t bytes) {
  ledger_->hold(bytes);
  return nullptr;
}

}  // namespace strata::dry_run
